#include "gantry/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace gantry {
namespace {

/// A folder that is gone with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "gantry-file-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class FileTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
};

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST_F(FileTest, WhatIsWrittenIsRead) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file(path, bytes_of("hello")));
  EXPECT_EQ(read_text_file(path, 5).value(), "hello");
  const auto mapped = MappedFile::open(path, 5);
  ASSERT_TRUE(mapped) << mapped.error().message;
  ASSERT_EQ(mapped->bytes().size(), 5U);
  EXPECT_EQ(std::memcmp(mapped->bytes().data(), "hello", 5), 0);
}

TEST_F(FileTest, WritingReplacesAndLeavesNothingBeside) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file(path, bytes_of("first")));
  ASSERT_TRUE(write_file(path, bytes_of("second")));
  EXPECT_EQ(read_text_file(path, 100).value(), "second");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(FileTest, WritingIntoAMissingFolderNamesThePath) {
  const auto result = write_file(folder_ / "none" / "a", bytes_of("x"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid_argument);
  EXPECT_NE(result.error().message.find("none/a"), std::string::npos) << result.error().message;
}

TEST_F(FileTest, AnAbsentFileIsNotFound) {
  EXPECT_EQ(read_file(folder_ / "none", 10).error().code, Code::not_found);
  EXPECT_EQ(MappedFile::open(folder_ / "none", 10).error().code, Code::not_found);
}

TEST_F(FileTest, AFolderIsNoFile) {
  EXPECT_EQ(read_file(folder_.path(), 10).error().code, Code::invalid_argument);
}

TEST_F(FileTest, AFifoIsRefusedWithoutWaitingForAWriter) {
  const auto path = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(read_file(path, 10).error().code, Code::invalid_argument);
}

TEST_F(FileTest, ATooLargeFileIsRefusedBeforeItIsRead) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file(path, bytes_of("123456")));
  EXPECT_EQ(read_file(path, 5).error().code, Code::out_of_range);
  EXPECT_EQ(MappedFile::open(path, 5).error().code, Code::out_of_range);
}

TEST_F(FileTest, AnEmptyFileMapsToNothing) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file(path, {}));
  EXPECT_TRUE(MappedFile::open(path, 5).value().bytes().empty());
}

}  // namespace
}  // namespace gantry
