#include "gantry/sandbox/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "gantry/base/sealed_bytes.h"
#include "gantry/base/text.h"
#include "gantry/sandbox/channel.h"
#include "testing/launch.h"

namespace gantry::sandbox {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TaskEnd end_of(std::vector<std::string> arguments, Deadline deadline = patience()) {
  auto task = Task::start(launch(std::move(arguments)));
  EXPECT_TRUE(task) << task.error().message;
  return task->wait(deadline);
}

/// A library may start a process that goes on, and has the channel open.
class TaskThatLeavesOne : public testing::TestWithParam<const char*> {};
TEST_P(TaskThatLeavesOne, EndsAllTheSame) {
  const TaskEnd end = end_of({GetParam()});
  EXPECT_TRUE(end.is_done) << end.text();
  ASSERT_FALSE(end.results.empty());
  const auto left = parse_int(end.results.front());
  ASSERT_TRUE(left);
  EXPECT_EQ(kill(static_cast<pid_t>(*left), SIGKILL), 0) << "we waited for it";
}
INSTANTIATE_TEST_SUITE_P(All, TaskThatLeavesOne,
                         testing::Values("leaves_one_that_holds", "leaves_one_that_chatters"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Task, WhatIsDoneSaysSoAndWhatItFound) {
  const TaskEnd end = end_of({"good"});
  EXPECT_TRUE(end.is_done) << end.text() << end.words;
  EXPECT_EQ(end.step, "working");
  EXPECT_THAT(end.results, ElementsAre("first", "second"));
  EXPECT_FALSE(end.error);
  EXPECT_TRUE(end.exited_with(0));
}

TEST(Task, AnErrorComesWithItsCode) {
  const TaskEnd end = end_of({"error"});
  EXPECT_FALSE(end.is_done);
  ASSERT_TRUE(end.error);
  EXPECT_EQ(end.error->code, Code::failed_precondition);
  EXPECT_EQ(end.error->message, "it cannot be");
  EXPECT_EQ(end.step, "failing");
  EXPECT_TRUE(end.exited_with(1));
}

TEST(Task, AnExceptionIsAnError) {
  const TaskEnd end = end_of({"throw"});
  EXPECT_FALSE(end.is_done);
  ASSERT_TRUE(end.error);
  EXPECT_EQ(end.error->message, "thrown");
}

TEST(Task, SilenceAndExitCode0IsNotDone) {
  const TaskEnd end = end_of({"exit", "0"});
  EXPECT_FALSE(end.is_done);
  EXPECT_TRUE(end.exited_with(0));
}

TEST(Task, WordsOnTheOutputSayNothing) {
  const TaskEnd end = end_of({"noise"});
  EXPECT_FALSE(end.is_done);
  EXPECT_TRUE(end.results.empty());
  EXPECT_THAT(end.words, HasSubstr("all is well"));
}

TEST(Task, WhoEndsOtherwiseAfterAResultIsNotDone) {
  const TaskEnd end = end_of({"done_then_exit_3"});
  EXPECT_FALSE(end.is_done);
  EXPECT_THAT(end.results, ElementsAre("all is well"));
  EXPECT_TRUE(end.exited_with(3));
}

TEST(Task, ACrashIsNamedWithWhatItDidAndItsLastWords) {
  const TaskEnd end = end_of({"crash"});
  EXPECT_FALSE(end.is_done);
  EXPECT_TRUE(end.has_crashed());
  EXPECT_THAT(end.text(), HasSubstr("signal 11"));
  EXPECT_EQ(end.step, "falling");
  EXPECT_THAT(end.words, HasSubstr("about to fall"));
}

TEST(Task, WhoIsLateIsEnded) {
  const TaskEnd end = end_of({"hang"}, Deadline::after(50ms));
  EXPECT_TRUE(end.was_late);
  EXPECT_TRUE(end.is_gone);
  EXPECT_FALSE(end.is_done);
  EXPECT_FALSE(end.has_crashed());
  EXPECT_EQ(end.text(), "did not end in time");
}

TEST(Task, WhoTalksWithoutEndIsLateToo) {
  const TaskEnd end = end_of({"chatter"}, Deadline::after(300ms));
  EXPECT_TRUE(end.was_late);
  EXPECT_LE(end.results.size(), 64U);
  EXPECT_LE(end.words.size(), std::size_t{16} << 10U);
}

TEST(Task, AChildThatCannotBeKilledDoesNotHoldItsParent) {
  auto stuck = launch({"sleep"});
  stuck.kill = [](pid_t, int) { return 0; };  // as if it were stuck in its driver
  pid_t pid = -1;
  {
    auto task = Task::start(stuck);
    ASSERT_TRUE(task) << task.error().message;
    pid = task->pid();
    const TaskEnd end = task->wait(Deadline::after(50ms));
    EXPECT_TRUE(end.was_late);
    EXPECT_FALSE(end.is_gone);
    EXPECT_FALSE(end.status);
    EXPECT_FALSE(end.is_done);
    EXPECT_THAT(end.text(), HasSubstr("cannot be ended"));
  }
  EXPECT_EQ(::kill(pid, 0), 0) << "left behind, and not waited for";
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
  // Whoever starts the next child takes it away.
  EXPECT_TRUE(end_of({"good"}).is_done);
  EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1);
}

TEST(Task, ProcessorTimeIsNotLimited) {
  // It counts all threads: 60 s of it are 15 s of a model that keeps four cores busy.
  const TaskEnd end = end_of({"limits"});
  ASSERT_TRUE(end.is_done) << end.text();
  EXPECT_THAT(end.results, ElementsAre("cpu none", "core 0", "file 1073741824"));
}

TEST(Task, DescriptorsArePassedInOrderWhateverTheirNumbersAre) {
  const auto given = SealedBytes::copy(std::as_bytes(std::span("from the parent", 15))).value();
  auto taken = make_memory_file().value();
  auto command = launch({"file"});
  command.descriptors = {given.fd(), taken.get()};
  auto task = Task::start(command);
  ASSERT_TRUE(task) << task.error().message;
  const TaskEnd end = task->wait(patience());
  ASSERT_TRUE(end.is_done) << (end.error ? end.error->message : end.text());
  EXPECT_THAT(end.results, ElementsAre("from the parent"));
  const auto back = SealedBytes::seal(std::move(taken), 100).value();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(back.bytes().data()), back.bytes().size()),
            "from the child");
}

TEST(Task, AProgramThatIsNotThereIsAnErrorOrEndsWith127) {
  auto task = Task::start({.program = "/nowhere/gantry", .arguments = {}});
  if (task) {  // under user-mode emulation only the child learns it
    EXPECT_TRUE(task->wait(patience()).exited_with(127));
  } else {
    EXPECT_EQ(task.error().code, Code::unavailable);
    EXPECT_THAT(task.error().message, HasSubstr("/nowhere/gantry"));
  }
}

TEST(Channel, NothingThereIsToldFromClosed) {
  auto [ours, theirs] = make_channel().value();
  EXPECT_EQ(receive_message(ours.get(), true).error().code, Code::resource_exhausted);
  ASSERT_TRUE(send_message(theirs.get(), std::as_bytes(std::span("hi", 2))));
  EXPECT_EQ(receive_message(ours.get(), true).value().bytes.size(), 2U);
  theirs.reset();
  EXPECT_TRUE(receive_message(ours.get(), true).value().bytes.empty());
}

}  // namespace
}  // namespace gantry::sandbox
