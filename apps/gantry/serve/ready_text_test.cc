#include "serve/ready_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/test/model_builder.h"

namespace gantry::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ShellWord, IsTakenAsItIsOrInQuotes) {
  EXPECT_EQ(shell_word("image=@photos/cat_1.jpg"), "image=@photos/cat_1.jpg");
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("it's"), R"('it'\''s')");
  EXPECT_EQ(shell_word("$(rm -r ~)"), "'$(rm -r ~)'");
}

TEST(ReadyText, SaysWhereItRunsHowToTryItAndHowToStop) {
  const auto path =
      std::filesystem::path(testing::TempDir()) / format_text("gantry-ready-{}.tflite", getpid());
  ASSERT_TRUE(write_file(path, test::color_classifier()));
  inference::ModelConfig config;
  config.path = path;
  config.name = "colors";
  config.slots = 2;
  const auto model = inference::LoadedModel::load(config);
  std::filesystem::remove(path);
  ASSERT_TRUE(model) << model.error().message;
  const std::string text = ready_text("http://127.0.0.1:1", **model, 12.3, {}, "my cat.jpg");
  EXPECT_THAT(text,
              AllOf(HasSubstr("Ready in 12 ms: colors on the CPU, 2 slots with 1 thread each."),
                    HasSubstr("Not on the NPU:"),
                    HasSubstr("curl -F 'image=@my cat.jpg' http://127.0.0.1:1/infer"),
                    HasSubstr(format_text("kill {}", getpid()))));
  EXPECT_THAT(ready_text("http://127.0.0.1:1", **model, 12.3, {}, ""), HasSubstr("photo.jpg"));
}

}  // namespace
}  // namespace gantry::cli
