#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "gantry/inference/loaded_model.h"
#include "gantry/inference/service.h"
#include "gantry/test/model_builder.h"

namespace gantry::inference {
namespace {

using backend::DeviceWanted;
using backend::NpuReport;
using backend::NpuSlots;
using backend::Proof;
using dispatch::Device;
using testing::HasSubstr;
using State = backend::DevicePolicy::State;

std::vector<std::byte> picture() {
  std::string ppm = "P6\n8 8\n255\n" + std::string(std::size_t{8} * 8 * 3, '\x40');
  const auto bytes = std::as_bytes(std::span(ppm));
  return {bytes.begin(), bytes.end()};
}

/// What all fake slots of a test do.
struct Script {
  std::atomic<int> failures = 0;  ///< so many of the next invokes break their slot
  std::atomic<bool> repairable = true;
  std::function<void()> on_failure;
  std::atomic<int> invokes = 0;
};

/// A slot that answers "blue" at once, for the model color_classifier().
class FakeSlot final : public dispatch::ExecutionSlot {
 public:
  explicit FakeSlot(Script& script) : script_(&script) {}
  [[nodiscard]] Device device() const noexcept override { return Device::npu; }
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  [[nodiscard]] std::span<std::byte> input(std::size_t /*index*/) override { return input_; }
  [[nodiscard]] std::span<const std::byte> output(std::size_t /*index*/) const override {
    return output_;
  }
  [[nodiscard]] Result<> invoke() override {
    ++script_->invokes;
    if (script_->failures > 0) {
      --script_->failures;
      is_broken_ = true;
      if (script_->on_failure) {
        script_->on_failure();
      }
      return fail(Code::unavailable, "the worker was ended by signal 11");
    }
    return {};
  }
  [[nodiscard]] bool is_broken() const noexcept override { return is_broken_; }
  [[nodiscard]] std::string broken_reason() const override {
    return is_broken_ ? "the worker was ended by signal 11" : "";
  }
  [[nodiscard]] Result<> repair(const std::stop_token& /*stop*/) override {
    if (!script_->repairable) {
      return fail(Code::unavailable, "still no device");
    }
    is_broken_ = false;
    return {};
  }

 private:
  Script* script_;
  std::atomic<bool> is_broken_ = false;
  std::vector<TensorSpec> inputs_{
      {.name = "in", .dtype = DType::uint8, .shape = {1, 8, 8, 3}, .quantization = {}}};
  std::vector<TensorSpec> outputs_{{.name = "out",
                                    .dtype = DType::uint8,
                                    .shape = {1, 3},
                                    .quantization = Quantization{.scale = 1.0F / 256}}};
  std::vector<std::byte> input_{std::vector<std::byte>(std::size_t{8} * 8 * 3)};
  std::vector<std::byte> output_{std::byte{1}, std::byte{2}, std::byte{200}};
};

class NpuSlotsTest : public testing::Test {
 protected:
  ~NpuSlotsTest() override { std::filesystem::remove(path_); }

  Result<std::shared_ptr<LoadedModel>> load(DeviceWanted wanted, std::size_t slots,
                                            NpuReport report = {}) {
    EXPECT_TRUE(test::write_model(path_, test::color_classifier()));
    ModelConfig config;
    config.path = path_;
    config.slots = 1;
    config.device = wanted;
    config.npu_slots = slots;
    config.npu = [this, report](const auto& /*model*/, std::size_t count) {
      asked_ = true;
      NpuSlots npu{.report = report, .slots = {}};
      for (std::size_t i = 0; i < (report.reason.empty() ? count : 0); ++i) {
        npu.slots.push_back(std::make_unique<FakeSlot>(script_));
      }
      return npu;
    };
    config.on_device_change = [this](const DeviceChange& change) {
      const std::scoped_lock lock(mutex_);
      changes_.push_back(change);
      changed_.notify_all();
    };
    return LoadedModel::load(std::move(config));
  }
  /// Waits for the next change of the policy's state.
  DeviceChange next_change() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !changes_.empty(); });
    auto change = changes_.front();
    changes_.pop_front();
    return change;
  }
  static Result<Response> ask(LoadedModel& model, Deadline deadline = Deadline::never()) {
    return model.infer({.image = picture(), .options = {}, .deadline = deadline, .cancelled = {}});
  }
  /// The device that answered.
  static Device device_of(LoadedModel& model) {
    const auto response = ask(model);
    EXPECT_TRUE(response) << response.error().message;
    return response ? response->device : Device::cpu;
  }

  Script script_;
  std::atomic<bool> asked_ = false;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<DeviceChange> changes_;
  std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                ("gantry_npu_slots_" + std::to_string(::getpid()) + ".tflite");
};

// ---- at load

TEST_F(NpuSlotsTest, CpuNeverLooks) {
  const auto model = load(DeviceWanted::cpu, 3);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_FALSE(asked_);
  EXPECT_EQ((*model)->device(), Device::cpu);
  EXPECT_EQ((*model)->npu_slots(), nullptr);
  EXPECT_EQ((*model)->npu_report().reason, "the CPU was asked for");
  EXPECT_EQ(device_of(**model), Device::cpu);
}

TEST_F(NpuSlotsTest, AutoTakesTheNpuThatIsThere) {
  const auto model = load(DeviceWanted::automatic, 3);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->device(), Device::npu);
  EXPECT_EQ((*model)->npu_status().usable, 3U);
  EXPECT_NE((*model)->cpu_slots(), nullptr);
  EXPECT_EQ(device_of(**model), Device::npu);
}

TEST_F(NpuSlotsTest, AutoWithoutOneRunsOnTheCpuAndSaysWhy) {
  const auto model =
      load(DeviceWanted::automatic, 3, {.reason = "there is no accel node", .proof = Proof::none});
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->device(), Device::cpu);
  EXPECT_EQ((*model)->npu_report().reason, "there is no accel node");
  EXPECT_EQ(device_of(**model), Device::cpu);
}

TEST_F(NpuSlotsTest, NpuWithoutOneIsRefused) {
  const auto model =
      load(DeviceWanted::npu, 3, {.reason = "the proof failed", .proof = Proof::failed});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::failed_precondition);
  EXPECT_THAT(model.error().message, HasSubstr("the proof failed"));
}

TEST_F(NpuSlotsTest, NpuHasNothingElse) {
  const auto model = load(DeviceWanted::npu, 2);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->cpu_slots(), nullptr);
  EXPECT_EQ(device_of(**model), Device::npu);
}

// ---- a slot that fails, where another one works

TEST_F(NpuSlotsTest, AutoComputesAgainOnTheCpu) {
  const auto model = load(DeviceWanted::automatic, 3);
  script_.failures = 1;
  EXPECT_EQ(device_of(**model), Device::cpu);
  const auto status = (*model)->npu_status();
  EXPECT_EQ(status.retries, 1U);
  EXPECT_EQ(status.failures.at(Code::unavailable), 1U);
  EXPECT_THAT(status.last_failure, HasSubstr("signal 11"));
  EXPECT_EQ(device_of(**model), Device::npu) << "two slots are left";
}

TEST_F(NpuSlotsTest, NpuComputesAgainOnAnotherSlot) {
  const auto model = load(DeviceWanted::npu, 2);
  script_.failures = 1;
  EXPECT_EQ(device_of(**model), Device::npu);
  EXPECT_EQ((*model)->npu_status().retries, 1U);
}

TEST_F(NpuSlotsTest, OnlyOnce) {
  script_.repairable = false;
  const auto model = load(DeviceWanted::npu, 3);
  script_.failures = 2;
  const auto response = ask(**model);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::unavailable);
  EXPECT_EQ((*model)->npu_status().retries, 1U);
  EXPECT_EQ(script_.invokes, 2);
}

TEST_F(NpuSlotsTest, NotForAClientThatHungUpMeanwhile) {
  const auto model = load(DeviceWanted::automatic, 3);
  std::stop_source client;
  script_.failures = 1;
  script_.on_failure = [&] { client.request_stop(); };
  const auto response = (*model)->infer({.image = picture(),
                                         .options = {},
                                         .deadline = Deadline::never(),
                                         .cancelled = client.get_token()});
  ASSERT_FALSE(response);
  EXPECT_EQ((*model)->npu_status().retries, 0U);
  EXPECT_EQ(script_.invokes, 1);
}

// ---- the last slot fails, and comes back

TEST_F(NpuSlotsTest, AutoMovesToTheCpuAndComesBack) {
  script_.repairable = false;
  const auto model = load(DeviceWanted::automatic, 1);
  script_.failures = 1;
  EXPECT_EQ(device_of(**model), Device::cpu);
  const auto left = next_change();
  EXPECT_EQ(left.state, State::moved);
  EXPECT_THAT(left.reason, HasSubstr("signal 11"));
  EXPECT_EQ((*model)->device(), Device::cpu);
  EXPECT_EQ(device_of(**model), Device::cpu);
  EXPECT_EQ((*model)->npu_status().usable, 0U);
  EXPECT_EQ((*model)->npu_status().moves_away, 1U);

  script_.repairable = true;
  EXPECT_EQ(next_change().state, State::on_npu);
  EXPECT_EQ((*model)->npu_status().restarts, 1U);
  EXPECT_EQ(device_of(**model), Device::npu);
}

TEST_F(NpuSlotsTest, NpuRefusesUntilItIsBack) {
  script_.repairable = false;
  const auto model = load(DeviceWanted::npu, 1);
  metrics::Registry registry;
  Service service({.queue_capacity = 4, .decode_threads = 1}, *model, registry);
  EXPECT_TRUE(service.is_ready());
  script_.failures = 1;
  EXPECT_EQ(ask(**model).error().code, Code::unavailable);
  EXPECT_EQ(next_change().state, State::down);
  const auto refused = ask(**model);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("signal 11"));
  EXPECT_FALSE(service.is_ready());
  EXPECT_FALSE(service.is_draining());
  EXPECT_EQ(service.status().front().device, Device::npu);

  script_.repairable = true;
  EXPECT_EQ(next_change().state, State::on_npu);
  EXPECT_TRUE(service.is_ready());
  EXPECT_EQ(device_of(**model), Device::npu);
}

TEST_F(NpuSlotsTest, MetricsTellOfIt) {
  script_.repairable = false;
  const auto model = load(DeviceWanted::automatic, 1,
                          {.reason = "",
                           .proof = Proof::passed,
                           .proof_words = "",
                           .operators_npu = 28,
                           .operators_cpu = 3,
                           .partitions = 1});
  metrics::Registry registry;
  const Service service({.queue_capacity = 4, .decode_threads = 1}, *model, registry);
  const auto line = [&](std::string_view name, std::string_view label, std::string_view value) {
    return testing::ContainsRegex(std::string(name) + R"(\{[^}]*)" + std::string(label) +
                                  R"([^}]*\} )" + std::string(value) + "\n");
  };
  auto text = registry.expose();
  EXPECT_THAT(text, line("gantry_npu_slots_usable", "", "1"));
  EXPECT_THAT(text, line("gantry_model_operators", "device=\"npu\"", "28"));
  EXPECT_THAT(text, line("gantry_model_operators", "device=\"cpu\"", "3"));
  script_.failures = 1;
  EXPECT_EQ(device_of(**model), Device::cpu);
  EXPECT_EQ(next_change().state, State::moved);
  text = registry.expose();
  EXPECT_THAT(text, line("gantry_npu_slots_usable", "", "0"));
  EXPECT_THAT(text, line("gantry_npu_failures_total", "reason=\"unavailable\"", "1"));
  EXPECT_THAT(text, line("gantry_npu_retries_total", "", "1"));
  EXPECT_THAT(text, line("gantry_npu_fallbacks_total", "", "1"));
}

TEST_F(NpuSlotsTest, ScrapesAtTheSameTimeCountNothingTwice) {
  const auto model = load(DeviceWanted::automatic, 2);
  metrics::Registry registry;
  const Service service({.queue_capacity = 4, .decode_threads = 1}, *model, registry);
  constexpr std::ptrdiff_t scrapers = 4;
  constexpr int rounds = 200;
  std::barrier round(scrapers, [&]() noexcept {
    script_.failures = 1;
    static_cast<void>(ask(**model));
  });
  {
    std::vector<std::jthread> threads;
    for (std::ptrdiff_t i = 0; i < scrapers; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < rounds; ++k) {
          round.arrive_and_wait();
          static_cast<void>(registry.expose());
        }
      });
    }
  }
  const auto status = (*model)->npu_status();
  const auto text = registry.expose();
  EXPECT_THAT(text, HasSubstr("gantry_npu_failures_total{model=\"" + (*model)->name() +
                              "\",reason=\"unavailable\",version=\"1\"} " +
                              std::to_string(status.failures.at(Code::unavailable)) + "\n"));
  EXPECT_THAT(text, HasSubstr("gantry_npu_retries_total{model=\"" + (*model)->name() +
                              "\",version=\"1\"} " + std::to_string(status.retries) + "\n"));
}

// ---- many at a time

TEST_F(NpuSlotsTest, NoRequestIsLostWhileSlotsComeAndGo) {
  const auto model = load(DeviceWanted::automatic, 3);
  std::atomic<int> answered = 0;
  {
    std::vector<std::jthread> clients;
    for (int client = 0; client < 4; ++client) {
      clients.emplace_back([&] {
        for (int turn = 0; turn < 100; ++turn) {
          if (turn % 10 == 0) {
            script_.failures = 2;
          }
          answered += ask(**model) ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(answered, 400);
}

}  // namespace
}  // namespace gantry::inference
