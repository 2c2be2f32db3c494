#include "gantry/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "gantry/base/unique_fd.h"

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

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

TEST_F(FileTest, AReplacedFileKeepsItsPermissions) {
  const auto path = folder_ / "a";
  for (const mode_t mode : {0600U, 0640U, 0666U}) {
    ASSERT_TRUE(write_file(path, bytes_of("first")));
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    ASSERT_TRUE(write_file(path, bytes_of("second")));
    EXPECT_EQ(mode_of(path), mode);
    EXPECT_EQ(read_text_file(path, 100).value(), "second");
  }
}

TEST_F(FileTest, ANewFileHasTheUsualPermissions) {
  for (const mode_t mask : {0022U, 0077U, 0U}) {
    const auto path = folder_ / std::to_string(mask).c_str();
    const mode_t before = ::umask(mask);
    const auto written = write_file(path, bytes_of("x"));
    ::umask(before);
    ASSERT_TRUE(written);
    EXPECT_EQ(mode_of(path), 0666U & ~mask);
  }
}

TEST_F(FileTest, TheFileThatALinkNamesIsReplacedAndTheLinkStays) {
  std::filesystem::create_directory(folder_ / "inner");
  const auto file = folder_ / "inner/file";
  std::filesystem::create_symlink("file", folder_ / "inner/link");
  std::filesystem::create_symlink("inner/link", folder_ / "link");
  for (const char* text : {"not there before", "there before"}) {
    ASSERT_TRUE(write_file(folder_ / "link", bytes_of(text)));
    EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link"));
    EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "inner/link"));
    EXPECT_FALSE(std::filesystem::is_symlink(file));
    EXPECT_EQ(read_text_file(file, 100).value(), text);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "inner"), {}), 2);
}

TEST_F(FileTest, ALinkToItselfIsAnError) {
  std::filesystem::create_symlink("loop", folder_ / "loop");
  const auto result = write_file(folder_ / "loop", bytes_of("x"));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find((folder_ / "loop").string()), std::string::npos);
}

TEST_F(FileTest, ADirectoryIsAnErrorThatNamesIt) {
  const auto result = write_file(folder_.path(), bytes_of("x"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid_argument);
  EXPECT_EQ(result.error().message,
            folder_.path().string() + ": want a file to write, found a directory");
}

TEST_F(FileTest, AFifoIsWrittenInto) {
  const auto path = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  ASSERT_TRUE(write_file(path, bytes_of("hello")));
  std::array<char, 8> text{};
  ASSERT_EQ(::read(reader.get(), text.data(), text.size()), 5);
  EXPECT_STREQ(text.data(), "hello");
  EXPECT_TRUE(std::filesystem::is_fifo(path));
}

TEST_F(FileTest, ADeviceIsWrittenInto) {
  const auto path = folder_ / "null";
  // A node of our own: a test that fails must not cost the machine its /dev/null.
  constexpr int null_major = 1;
  constexpr int null_minor = 3;
  if (::mknod(path.c_str(), S_IFCHR | 0666U, makedev(null_major, null_minor)) != 0) {
    GTEST_SKIP() << "only root makes device nodes";
  }
  if (!UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC))) {
    GTEST_SKIP() << "devices cannot be opened here";
  }
  ASSERT_TRUE(write_file(path, bytes_of("hello")));
  EXPECT_TRUE(std::filesystem::is_character_file(path));
}

TEST_F(FileTest, ALinkToAnOpenFileIsWrittenInto) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file(path, bytes_of("before ")));
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const auto link = folder_ / "link";  // as /dev/stdout
  std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(fd.get()), link);
  ASSERT_TRUE(write_file(link, bytes_of("behind")));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  std::array<char, 32> text{};
  // The descriptor still has the file.
  EXPECT_EQ(::read(fd.get(), text.data(), text.size()), 13);
  EXPECT_STREQ(text.data(), "before behind");
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
