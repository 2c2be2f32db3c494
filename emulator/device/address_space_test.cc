#include "gantry/emulator_device/address_space.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace gantry::emulator {
namespace {

constexpr std::uint64_t page = AddressSpace::page_bytes;

TEST(AddressSpace, BeginsAtZeroAndFillsTheLowestHole) {
  const auto space = *AddressSpace::create();
  EXPECT_EQ(space->allocate(1), 0U);
  EXPECT_EQ(space->allocate(page + 1), page);
  EXPECT_EQ(space->allocate(page), 3 * page);
  space->release(static_cast<std::uint32_t>(page));
  EXPECT_EQ(space->allocate(3 * page), 4 * page);  // too large for the hole
  EXPECT_EQ(space->allocate(2 * page), page);
}

TEST(AddressSpace, FindsOnlyWhatIsMapped) {
  const auto space = *AddressSpace::create();
  ASSERT_TRUE(space->allocate(page));
  ASSERT_TRUE(space->allocate(page));
  EXPECT_NE(space->at(0, 2 * page), nullptr);  // neighbours, as an IOMMU has them
  EXPECT_EQ(space->at(0, 2 * page + 1), nullptr);
  EXPECT_EQ(space->at(2 * page, 1), nullptr);
  space->release(0);
  EXPECT_EQ(space->at(0, 1), nullptr);
  EXPECT_EQ(space->at(page - 1, 2), nullptr);
  EXPECT_NE(space->at(page, page), nullptr);
  EXPECT_EQ(space->at(UINT64_MAX, UINT64_MAX), nullptr);
  EXPECT_EQ(space->at(page, UINT64_MAX), nullptr);
}

TEST(AddressSpace, AddressesAreOffsetsInItsFile) {
  const auto space = *AddressSpace::create();
  ASSERT_TRUE(space->allocate(page));
  const auto address = *space->allocate(page);
  std::memcpy(space->at(address, 4), "NPU", 4);
  std::array<char, 4> read{};
  ASSERT_EQ(pread(space->fd(), read.data(), read.size(), address), 4);
  EXPECT_STREQ(read.data(), "NPU");
}

TEST(AddressSpace, PagesComeBackEmpty) {
  const auto space = *AddressSpace::create();
  const auto address = *space->allocate(page);
  *space->at(address, 1) = std::byte{7};
  space->release(address);
  EXPECT_EQ(*space->at(*space->allocate(page), 1), std::byte{0});
}

// Else whoever holds a copy of the descriptor could end the worker with SIGBUS.
TEST(AddressSpace, NobodyShrinksTheFile) {
  const auto space = *AddressSpace::create();
  ASSERT_TRUE(space->allocate(page));
  EXPECT_NE(ftruncate(space->fd(), 0), 0);
}

TEST(AddressSpace, IsFourGibibytesLarge) {
  const auto space = *AddressSpace::create();
  EXPECT_EQ(space->allocate(0).error(), EINVAL);
  EXPECT_TRUE(space->allocate(UINT32_MAX));
  EXPECT_EQ(space->allocate(1).error(), ENOMEM);
}

}  // namespace
}  // namespace gantry::emulator
