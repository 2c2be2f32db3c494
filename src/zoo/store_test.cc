#include "gantry/zoo/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "archives_for_tests.h"
#include "files.h"
#include "gantry/base/deadline.h"
#include "gantry/digest/sha256.h"
#include "gantry/test/model_builder.h"
#include "gantry/zoo/pull.h"
#include "record.h"

// The store, and pulling into it from a folder. Pulling over HTTP: tests/e2e/test_models.py.
namespace gantry::zoo {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
Content content_of(std::string_view bytes) {
  return {.sha256 = digest::sha256_of(bytes), .bytes = bytes.size()};
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(mirror);
    entry.name = "tiny";
    entry.licence = "CC0";
    entry.url = "https://example.org/tiny.tflite";
    entry.download = content_of(model);
    settings.from = mirror;
    write(mirror / "tiny.tflite", model);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// All files below the store but its own.
  [[nodiscard]] std::vector<std::string> visible() const {
    std::vector<std::string> names;
    for (const auto& found : std::filesystem::recursive_directory_iterator(store.root())) {
      const std::string name = found.path().lexically_relative(store.root());
      if (!name.starts_with(".gantry") && !found.is_directory()) {
        names.push_back(name);
      }
    }
    std::ranges::sort(names);
    return names;
  }
  void use_archive(const std::vector<TarMember>& members) {
    const std::string archive = gzip_of(tar_of(members));
    entry.url = "https://example.org/tiny.tgz";
    entry.download = content_of(archive);
    entry.member = Member{.path = "tiny.tflite", .content = content_of(model)};
    std::filesystem::remove(mirror / "tiny.tflite");
    write(mirror / "tiny.tgz", archive);
  }

  std::filesystem::path folder = std::filesystem::path(testing::TempDir()) /
                                 (std::string("gantry-store-") +
                                  testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::path mirror = folder / "mirror";
  std::string model = text_of(test::color_classifier());
  Store store{folder / "models"};
  Entry entry;
  PullSettings settings;
};

TEST_F(StoreTest, PullPutsModelAndRecordInTheirPlace) {
  EXPECT_EQ(store.status(entry).state, Store::State::absent);
  const auto pulled = pull(entry, store, settings);
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_FALSE(pulled->was_installed);
  EXPECT_EQ(pulled->sha256, entry.download.sha256);
  EXPECT_EQ(read(store.model(entry)), model);
  EXPECT_THAT(visible(), testing::ElementsAre("tiny/1/model.tflite", "tiny/1/source.toml"));
  EXPECT_EQ(store.status(entry).state, Store::State::installed);
  EXPECT_EQ(*find_installed("tiny", store.root()), store.model(entry));
  EXPECT_EQ(read_record(store.folder(entry))->url, entry.url);
}

TEST_F(StoreTest, ASecondPullLeavesAGoodModelAlone) {
  ASSERT_TRUE(pull(entry, store, settings));
  std::filesystem::remove_all(mirror);
  const auto again = pull(entry, store, settings);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->was_installed);
}

TEST_F(StoreTest, ADamagedModelIsSeenAndReplaced) {
  ASSERT_TRUE(pull(entry, store, settings));
  std::string damaged = model;
  damaged[20] = static_cast<char>(damaged[20] ^ 1);
  write(store.model(entry), damaged);
  EXPECT_EQ(store.status(entry).state, Store::State::installed);  // the size is right
  const auto checked = store.verify(entry);
  ASSERT_TRUE(checked);
  ASSERT_EQ(checked->problems.size(), 1U);
  EXPECT_THAT(checked->problems[0], HasSubstr(entry.download.sha256));
  ASSERT_TRUE(pull(entry, store, settings));
  EXPECT_THAT(store.verify(entry)->problems, IsEmpty());
  EXPECT_EQ(read(store.model(entry)), model);
}

TEST_F(StoreTest, AWrongChecksumInstallsNothing) {
  write(mirror / "tiny.tflite", model + "x");
  const auto pulled = pull(entry, store, settings);
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, Code::invalid_argument);
  EXPECT_THAT(pulled.error().message, HasSubstr(entry.download.sha256));
  EXPECT_THAT(pulled.error().message, HasSubstr(digest::sha256_of(model + "x")));
  EXPECT_THAT(visible(), IsEmpty());
}

TEST_F(StoreTest, AWrongChecksumLeavesTheOldModelInPlace) {
  ASSERT_TRUE(pull(entry, store, settings));
  const Entry old = entry;
  entry.download = content_of("another");
  EXPECT_FALSE(pull(entry, store, settings));
  EXPECT_THAT(store.verify(old)->problems, IsEmpty());
}

TEST_F(StoreTest, WhatIsNoModelIsNotInstalledWhateverItsChecksum) {
  const std::string page = "<html>404</html>";
  write(mirror / "tiny.tflite", page);
  entry.download = content_of(page);
  const auto pulled = pull(entry, store, settings);
  ASSERT_FALSE(pulled);
  EXPECT_THAT(pulled.error().message, HasSubstr("web page"));
  EXPECT_THAT(visible(), IsEmpty());
}

TEST_F(StoreTest, BytesWithoutAChecksumAreOnlyTakenIfTrusted) {
  entry.download = {};
  auto pulled = pull(entry, store, settings);
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, Code::failed_precondition);
  EXPECT_THAT(pulled.error().message, HasSubstr(digest::sha256_of(model)));
  EXPECT_THAT(visible(), IsEmpty());
  Unverified asked;
  settings.trusts = [&](const Unverified& file) {
    asked = file;
    return true;
  };
  pulled = pull(entry, store, settings);
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_EQ(asked.sha256, digest::sha256_of(model));
  EXPECT_EQ(asked.bytes, model.size());
  // From now on it is held against what was trusted.
  EXPECT_THAT(store.verify(entry)->problems, IsEmpty());
  write(store.model(entry), model + "x");
  EXPECT_EQ(store.verify(entry)->problems.size(), 1U);
}

TEST_F(StoreTest, AnArchiveGivesItsModelAndLabels) {
  use_archive({{.name = "./tiny.tflite", .content = model},
               {.name = "./names.txt", .content = "red\ngreen\n"},
               {.name = "../evil", .content = "x"}});
  entry.labels = {.from = LabelsFrom::archive, .where = "names.txt", .content = {}};
  const auto pulled = pull(entry, store, settings);
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_THAT(visible(), testing::ElementsAre("tiny/1/labels.txt", "tiny/1/model.tflite",
                                              "tiny/1/source.toml"));
  EXPECT_THAT(store.verify(entry)->problems, IsEmpty());
  write(store.folder(entry) / labels_file, "blue\n");
  EXPECT_EQ(store.verify(entry)->problems.size(), 1U);
  std::filesystem::remove(store.folder(entry) / labels_file);
  EXPECT_EQ(store.verify(entry)->problems.size(), 1U);
}

TEST_F(StoreTest, AnArchiveOfUnknownChecksumIsHeldToAccountByItsMembers) {
  use_archive({{.name = "tiny.tflite", .content = model}});
  entry.download = {};
  EXPECT_TRUE(pull(entry, store, settings));
  ASSERT_TRUE(store.remove(entry, std::chrono::seconds(1)));
  use_archive({{.name = "tiny.tflite", .content = model + "x"}});
  entry.download = {};
  const auto pulled = pull(entry, store, settings);
  ASSERT_FALSE(pulled);
  EXPECT_THAT(pulled.error().message, HasSubstr("tiny.tflite"));
  EXPECT_THAT(visible(), IsEmpty());
}

TEST_F(StoreTest, AMirrorMayHaveTheModelWithoutItsArchive) {
  use_archive({{.name = "tiny.tflite", .content = model}});
  std::filesystem::remove(mirror / "tiny.tgz");
  write(mirror / "tiny.tflite", model);
  const auto pulled = pull(entry, store, settings);
  ASSERT_TRUE(pulled) << pulled.error().message;
}

TEST_F(StoreTest, WhatAMirrorLacksIsNamedWithThePlacesLookedAt) {
  std::filesystem::remove(mirror / "tiny.tflite");
  const auto pulled = pull(entry, store, settings);
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, Code::not_found);
  EXPECT_THAT(pulled.error().message, HasSubstr((mirror / "tiny.tflite").string()));
}

TEST_F(StoreTest, MissingLabelsInstallNothing) {
  entry.labels = {.from = LabelsFrom::url, .where = "https://example.org/names.txt", .content = {}};
  EXPECT_FALSE(pull(entry, store, settings));
  EXPECT_THAT(visible(), IsEmpty());
}

TEST_F(StoreTest, WhatAKilledPullLeftIsRemovedByTheNext) {
  write(store.root() / ".gantry/staging/tiny-abcdef/new/model.tflite", "half");
  write(store.root() / ".gantry/staging/tiny-other-abcdef/new/model.tflite", "half");
  ASSERT_TRUE(pull(entry, store, settings));
  EXPECT_FALSE(std::filesystem::exists(store.root() / ".gantry/staging/tiny-abcdef"));
  EXPECT_TRUE(std::filesystem::exists(store.root() / ".gantry/staging/tiny-other-abcdef"));
}

TEST_F(StoreTest, TwoPullsOfOneModelDoNotMeet) {
  std::filesystem::create_directories(store.root() / ".gantry/locks");
  const auto lock = FileLock::acquire(store.root() / ".gantry/locks/tiny", Deadline::never(), {});
  ASSERT_TRUE(lock);
  bool waited = false;
  settings.on_wait = [&] { waited = true; };
  settings.lock_wait = std::chrono::milliseconds(1);
  const auto pulled = pull(entry, store, settings);
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code, Code::unavailable);
  EXPECT_TRUE(waited);
}

TEST_F(StoreTest, RemoveLeavesOtherVersionsAndForeignModels) {
  ASSERT_TRUE(pull(entry, store, settings));
  write(store.root() / "tiny/2/model.tflite", "mine");
  ASSERT_TRUE(store.remove(entry, std::chrono::seconds(1)));
  EXPECT_THAT(visible(), testing::ElementsAre("tiny/2/model.tflite"));
  EXPECT_EQ(store.remove(entry, std::chrono::seconds(1)).error().code, Code::not_found);
  entry.version = 2;
  EXPECT_EQ(store.remove(entry, std::chrono::seconds(1)).error().code, Code::failed_precondition);
  EXPECT_THAT(visible(), testing::ElementsAre("tiny/2/model.tflite"));
}

TEST_F(StoreTest, FindInstalledTakesTheGreatestVersion) {
  for (const char* const version : {"2", "10", "9", "x", "0"}) {
    write(store.root() / "tiny" / version / "model.tflite", "m");
  }
  std::filesystem::create_directories(store.root() / "tiny/11");
  EXPECT_EQ(*find_installed("tiny", store.root()), store.root() / "tiny/10/model.tflite");
  for (const char* const name : {"", "..", "tiny/10", ".gantry", "/etc", "other"}) {
    EXPECT_EQ(find_installed(name, store.root()).error().code, Code::not_found) << name;
  }
}

TEST(PublishFolder, ReplacesAtOnceAndKeepsTheOldOneAside) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "gantry-publish";
  std::filesystem::remove_all(folder);
  write(folder / "old/file", "old");
  write(folder / "fresh/file", "fresh");
  ASSERT_TRUE(publish_folder(folder / "fresh", folder / "old"));
  EXPECT_EQ(read(folder / "old/file"), "fresh");
  EXPECT_EQ(read(folder / "fresh/file"), "old");
  EXPECT_FALSE(publish_folder(folder / "absent", folder / "old"));
  EXPECT_EQ(read(folder / "old/file"), "fresh");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gantry::zoo
