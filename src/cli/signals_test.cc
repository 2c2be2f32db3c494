#include "gantry/cli/signals.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <utility>

#include "gantry/base/unique_fd.h"

namespace gantry::cli {
namespace {

using testing::HasSubstr;

/// Leaves this process `count` more descriptors.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t count) {
    getrlimit(RLIMIT_NOFILE, &before_);
    // The lowest free one: descriptors are given out from there.
    const UniqueFd next(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const rlimit few = {.rlim_cur = static_cast<rlim_t>(next.get()) + count,
                        .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

bool is_blocked(int signal) {
  sigset_t set;
  pthread_sigmask(SIG_SETMASK, nullptr, &set);
  return sigismember(&set, signal) == 1;
}

TEST(SignalsTest, ASignalIsACall) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  std::promise<std::pair<int, int>> called;
  {
    const auto signals = Signals::start(
        [&](int signal, int earlier) { called.set_value(std::pair(signal, earlier)); });
    ASSERT_TRUE(signals) << signals.error().message;
    ::kill(::getpid(), SIGTERM);
    EXPECT_EQ(called.get_future().get(), std::pair(SIGTERM, 0));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(SignalsTest, WithoutDescriptorsItIsAnErrorAndNothingIsBlocked) {
  for (const rlim_t count : {0U, 1U}) {
    const FewDescriptors few(count);
    const auto signals = Signals::start([](int, int) {});
    ASSERT_FALSE(signals) << count;
    EXPECT_EQ(signals.error().code, Code::resource_exhausted);
    EXPECT_THAT(signals.error().message, HasSubstr("Too many open files"));
    EXPECT_FALSE(is_blocked(SIGTERM));
  }
}

}  // namespace
}  // namespace gantry::cli
