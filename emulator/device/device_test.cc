#include "gantry/emulator_device/device.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "gantry/emulator_testing/layer.h"

namespace gantry::emulator {
namespace {

using namespace std::chrono_literals;
using testing::Layer;

Layer small_layer() {
  Layer layer{.size = 4, .in_channels = 16, .out_channels = 16};
  layer.in = {.scale = 0.1F, .zero_point = 0};
  layer.weight = {.scale = 0.1F, .zero_point = 128};
  layer.out = {.scale = 1.0F, .zero_point = 0};
  layer.weights.assign(std::size_t{16} * 16, 138);
  layer.bias.assign(16, 0);
  return layer;
}
// Each output: 16 inputs of 10 · weights of 10, times 0.01; stored less 128.
constexpr std::byte right_byte{16 + 128};

/// A layer in a file's buffers, ready to be submitted.
class Client {
 public:
  explicit Client(Device& device) : file_(*device.open()) {
    const Layer layer = small_layer();
    const std::vector<std::uint8_t> pixels(std::size_t{4} * 4 * 16, 10);
    const auto weights = put(testing::pack_weights(layer));
    const auto biases = put(testing::pack_biases(layer));
    const auto input = put(testing::pack_map(pixels, 4, 16, 0));
    output_ = put(std::vector<std::int8_t>(std::size_t{4} * 4 * 16));
    stream_ = put(make_stream(layer, {.input = input.address,
                                      .weights = weights.address,
                                      .biases = biases.address,
                                      .output = output_.address}));
    inputs_ = {weights.handle, biases.handle, input.handle, stream_.handle};
  }

  [[nodiscard]] JobRequest job() const {
    return {.tasks = {{.address = stream_.address, .words = 130}},
            .in_handles = inputs_,
            .out_handles = {output_.handle}};
  }
  [[nodiscard]] IoResult<> submit(int jobs = 1) {
    return file_->submit(std::vector<JobRequest>(static_cast<std::size_t>(jobs), job()));
  }
  [[nodiscard]] IoResult<> wait(Deadline deadline = Deadline::never(), bool poll = false) {
    return file_->prepare(output_.handle, deadline, poll);
  }
  /// Submits, waits, and looks at the first byte of a channel.
  [[nodiscard]] std::byte run(std::size_t channel = 0) {
    std::memset(memory(output_.address), 0, 4096);
    EXPECT_TRUE(submit());
    EXPECT_TRUE(wait());
    return memory(output_.address)[channel];
  }
  File& file() { return *file_; }
  [[nodiscard]] CreatedBo output() const { return output_; }
  [[nodiscard]] CreatedBo stream() const { return stream_; }
  std::byte* memory(std::uint32_t address) { return base_.get() + address; }

 private:
  struct Unmap {
    void operator()(std::byte* base) const { munmap(base, mapped); }
  };
  static constexpr std::size_t mapped = 1U << 20U;

  template <class T>
  CreatedBo put(const std::vector<T>& values) {
    const auto bo = file_->create_bo(static_cast<std::uint32_t>(values.size() * sizeof(T)));
    if (base_ == nullptr) {
      base_.reset(static_cast<std::byte*>(
          mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file_->memory_fd(), 0)));
    }
    std::memcpy(memory(bo->address), values.data(), values.size() * sizeof(T));
    return *bo;
  }

  std::shared_ptr<File> file_;
  std::unique_ptr<std::byte, Unmap> base_;
  CreatedBo output_;
  CreatedBo stream_;
  std::vector<std::uint32_t> inputs_;
};

class DeviceTest : public ::testing::Test {
 protected:
  void apply(std::string_view command) { ASSERT_TRUE(settings_.apply(command)) << command; }
  Settings settings_;
  Device device_{settings_};
};

TEST_F(DeviceTest, ComputesAJob) {
  Client client(device_);
  EXPECT_EQ(client.run(), right_byte);
  EXPECT_EQ(device_.status().jobs, 1U);
  EXPECT_EQ(device_.status().macs, 4U * 4 * 16 * 16);
}

TEST_F(DeviceTest, FilesHaveAddressSpacesOfTheirOwn) {
  Client one(device_);
  Client other(device_);
  EXPECT_EQ(one.output().address, other.output().address);
  EXPECT_EQ(one.run(), right_byte);
  EXPECT_EQ(*other.memory(other.output().address), std::byte{0});
}

TEST_F(DeviceTest, TheFirstBufferIsAtAddressZero) {
  const auto file = *device_.open();
  EXPECT_EQ(file->create_bo(1)->address, 0U);
  EXPECT_EQ(file->create_bo(1)->address, 4096U);
}

TEST_F(DeviceTest, BufferErrorsAreTheKernels) {
  Client client(device_);
  EXPECT_EQ(client.file().create_bo(0).error(), EINVAL);
  EXPECT_EQ(client.file().prepare(99, Deadline::never(), false).error(), ENOENT);
  EXPECT_EQ(client.file().finish(99).error(), ENOENT);
  EXPECT_EQ(client.file().close_bo(99).error(), EINVAL);
  EXPECT_TRUE(client.file().finish(client.output().handle));
  EXPECT_TRUE(client.file().close_bo(client.output().handle));
  EXPECT_EQ(client.wait().error(), ENOENT);
}

// Nobody is told: the ioctl returns 0, and so does the wait.
TEST_F(DeviceTest, ABadJobIsDroppedInSilence) {
  Client client(device_);
  auto no_tasks = client.job();
  no_tasks.tasks.clear();
  auto no_words = client.job();
  no_words.tasks[0].words = 0;
  auto bad_handle = client.job();
  bad_handle.in_handles.push_back(77);
  EXPECT_TRUE(client.file().submit({no_tasks, no_words, bad_handle}));
  EXPECT_TRUE(client.wait());
  EXPECT_EQ(device_.status().dropped, 3U);
  EXPECT_EQ(*client.memory(client.output().address), std::byte{0});
}

TEST_F(DeviceTest, ABufferTwiceIsDroppedOnSiliconAlone) {
  Client client(device_);
  auto twice = client.job();
  twice.in_handles.push_back(twice.in_handles.front());
  ASSERT_TRUE(client.file().submit({twice}));
  ASSERT_TRUE(client.wait());
  EXPECT_EQ(*client.memory(client.output().address), right_byte);
  apply("mode quirks");
  ASSERT_TRUE(client.file().submit({twice}));
  EXPECT_EQ(device_.status().dropped, 1U);
}

TEST_F(DeviceTest, AStreamThatIsNonsenseStopsItsJobAndNothingElse) {
  Client client(device_);
  std::memset(client.memory(client.stream().address), 0xAB, 64);
  EXPECT_EQ(client.run(), std::byte{0});
  EXPECT_EQ(device_.status().failed, 1U);
  EXPECT_NE(device_.status().last_failure, "");
  EXPECT_EQ(Client(device_).run(), right_byte);
}

TEST_F(DeviceTest, AnAddressThatIsNotMappedStopsItsJob) {
  Client client(device_);
  auto job = client.job();
  job.tasks[0].address = 0x4000'0000;
  ASSERT_TRUE(client.file().submit({job}));
  EXPECT_TRUE(client.wait());
  EXPECT_EQ(device_.status().failed, 1U);
}

TEST_F(DeviceTest, ABufferLivesAsLongAsAJobNeedsIt) {
  Client client(device_);
  apply("fault slow=20");
  ASSERT_TRUE(client.submit());
  ASSERT_TRUE(client.file().close_bo(client.stream().handle));
  EXPECT_TRUE(client.wait());
  EXPECT_EQ(*client.memory(client.output().address), right_byte);
}

TEST_F(DeviceTest, PollingABusyBufferIsEbusyAndALateDeadlineIsEtimedout) {
  Client client(device_);
  EXPECT_TRUE(client.wait(Deadline::after(0ms), true));
  apply("fault slow=200");
  ASSERT_TRUE(client.submit());
  EXPECT_EQ(client.wait(Deadline::after(0ms), true).error(), EBUSY);
  EXPECT_EQ(client.wait(Deadline::after(1ms)).error(), ETIMEDOUT);
  EXPECT_TRUE(client.wait());
}

TEST_F(DeviceTest, OpenFaults) {
  apply("fault absent");
  EXPECT_EQ(device_.open().error(), ENOENT);
  apply("clear");
  apply("fault eacces");
  EXPECT_EQ(device_.open().error(), EACCES);
  apply("clear");
  EXPECT_TRUE(device_.open());
}

TEST_F(DeviceTest, CallFaults) {
  Client client(device_);
  apply("fault submit-error=ENOMEM:count=1");
  EXPECT_EQ(client.submit().error(), ENOMEM);
  EXPECT_EQ(client.run(), right_byte);
  apply("fault create-error:count=1");
  EXPECT_EQ(client.file().create_bo(1).error(), ENOMEM);
  EXPECT_TRUE(client.file().create_bo(1));
}

TEST_F(DeviceTest, ALostJobLeavesTheOutputAsItWas) {
  Client client(device_);
  apply("fault lose-job:count=1");
  EXPECT_EQ(client.run(), std::byte{0});
  EXPECT_EQ(client.run(), right_byte);
  EXPECT_EQ(device_.status().lost, 1U);
}

TEST_F(DeviceTest, AWrongChannelIsWrongAlone) {
  Client client(device_);
  apply("fault wrong-channel=3");
  EXPECT_EQ(client.run(2), right_byte);
  EXPECT_EQ(client.run(3), right_byte ^ std::byte{0x40});
  apply("fault wrong-channel=16");  // more than there are
  EXPECT_EQ(client.run(3), right_byte);
}

TEST_F(DeviceTest, AHangEndsWithTheWatchdogAndWithoutAnError) {
  Client client(device_);
  apply("fault hang:count=1");
  const auto begin = Clock::now();
  EXPECT_EQ(client.run(), std::byte{0});
  EXPECT_GE(Clock::now() - begin, watchdog);
  EXPECT_EQ(device_.status().timeouts, 1U);
  EXPECT_EQ(client.run(), right_byte);
}

TEST_F(DeviceTest, AVanishedDeviceAnswersEnodevForGood) {
  Client client(device_);
  apply("fault vanish:after=1,count=1");
  EXPECT_EQ(client.run(), right_byte);
  ASSERT_TRUE(client.submit());
  EXPECT_EQ(client.wait().error(), ENODEV);
  EXPECT_EQ(client.submit().error(), ENODEV);
  EXPECT_EQ(client.file().create_bo(1).error(), ENODEV);
  EXPECT_EQ(client.file().finish(client.output().handle).error(), ENODEV);
  EXPECT_TRUE(client.file().close_bo(client.output().handle));
  EXPECT_EQ(Client(device_).run(), right_byte);  // it has been plugged in again
}

TEST_F(DeviceTest, AWaiterWakesWhenTheDeviceGoes) {
  Client client(device_);
  apply("fault slow=2000");
  ASSERT_TRUE(client.submit());
  const std::jthread unplug([&] { device_.vanish(); });
  const auto begin = Clock::now();
  EXPECT_EQ(client.wait().error(), ENODEV);
  EXPECT_LT(Clock::now() - begin, 2s);
  apply("clear");
}

// Modelled times add up however busy this machine is.
TEST_F(DeviceTest, FilesSpreadOverThreeCoresInModelledTime) {
  apply("mode timing");
  apply("time-scale 300");  // a job of some 75 µs becomes one of 22 ms
  std::array<std::unique_ptr<Client>, 3> clients;
  for (auto& client : clients) {
    client = std::make_unique<Client>(device_);
    ASSERT_TRUE(client->submit(10));
  }
  for (auto& client : clients) {
    ASSERT_TRUE(client->wait());
    EXPECT_EQ(*client->memory(client->output().address), std::byte{0});  // nothing is computed
  }
  const auto busy = device_.status().busy_seconds;
  EXPECT_GT(busy[0], 0.2);
  EXPECT_NEAR(busy[0], busy[1], 1e-9);
  EXPECT_NEAR(busy[1], busy[2], 1e-9);
}

TEST_F(DeviceTest, ClosingAFileDropsItsQueue) {
  apply("fault slow=20");
  {
    Client client(device_);
    ASSERT_TRUE(client.submit(1000));
  }
  EXPECT_LT(device_.status().jobs, 1000U);
  EXPECT_EQ(device_.status().files, 0U);
  EXPECT_EQ(device_.status().buffers, 0U);
}

TEST(Device, ItsEndIsNotifiedToCoresThatAreAboutToWait) {
  // Between a core's look at its queue and its wait: wide enough to be hit now and then.
  for (int i = 0; i < 2000; ++i) {
    Settings settings;
    const Device device(settings);
  }
}

}  // namespace
}  // namespace gantry::emulator
