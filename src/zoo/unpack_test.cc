#include "unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "archives_for_tests.h"

namespace gantry::zoo {
namespace {

using testing::HasSubstr;

class UnpackTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder / "in/here");
    write(folder / "secret", "not yours");
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  Result<> unpacked(const std::vector<TarMember>& members, const ArchiveLimits& limits = {}) {
    return unpacked_bytes(gzip_of(tar_of(members)), limits);
  }
  Result<> unpacked_bytes(std::string_view bytes, const ArchiveLimits& limits = {}) {
    write(folder / "a.tgz", bytes);
    const std::array wanted = {
        Wanted{.member = "model.tflite", .target = folder / "in/here/model", .max_bytes = 100}};
    return unpack(folder / "a.tgz", wanted, limits);
  }
  /// What there is now, beside what was there before.
  [[nodiscard]] std::vector<std::string> made() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const std::string name = entry.path().lexically_relative(folder);
      if (name != "in" && name != "in/here" && name != "secret" && name != "a.tgz") {
        names.push_back(name);
      }
    }
    return names;
  }

  std::filesystem::path folder = std::filesystem::path(testing::TempDir()) /
                                 (std::string("gantry-unpack-") +
                                  testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(UnpackTest, TakesTheMemberAndNothingElse) {
  const auto done = unpacked({{.name = "./readme", .content = "hello"},
                              {.name = "./model.tflite", .content = "bytes"},
                              {.name = "deep", .content = {}, .type = '5'},
                              {.name = "deep/other", .content = "x"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(read(folder / "in/here/model"), "bytes");
  EXPECT_THAT(made(), testing::ElementsAre("in/here/model"));
}

TEST_F(UnpackTest, APlainTarIsFine) {
  const std::vector<TarMember> members = {{.name = "model.tflite", .content = "bytes"}};
  EXPECT_TRUE(unpacked_bytes(tar_of(members)));
}

TEST_F(UnpackTest, NamesThatLeadElsewhereAreNeverFollowed) {
  const std::string absolute = (folder / "absolute").string();
  const auto done = unpacked({{.name = "../outside", .content = "x"},
                              {.name = absolute, .content = "x"},
                              {.name = "in/here/../../up", .content = "x"},
                              {.name = "/model.tflite", .content = "wrong"},
                              {.name = "../model.tflite", .content = "wrong"},
                              {.name = "model.tflite", .content = "bytes"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(read(folder / "in/here/model"), "bytes");
  EXPECT_THAT(made(), testing::ElementsAre("in/here/model"));
}

TEST_F(UnpackTest, LinksAreNotFollowedToWriteThroughThem) {
  const auto done = unpacked({{.name = "in", .content = {}, .type = '2', .link = "/"},
                              {.name = "model.tflite", .content = "bytes"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(std::filesystem::is_symlink(folder / "in"));
}

struct Hostile {
  const char* name;
  std::vector<TarMember> members;
  Code code;
  const char* message;
};
class HostileArchive : public UnpackTest, public testing::WithParamInterface<Hostile> {};

TEST_P(HostileArchive, IsRefusedAndTouchesNothing) {
  const auto done = unpacked(GetParam().members, {.max_unpacked_bytes = 1000, .max_members = 5});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, GetParam().code) << done.error().message;
  EXPECT_THAT(done.error().message, HasSubstr(GetParam().message));
  EXPECT_EQ(read(folder / "secret"), "not yours");
}

INSTANTIATE_TEST_SUITE_P(
    Archives, HostileArchive,
    testing::Values(
        Hostile{"symbolic_link",
                {{.name = "model.tflite", .content = {}, .type = '2', .link = "../secret"}},
                Code::invalid_argument,
                "want a regular file"},
        Hostile{"hard_link",
                {{.name = "secret", .content = "x"},
                 {.name = "model.tflite", .content = {}, .type = '1', .link = "secret"}},
                Code::invalid_argument,
                "want a regular file"},
        Hostile{"folder",
                {{.name = "model.tflite", .content = {}, .type = '5'}},
                Code::invalid_argument,
                "\"model.tflite"},
        Hostile{"character_device",
                {{.name = "model.tflite", .content = {}, .type = '3'}},
                Code::invalid_argument,
                "want a regular file"},
        Hostile{"fifo",
                {{.name = "model.tflite", .content = {}, .type = '6'}},
                Code::invalid_argument,
                "want a regular file"},
        Hostile{
            "the_member_twice",
            {{.name = "model.tflite", .content = "a"}, {.name = "./model.tflite", .content = "b"}},
            Code::invalid_argument,
            "found two"},
        Hostile{"no_such_member",
                {{.name = "other", .content = "a"}},
                Code::invalid_argument,
                "found none"},
        Hostile{"nothing_at_all", {}, Code::invalid_argument, ""},
        Hostile{"member_above_its_bound",
                {{.name = "model.tflite", .content = std::string(101, 'x')}},
                Code::out_of_range,
                "want at most 100 bytes"},
        Hostile{"others_above_the_whole_bound",
                {{.name = "a", .content = std::string(600, 'x')},
                 {.name = "b", .content = std::string(600, 'x')}},
                Code::out_of_range,
                "unpacked"},
        Hostile{"says_that_it_is_huge",
                {{.name = "model.tflite", .content = "x", .size_field = "77777777777"}},
                Code::out_of_range,
                "want at most"},
        Hostile{"another_says_that_it_is_huge",
                {{.name = "other", .content = "x", .size_field = "77777777777"},
                 {.name = "model.tflite", .content = "x"}},
                Code::out_of_range,
                "want at most"},
        // Base-256 sizes: the first byte's high bit says so.
        Hostile{"says_that_it_has_2_to_the_63_bytes",
                {{.name = "model.tflite",
                  .content = "x",
                  .size_field = std::string("\x80\0\0\0\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12)}},
                Code::invalid_argument,
                "want a whole .tar"},
        Hostile{"too_many_members",
                {{.name = "1", .content = {}},
                 {.name = "2", .content = {}},
                 {.name = "3", .content = {}},
                 {.name = "4", .content = {}},
                 {.name = "5", .content = {}},
                 {.name = "model.tflite", .content = "x"}},
                Code::out_of_range,
                "5 members"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(UnpackTest, EveryCutOfAnArchiveIsSeen) {
  const std::vector<TarMember> members = {{.name = "readme", .content = "hello"},
                                          {.name = "model.tflite", .content = "0123456789"}};
  const std::string whole = gzip_of(tar_of(members));
  ASSERT_TRUE(unpacked_bytes(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto done = unpacked_bytes(whole.substr(0, size));
    // What is cut off at the very end may be gzip's checksum alone; then the member has to be
    // right.
    if (done) {
      EXPECT_EQ(read(folder / "in/here/model"), "0123456789") << size;
      EXPECT_GE(size + 8, whole.size()) << size;
    }
  }
}

TEST_F(UnpackTest, DamageInTheCompressedBytesIsSeenOrHarmless) {
  const std::vector<TarMember> members = {{.name = "model.tflite", .content = "0123456789"}};
  const std::string whole = gzip_of(tar_of(members));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    // Whatever it says: it comes back, within its bounds. The sanitizers watch.
    std::ignore = unpacked_bytes(damaged, {.max_unpacked_bytes = 100'000, .max_members = 10});
  }
}

TEST_F(UnpackTest, WhatIsNoArchiveIsRefused) {
  for (const std::string_view bytes : {"", "x", "<!doctype html><html>", "PK\x03\x04"}) {
    const auto done = unpacked_bytes(bytes);
    ASSERT_FALSE(done) << bytes;
    EXPECT_EQ(done.error().code, Code::invalid_argument);
  }
}

TEST_F(UnpackTest, ABombIsStoppedWhileItUnpacks) {
  const auto done = unpacked({{.name = "bomb", .content = std::string(50'000'000, '\0')},
                              {.name = "model.tflite", .content = "x"}},
                             {.max_unpacked_bytes = 1'000'000});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::out_of_range);
}

}  // namespace
}  // namespace gantry::zoo
