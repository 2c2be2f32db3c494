#include "gantry/base/sealed_bytes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace gantry {
namespace {

using testing::HasSubstr;

std::string_view text_of(const SealedBytes& sealed) {
  return {reinterpret_cast<const char*>(sealed.bytes().data()), sealed.bytes().size()};
}

class SealedBytesTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path); }
  void write(std::string_view text) const { std::ofstream(path) << text; }
  std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) /
      (std::string("sealed-") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(SealedBytesTest, WhatWasReadStaysWhateverBecomesOfTheFile) {
  const std::string text(200'000, 'a');
  write(text);
  const auto sealed = SealedBytes::read(path, 1 << 20U);
  ASSERT_TRUE(sealed) << sealed.error().message;
  write("overwritten in place");
  EXPECT_EQ(text_of(*sealed), text);
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  EXPECT_EQ(text_of(*sealed), text);  // a mapping of the file would raise SIGBUS
  std::filesystem::remove(path);
  EXPECT_EQ(text_of(*sealed), text);
}

TEST_F(SealedBytesTest, NobodyCanChangeThem) {
  write("abc");
  const auto sealed = SealedBytes::read(path, 100).value();
  EXPECT_EQ(pwrite(sealed.fd(), "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(sealed.fd(), 1), -1);
  EXPECT_EQ(mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, sealed.fd(), 0), MAP_FAILED);
  EXPECT_EQ(text_of(sealed), "abc");
}

TEST_F(SealedBytesTest, AnotherHolderSeesTheSameBytes) {
  const auto sealed = SealedBytes::copy(std::as_bytes(std::span("hello", 5))).value();
  const auto other = SealedBytes::adopt(UniqueFd(dup(sealed.fd())), 5).value();
  EXPECT_EQ(text_of(other), "hello");
  EXPECT_EQ(SealedBytes::adopt(UniqueFd(dup(sealed.fd())), 4).error().code, Code::out_of_range);
}

TEST_F(SealedBytesTest, WhatMayChangeIsNotAdopted) {
  auto memory = make_memory_file().value();
  ASSERT_TRUE(write_all(memory.get(), std::as_bytes(std::span("abc", 3))));
  EXPECT_EQ(SealedBytes::adopt(UniqueFd(dup(memory.get())), 10).error().code,
            Code::invalid_argument);
  write("abc");
  EXPECT_EQ(SealedBytes::adopt(UniqueFd(open(path.c_str(), O_RDONLY)), 10).error().code,
            Code::invalid_argument);
  EXPECT_EQ(SealedBytes::adopt(UniqueFd(), 10).error().code, Code::invalid_argument);
  const auto sealed = SealedBytes::seal(std::move(memory), 10);
  ASSERT_TRUE(sealed) << sealed.error().message;
  EXPECT_EQ(text_of(*sealed), "abc");
}

TEST_F(SealedBytesTest, WhatSomebodyMayStillWriteToCanNotBeSealed) {
  auto memory = make_memory_file().value();
  ASSERT_TRUE(write_all(memory.get(), std::as_bytes(std::span("abc", 3))));
  void* const writable = mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  ASSERT_NE(writable, MAP_FAILED);
  EXPECT_FALSE(SealedBytes::seal(std::move(memory), 10));
  munmap(writable, 3);
}

TEST_F(SealedBytesTest, NothingAndTooMuch) {
  write("");
  EXPECT_EQ(text_of(SealedBytes::read(path, 10).value()), "");
  EXPECT_EQ(text_of(SealedBytes()), "");
  EXPECT_EQ(SealedBytes().fd(), -1);
  write("12345678901");
  const auto large = SealedBytes::read(path, 10);
  EXPECT_EQ(large.error().code, Code::out_of_range);
  EXPECT_THAT(large.error().message, HasSubstr(path.string()));
  EXPECT_EQ(SealedBytes::read(path.string() + ".absent", 10).error().code, Code::not_found);
}

/// Somebody writes one version over the other, from front to back: at no moment does a later part
/// of the file have a newer version than an earlier one.
TEST_F(SealedBytesTest, WhatIsReadWasThereAtOneMoment) {
  constexpr std::size_t pieces = 64;
  constexpr std::size_t piece_size = std::size_t{64} << 10U;
  using Piece = std::vector<std::uint32_t>;
  write(std::string(pieces * piece_size, '\0'));
  std::atomic<std::uint32_t> version = 0;
  std::jthread writer([&](const std::stop_token& stop) {
    const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    while (!stop.stop_requested()) {
      const Piece piece(piece_size / sizeof(std::uint32_t), ++version);
      for (std::size_t i = 0; i < pieces; ++i) {
        ASSERT_EQ(pwrite(file.get(), piece.data(), piece_size, static_cast<off_t>(i * piece_size)),
                  static_cast<ssize_t>(piece_size));
      }
    }
  });
  while (version < 2) {
    std::this_thread::yield();
  }
  const auto busy = SealedBytes::read(path, pieces * piece_size);
  if (busy) {
    std::vector<std::uint32_t> read(busy->bytes().size() / sizeof(std::uint32_t));
    std::memcpy(read.data(), busy->bytes().data(), busy->bytes().size());
    EXPECT_TRUE(std::ranges::is_sorted(read, std::greater()));
  } else {
    EXPECT_EQ(busy.error().code, Code::unavailable);
    EXPECT_THAT(busy.error().message, HasSubstr("changes while it is read"));
  }
  writer = {};
  EXPECT_TRUE(SealedBytes::read(path, pieces * piece_size));
}

}  // namespace
}  // namespace gantry
