#include "gantry/zoo/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "files.h"
#include "gantry/digest/sha256.h"
#include "gantry/test/shared.h"

namespace gantry::zoo {
namespace {

using testing::HasSubstr;

std::string some_sha256() { return std::string(64, 'a'); }

/// A manifest with one model; `from` is replaced by `to` in it.
std::string manifest_text(std::string_view from = {}, std::string_view to = {}) {
  std::string text = R"(format = 1
[[model]]
name = "tiny"
title = "A tiny model"
task = "classification"
licence = "CC0"
origin = "made for tests"
input = "uint8 [1,8,8,3]"
[model.download]
url = "https://example.org/models/tiny.tgz"
sha256 = "unknown"
[model.archive]
member = "a/tiny.tflite"
sha256 = ")" + some_sha256() +
                     R"("
bytes = 1000
[model.labels]
from = "archive"
member = "a/labels.txt"
sha256 = "unknown"
[model.npu]
verdict = "wrong"
note = "never seen right"
[model.expect]
image = "red.png"
image_url = "https://example.org/red.png"
image_sha256 = ")" + some_sha256() +
                     R"("
label = "red"
class_id = 0
probability = 0.9
)";
  if (!from.empty()) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST(Manifest, TellsAllOfAModel) {
  const auto manifest = Manifest::parse(manifest_text(), "test.toml");
  ASSERT_TRUE(manifest) << manifest.error().message;
  const Entry* const entry = manifest->find("tiny");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->version, 1U);
  EXPECT_EQ(entry->url, "https://example.org/models/tiny.tgz");
  EXPECT_EQ(entry->download, Content());
  ASSERT_TRUE(entry->member);
  EXPECT_EQ(entry->member->path, "a/tiny.tflite");
  EXPECT_EQ(entry->model(), (Content{.sha256 = some_sha256(), .bytes = 1000}));
  EXPECT_EQ(entry->labels.from, LabelsFrom::archive);
  EXPECT_EQ(entry->npu, NpuVerdict::wrong);
  ASSERT_TRUE(entry->expect);
  EXPECT_EQ(entry->expect->class_id, 0);
  EXPECT_EQ(manifest->find("other"), nullptr);
}

struct Mistake {
  const char* name;
  const char* from;
  const char* to;
  const char* message;
};
class BadManifest : public testing::TestWithParam<Mistake> {};

TEST_P(BadManifest, IsRefusedWithThePlaceTheWantedAndTheFound) {
  const auto manifest = Manifest::parse(manifest_text(GetParam().from, GetParam().to), "test.toml");
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().code, Code::invalid_argument);
  EXPECT_THAT(manifest.error().message, HasSubstr("test.toml"));
  EXPECT_THAT(manifest.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, BadManifest,
    testing::Values(
        Mistake{"no_toml", "format = 1", "format =", "line 1"},
        Mistake{"another_format", "format = 1", "format = 2", "want 1, found 2"},
        Mistake{"no_format", "format = 1\n", "", "format"},
        Mistake{"format_as_text", "format = 1", "format = \"1\"", "whole number"},
        Mistake{"models_as_a_table", "[[model]]", "[model]", "want a list"},
        Mistake{"no_name", "name = \"tiny\"\n", "", "name: want text, found nothing"},
        Mistake{"name_with_a_slash", "\"tiny\"", "\"a/b\"", "name: want at most 64"},
        Mistake{"name_that_hides", "\"tiny\"", "\".gantry\"", "name: want at most 64"},
        Mistake{"name_of_a_parent_folder", "\"tiny\"", "\"..\"", "name: want at most 64"},
        Mistake{"name_in_capitals", "\"tiny\"", "\"Tiny\"", "name: want at most 64"},
        Mistake{"version_0", "title =", "version = 0\ntitle =", "from 1 to"},
        Mistake{"title_of_two_lines", "A tiny model", "A\\ntiny", "one line"},
        Mistake{"title_that_moves_the_cursor", "A tiny model", "A\\u001b[2J", "one line"},
        Mistake{"title_as_a_number", "\"A tiny model\"", "3", "want text, found"},
        Mistake{"misspelt_checksum", "sha256 = \"unknown\"", "sha265 = \"unknown\"",
                "sha256: want text, found nothing"},
        Mistake{"unknown_member", "task =", "tasks = 1\ntask =", "\"tasks\" is not known"},
        Mistake{"short_checksum", "\"unknown\"", "\"abc\"", "64 lower-case"},
        Mistake{"empty_checksum", "\"unknown\"", "\"\"", "one line of text"},
        Mistake{"size_of_nothing", "bytes = 1000", "bytes = 0", "from 1 to"},
        Mistake{"size_as_text", "bytes = 1000", "bytes = \"1000\"", "whole number"},
        Mistake{"address_of_a_file", "https://example.org/models/tiny.tgz", "file:///etc/passwd",
                "https address"},
        Mistake{"address_without_a_file", "https://example.org/models/tiny.tgz",
                "https://example.org/", "https address"},
        Mistake{"address_without_a_host", "https://example.org/models/tiny.tgz", "https:///x.tgz",
                "https address"},
        Mistake{"address_with_a_line_feed", "https://example.org/models/tiny.tgz",
                "https://example.org/x\\nHost: y", "one line"},
        Mistake{"address_with_a_blank", "https://example.org/models/tiny.tgz",
                "https://example.org/a b.tgz", "https address"},
        Mistake{"member_that_is_absolute", "a/tiny.tflite", "/etc/passwd", "inside the archive"},
        Mistake{"member_that_goes_up", "a/tiny.tflite", "a/../../x", "inside the archive"},
        Mistake{"no_download",
                "[model.download]\nurl = \"https://example.org/models/tiny.tgz\"\n"
                "sha256 = \"unknown\"\n",
                "", "download: want a table"},
        Mistake{"labels_from_nowhere", "from = \"archive\"", "from = \"web\"",
                "want none, model, archive or url"},
        Mistake{"labels_in_no_archive",
                "[model.archive]\nmember = \"a/tiny.tflite\"\nsha256 = "
                "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\nbytes = "
                "1000\n",
                "", "no archive"},
        Mistake{"verdict_of_another_kind", "\"wrong\"", "\"fast\"", "want right, wrong"},
        Mistake{"probability_above_1", "0.9", "90", "from 0 to 1"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Manifest, TwoModelsOfOneNameAreAMistake) {
  const std::string once = manifest_text();
  const auto manifest = Manifest::parse(once + once.substr(once.find("[[model]]")), "test.toml");
  ASSERT_FALSE(manifest);
  EXPECT_THAT(manifest.error().message, HasSubstr("two of that name"));
}

TEST(Manifest, AMissingFileIsNamed) {
  EXPECT_THAT(Manifest::read("/nowhere/zoo.toml").error().message, HasSubstr("/nowhere/zoo.toml"));
}

TEST(FileNameOf, IsTheLastPartAndFitForAFile) {
  EXPECT_EQ(file_name_of("https://example.org/a/b.tgz"), "b.tgz");
  EXPECT_EQ(file_name_of("https://example.org/a/b.tgz?x=/y#z"), "b.tgz");
  EXPECT_EQ(file_name_of("https://example.org"), "");
  EXPECT_EQ(file_name_of("https://example.org/"), "");
  EXPECT_EQ(file_name_of("https://example.org/.."), "");
  EXPECT_EQ(file_name_of("https://example.org/%2e%2e"), "");
}

// ---- models/zoo.toml itself

TEST(BuiltinManifest, CanBeRead) {
  const auto manifest = Manifest::builtin();
  ASSERT_TRUE(manifest) << manifest.error().message;
  for (const char* const name :
       {"mobilenet_v1", "mobilenet_v2", "ssdlite_mobiledet", "efficientnet_lite0"}) {
    EXPECT_NE(manifest->find(name), nullptr) << name;
  }
  for (const Entry& entry : manifest->entries()) {
    EXPECT_THAT(entry.url, testing::StartsWith("https://"));
  }
}

/// Where a file of this name is in ../shared; empty if it is not there.
std::filesystem::path in_shared(const std::string& name) {
  for (const char* const folder : {"models", "labels", "images"}) {
    const auto path = test::shared(folder) / name;
    if (std::filesystem::exists(path)) {
      return path;
    }
  }
  return {};
}

TEST(BuiltinManifest, ItsChecksumsAreThoseOfTheFilesInShared) {
  GANTRY_NEEDS_SHARED();
  const auto manifest = Manifest::builtin();
  ASSERT_TRUE(manifest) << manifest.error().message;
  std::set<std::string> checked;
  const auto check = [&](const std::string& name, const Content& content) {
    const auto path = in_shared(name);
    if (!path.empty()) {
      const auto found = hash_file(path);
      ASSERT_TRUE(found) << found.error().message;
      EXPECT_EQ(content.sha256, found->sha256) << path;
      EXPECT_EQ(content.bytes, found->bytes) << path;
      checked.insert(name);
    }
  };
  for (const Entry& entry : manifest->entries()) {
    check(entry.member ? std::filesystem::path(entry.member->path).filename().string()
                       : file_name_of(entry.url),
          entry.model());
    if (entry.labels.from == LabelsFrom::url) {
      check(file_name_of(entry.labels.where), entry.labels.content);
    }
    if (entry.expect) {
      const auto picture = in_shared(entry.expect->image);
      ASSERT_FALSE(picture.empty()) << entry.expect->image;
      EXPECT_EQ(hash_file(picture)->sha256, entry.expect->image_sha256) << picture;
    }
  }
  EXPECT_EQ(checked.size(), 11U) << testing::PrintToString(checked);  // 8 models, 3 lists of labels
}

}  // namespace
}  // namespace gantry::zoo
