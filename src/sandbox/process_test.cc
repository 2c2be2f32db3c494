#include "gantry/sandbox/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "testing/launch.h"

namespace gantry::sandbox {
namespace {

using namespace std::chrono_literals;

TEST(Process, IsWaitedForUntilItsEndAndNoLonger) {
  auto process = Process::start(launch({"exit", "7"})).value();
  EXPECT_TRUE(process.wait(patience()));
  ASSERT_TRUE(process.status());
  EXPECT_EQ(how_it_ended(*process.status()), "ended with exit code 7");
}

TEST(Process, AnEndThatNobodyIsToldOfIsNoSuccess) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  auto process = Process::start(launch({"exit", "0"})).value();
  EXPECT_TRUE(process.wait(patience()));
  std::signal(SIGCHLD, before);
  EXPECT_EQ(how_it_ended(*process.status()), "ended with exit code 255");
}

TEST(Process, AWaitIsBounded) {
  auto process = Process::start(launch({"sleep"})).value();
  EXPECT_FALSE(process.wait(Deadline::after(20ms)));
  EXPECT_FALSE(process.has_ended());
  EXPECT_TRUE(process.end(patience()));
  EXPECT_EQ(how_it_ended(*process.status()), "was ended by signal 9 (Killed)");
}

TEST(Process, EndingOneThatDoesNotDieIsBoundedAndSaid) {
  auto stuck = launch({"sleep"});
  stuck.kill = [](pid_t, int) { return 0; };
  auto process = Process::start(stuck).value();
  EXPECT_FALSE(process.end(Deadline::after(20ms)));
  EXPECT_FALSE(process.status());
  EXPECT_EQ(::kill(process.pid(), SIGKILL), 0);
  EXPECT_TRUE(process.wait(patience()));
}

TEST(Process, MovedAwayIsNoProcess) {
  auto process = Process::start(launch({"exit", "0"})).value();
  const Process other = std::move(process);
  EXPECT_FALSE(process.is_started());  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_TRUE(other.is_started());
  EXPECT_TRUE(Process().wait(Deadline::after(0ms)));
}

TEST(LastLine, IsPrintableAndShort) {
  EXPECT_EQ(last_line("one\ntwo\x1b[31m\n\n"), "two?[31m");
  EXPECT_EQ(last_line(""), "");
  EXPECT_EQ(last_line(std::string(1000, 'x')).size(), 200U);
}

}  // namespace
}  // namespace gantry::sandbox
