#include "gantry/model_file/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>

#include "gantry/test/shared.h"

namespace gantry::model_file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct ParseCase {
  const char* name;
  std::string text;
  std::vector<std::string> wanted;
};
class LabelsParse : public testing::TestWithParam<ParseCase> {};
TEST_P(LabelsParse, gives_names_by_index) {
  const auto labels = Labels::parse(GetParam().text);
  ASSERT_TRUE(labels) << labels.error().message;
  EXPECT_EQ(labels->names(), GetParam().wanted);
}
INSTANTIATE_TEST_SUITE_P(
    Forms, LabelsParse,
    testing::Values(
        ParseCase{"one_a_line", "cat\ndog\n", {"cat", "dog"}},
        ParseCase{"no_newline_at_the_end", "cat\ndog", {"cat", "dog"}},
        ParseCase{"crlf_and_bom",
                  "\xEF\xBB\xBF"
                  "cat\r\ndog\r\n\r\n",
                  {"cat", "dog"}},
        ParseCase{"empty", "", {}}, ParseCase{"blank", "\n \n\t\n", {}},
        ParseCase{"an_empty_line_keeps_its_index", "cat\n\ndog\n", {"cat", "", "dog"}},
        ParseCase{"trimmed", "  cat \n\tdog\t\n", {"cat", "dog"}},
        ParseCase{"two_spaces_with_gaps", "0  person\n2  car\n", {"person", "", "car"}},
        ParseCase{"two_spaces_from_1", "1  person\n2  car\n", {"", "person", "car"}},
        ParseCase{"tab", "0\tperson\n1\tcar\n", {"person", "car"}},
        ParseCase{"colon", "0: person\n1:car\n", {"person", "car"}},
        ParseCase{"comma", "0,person\n5,car\n", {"person", "", "", "", "", "car"}},
        ParseCase{"one_space_from_0",
                  "0 person\n1 traffic light\n3 car\n",
                  {"person", "traffic light", "", "car"}},
        ParseCase{"right_aligned",
                  " 0  person\n10 car\n",
                  {"person", "", "", "", "", "", "", "", "", "", "car"}},
        ParseCase{"numbers_in_names", "1 cent\n2 cent\n5 cent\n", {"1 cent", "2 cent", "5 cent"}},
        ParseCase{"leading_zeros_are_names", "007 film\n008 film\n", {"007 film", "008 film"}},
        ParseCase{"one_line_without_index", "0  person\ncar\n", {"0  person", "car"}},
        ParseCase{"numbers_alone", "0\n1\n2\n", {"0", "1", "2"}},
        ParseCase{"points", "nose 1 2\nleftEye 0\n", {"nose 1 2", "leftEye 0"}},
        ParseCase{"not_counting_upwards", "0 a\n0 b\n", {"0 a", "0 b"}},
        ParseCase{"utf8", "chat\nr\xC3\xA9veil\n", {"chat", "r\xC3\xA9veil"}}),
    [](const auto& test) { return std::string(test.param.name); });

struct RefusalCase {
  const char* name;
  std::string text;
  const char* message;
};
class LabelsRefusal : public testing::TestWithParam<RefusalCase> {};
TEST_P(LabelsRefusal, names_the_line) {
  const auto labels = Labels::parse(GetParam().text);
  ASSERT_FALSE(labels);
  EXPECT_EQ(labels.error().code, Code::invalid_argument);
  EXPECT_THAT(labels.error().message, HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Edges, LabelsRefusal,
    testing::Values(RefusalCase{"index_twice", "0  a\n0  b\n", "line 2: want an index of 1"},
                    RefusalCase{"index_backwards", "3:a\n2:b\n", "line 2: want an index of 4"},
                    RefusalCase{"index_too_large", "0:a\n100000:b\n", "got 100000"},
                    RefusalCase{"not_utf8", "cat\nr\xE9veil\n", "line 2: want UTF-8"},
                    RefusalCase{"nul", std::string("cat\na\0b\n", 8), "line 2: want UTF-8"},
                    RefusalCase{"long_line", "a\n" + std::string(1001, 'x'),
                                "line 2: want at most"},
                    RefusalCase{"too_many",
                                [] {
                                  std::string text;
                                  for (int i = 0; i < 100'001; ++i) {
                                    text += "x\n";
                                  }
                                  return text;
                                }(),
                                "at most 100000 lines"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Labels, have_no_name_for_placeholders_and_strangers) {
  const Labels labels({"person", "n/a", "???", "", "car"});
  EXPECT_EQ(labels.name(0), "person");
  EXPECT_EQ(labels.name(1), "");
  EXPECT_EQ(labels.name(2), "");
  EXPECT_EQ(labels.name(3), "");
  EXPECT_EQ(labels.name(4), "car");
  EXPECT_EQ(labels.name(5), "");
  EXPECT_EQ(labels.name(static_cast<std::size_t>(-1)), "");
}

TEST(Labels, fit_models_with_and_without_background) {
  EXPECT_THAT(Labels({"a", "b"}).fitted_to(3).names(), ElementsAre("background", "a", "b"));
  EXPECT_THAT(Labels({"background", "a", "b"}).fitted_to(2).names(), ElementsAre("a", "b"));
  EXPECT_THAT(Labels({"Background", "a", "b"}).fitted_to(2).names(), ElementsAre("a", "b"));
  EXPECT_THAT(Labels({"???", "a", "b"}).fitted_to(2).names(), ElementsAre("a", "b"));
  EXPECT_THAT(Labels({"background", "a"}).fitted_to(2).names(), ElementsAre("background", "a"));
  EXPECT_THAT(Labels({"background", "a"}).fitted_to(3).names(), ElementsAre("background", "a"));
  EXPECT_THAT(Labels({"a", "b", "c"}).fitted_to(2).names(), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(Labels().fitted_to(1).empty());
}

class LabelFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text = "x") const {
    std::ofstream(folder_ / name) << text;
  }
  std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) /
                                  (std::string("gantry_labels_") +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(LabelFiles, are_found_beside_the_model_in_order) {
  const std::filesystem::path model = folder_ / "net.tflite";
  EXPECT_EQ(find_label_file(model), "");
  for (const char* name : {"labelmap.txt", "labels.txt", "labels_net.txt", "net.txt",
                           "net_labels.txt", "net.labels.txt"}) {
    write(name);
    EXPECT_EQ(find_label_file(model), folder_ / name);
  }
}

TEST_F(LabelFiles, are_read_with_their_path_in_errors) {
  write("good.txt", "a\nb\n");
  write("bad.txt", "0:a\n0:b\n");
  EXPECT_EQ(Labels::read(folder_ / "good.txt")->size(), 2);
  EXPECT_THAT(Labels::read(folder_ / "bad.txt").error().message, HasSubstr("bad.txt: line 2"));
  EXPECT_EQ(Labels::read(folder_ / "none.txt").error().code, Code::not_found);
}

TEST(Labels, read_the_files_that_people_have) {
  GANTRY_NEEDS_SHARED();
  const auto read = [](const char* name) {
    auto labels = Labels::read(test::shared(std::filesystem::path("labels") / name));
    EXPECT_TRUE(labels) << name;
    return labels.value_or(Labels());
  };
  EXPECT_EQ(read("imagenet_labels.txt").size(), 1001);
  EXPECT_EQ(read("imagenet_labels.txt").name(286), "Egyptian cat");
  EXPECT_EQ(read("labels_mobilenet_quant_v1_224.txt").name(653), "military uniform");
  EXPECT_EQ(read("imagenet_1000_labels.txt").fitted_to(1001).name(286), "Egyptian cat");
  const Labels coco = read("coco_labels.txt");
  const Labels indexed = read("labels_ssd_mobilenet_v1.txt");
  EXPECT_EQ(coco.size(), 90);
  EXPECT_EQ(indexed.size(), 90);
  for (std::size_t i = 0; i < 90; ++i) {
    EXPECT_EQ(coco.name(i), indexed.name(i)) << i;
  }
  EXPECT_EQ(read("pet_labels.txt").name(36), "yorkshire_terrier");
  EXPECT_EQ(read("movenet_key_point_labels.txt").size(), 17);
}

RC_GTEST_PROP(LabelsProperty, index_form_and_line_form_agree, ()) {
  const auto names = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z')))));
  std::string lines;
  std::string indexed;
  for (std::size_t i = 0; i < names.size(); ++i) {
    lines += names[i] + "\n";
    indexed += std::to_string(i) + "  " + names[i] + "\r\n";
  }
  RC_ASSERT(Labels::parse(lines)->names() == names);
  RC_ASSERT(Labels::parse(indexed)->names() == names);
}

RC_GTEST_PROP(LabelsProperty, any_text_is_read_or_refused, (const std::string& text)) {
  const auto labels = Labels::parse(text);
  RC_ASSERT((!labels || labels->size() <= 100'000));
}

}  // namespace
}  // namespace gantry::model_file
