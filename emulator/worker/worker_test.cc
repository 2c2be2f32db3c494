#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "connection.h"
#include "gantry/base/unique_fd.h"
#include "gantry/emulator_worker/job_list.h"
#include "gantry/emulator_worker/server.h"
#include "open_files.h"
#include "socket.h"

namespace gantry::emulator {
namespace {

using ::testing::HasSubstr;

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

template <class T>
T read_reply(const Reply& reply) {
  T value{};
  EXPECT_EQ(reply.bytes.size(), sizeof(T));
  std::memcpy(&value, reply.bytes.data(), std::min(sizeof(T), reply.bytes.size()));
  return value;
}

TEST(ReadJobs, ReadsWhatWasWritten) {
  const std::vector<std::uint32_t> words = {1, 2, 1, /*task*/ 0x1000, 130, /*in*/ 5, 6, /*out*/ 7,
                                            0, 0, 0};
  const auto jobs = read_jobs(std::as_bytes(std::span(words)));
  ASSERT_TRUE(jobs);
  ASSERT_EQ(jobs->size(), 2U);
  EXPECT_EQ(jobs->front().tasks.front().address, 0x1000U);
  EXPECT_EQ(jobs->front().tasks.front().words, 130U);
  EXPECT_THAT(jobs->front().in_handles, ::testing::ElementsAre(5, 6));
  EXPECT_THAT(jobs->front().out_handles, ::testing::ElementsAre(7));
  EXPECT_TRUE(jobs->back().tasks.empty());
}

TEST(ReadJobs, ClaimsOfMoreThanThereIsAreErrors) {
  for (std::size_t claim = 0; claim < 3; ++claim) {
    std::vector<std::uint32_t> words = {0, 0, 0};
    words[claim] = 0xFFFF'FFFF;
    EXPECT_FALSE(read_jobs(std::as_bytes(std::span(words))));
  }
  EXPECT_FALSE(read_jobs(std::vector<std::byte>(5)));
  EXPECT_TRUE(read_jobs({}));
}

class ConnectionTest : public ::testing::Test {
 protected:
  Settings settings_;
  Device device_{settings_};
  OpenFiles files_;
};

TEST_F(ConnectionTest, NothingWorksBeforeOpen) {
  Connection connection(device_, files_);
  EXPECT_EQ(
      connection.answer(wire::Op::create_bo, bytes_of(wire::CreateBo{.bytes = 1, .reserved = 0}))
          .error,
      EBADF);
  EXPECT_EQ(connection.answer(wire::Op::attach, bytes_of(wire::Attach{.token = 1})).error, ENODEV);
}

TEST_F(ConnectionTest, AFurtherConnectionSharesTheFile) {
  auto first = std::make_unique<Connection>(device_, files_);
  Connection second(device_, files_);
  const auto opened = first->answer(wire::Op::open, {});
  EXPECT_GE(opened.passed_fd, 0);
  const wire::Attach attach{.token = read_reply<wire::Opened>(opened).token};
  EXPECT_EQ(second.answer(wire::Op::attach, bytes_of(attach)).error, 0);
  const auto created =
      second.answer(wire::Op::create_bo, bytes_of(wire::CreateBo{.bytes = 10, .reserved = 0}));
  const wire::Handle handle{.handle = read_reply<wire::CreatedBo>(created).handle};
  EXPECT_EQ(first->answer(wire::Op::finish, bytes_of(handle)).error, 0);
  first.reset();
  EXPECT_EQ(device_.status().files, 1U);
  EXPECT_EQ(second.answer(wire::Op::close_bo, bytes_of(handle)).error, 0);
}

TEST_F(ConnectionTest, PayloadsOfTheWrongSizeAreErrors) {
  Connection connection(device_, files_);
  ASSERT_EQ(connection.answer(wire::Op::open, {}).error, 0);
  const std::vector<std::byte> odd(3);
  for (std::uint32_t op = 0; op < 12; ++op) {
    EXPECT_NE(connection.answer(static_cast<wire::Op>(op), odd).error, 0) << op;
  }
}

class ServerTest : public ConnectionTest {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gantry-worker-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    auto server = Server::start(folder_, device_, [](std::string_view line) {
      return line == "hello" ? std::string("ok there") : std::string("error what?");
    });
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] UniqueFd connect() const { return *connect_to(Server::device_socket(folder_)); }

  std::filesystem::path folder_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, OpensAFileForAConnectionAndClosesItWithIt) {
  {
    const auto socket = connect();
    const wire::RequestHead head{.op = static_cast<std::uint32_t>(wire::Op::open), .bytes = 0};
    ASSERT_TRUE(send_all(socket.get(), bytes_of(head)));
    std::vector<std::byte> reply(sizeof(wire::ReplyHead) + sizeof(wire::Opened));
    ASSERT_TRUE(receive_all(socket.get(), reply));
    EXPECT_EQ(device_.status().files, 1U);
  }
  while (device_.status().files != 0) {
    std::this_thread::yield();
  }
}

TEST_F(ServerTest, NonsenseEndsAConnectionAndNoOther) {
  const auto socket = connect();
  const wire::RequestHead head{.op = 3, .bytes = UINT32_MAX};
  ASSERT_TRUE(send_all(socket.get(), bytes_of(head)));
  std::byte nothing{};
  EXPECT_FALSE(receive_all(socket.get(), {&nothing, 1}));
  EXPECT_EQ(send_command(Server::control_socket(folder_), "hello").value_or(""), "there");
}

TEST_F(ServerTest, CommandsAreAnswered) {
  const auto socket = Server::control_socket(folder_);
  EXPECT_EQ(send_command(socket, "hello").value_or(""), "there");
  const auto refused = send_command(socket, "bye");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "what?");
}

TEST_F(ServerTest, EndsWhileConnectionsAreOpen) {
  const auto idle = connect();
  const auto control = *connect_to(Server::control_socket(folder_));
  server_.reset();
  std::byte nothing{};
  EXPECT_FALSE(receive_all(idle.get(), {&nothing, 1}));
  EXPECT_FALSE(std::filesystem::exists(Server::device_socket(folder_)));
}

TEST_F(ServerTest, APathTooLongForASocketIsAnError) {
  const auto far = Server::start(folder_ / std::string(200, 'x'), device_, {});
  ASSERT_FALSE(far);
  EXPECT_THAT(far.error().message, HasSubstr("too long"));
}

}  // namespace
}  // namespace gantry::emulator
