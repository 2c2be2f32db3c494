#include "gantry/tflite/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "gantry/base/file.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/model_file/model_info.h"
#include "gantry/test/model_builder.h"
#include "gantry/test/model_object.h"
#include "gantry/test/shared.h"

namespace gantry::tflite {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t largest_model = 100'000'000;

Result<std::shared_ptr<const Model>> open(const std::filesystem::path& path) {
  auto file = SealedBytes::read(path, largest_model);
  return file ? Model::create(std::move(*file)) : std::unexpected(file.error());
}

/// Goes through a file, as everything that TensorFlow Lite is given does.
Result<std::shared_ptr<const Model>> model_of(std::span<const std::byte> bytes) {
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / ("gantry_session_" + std::to_string(getpid()));
  if (auto written = test::write_model(path, bytes); !written) {
    return std::unexpected(written.error());
  }
  auto model = open(path);
  std::filesystem::remove(path);
  return model;
}

Result<std::unique_ptr<Session>> session_of(std::span<const std::byte> bytes,
                                            SessionOptions options = {}) {
  return model_of(bytes).and_then(
      [&](auto model) { return Session::create(std::move(model), options); });
}

TEST(Runtime, has_a_version) { EXPECT_THAT(runtime_version(), HasSubstr(".")); }

TEST(Session, runs_the_graph) {
  const auto session = session_of(test::color_classifier());
  ASSERT_TRUE(session) << session.error().message;
  ASSERT_THAT((*session)->inputs(), SizeIs(1));
  EXPECT_EQ((*session)->inputs()[0].name, "image");
  EXPECT_EQ((*session)->inputs()[0].description(), "uint8 [1,8,8,3]");
  EXPECT_EQ((*session)->inputs()[0].quantization, (Quantization{1.0F / 256, 0}));
  ASSERT_THAT((*session)->outputs(), SizeIs(1));
  EXPECT_EQ((*session)->outputs()[0].description(), "uint8 [1,3]");

  const std::span<std::byte> input = (*session)->input(0);
  ASSERT_THAT(input, SizeIs(8 * 8 * 3));
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<std::byte>(i % 3 == 1 ? 200 : 10);
  }
  ASSERT_TRUE((*session)->invoke());
  EXPECT_THAT((*session)->output(0), ElementsAre(std::byte{10}, std::byte{200}, std::byte{10}));
}

TEST(Session, begins_with_zero_bytes) {
  const auto session = session_of(test::identity_model(16, 16));
  ASSERT_TRUE(session);
  ASSERT_TRUE((*session)->invoke());
  EXPECT_THAT((*session)->output(0), Each(std::byte{0}));
  EXPECT_THAT((*session)->output(0), SizeIs(16 * 16 * 3));
}

TEST(Session, outlives_every_other_owner_of_its_model) {
  auto model = model_of(test::color_classifier());
  ASSERT_TRUE(model);
  const auto session = Session::create(std::move(*model), {});
  EXPECT_TRUE((*session)->invoke());
}

TEST(Session, shares_its_model_with_others) {
  const auto model = model_of(test::color_classifier());
  const auto first = Session::create(*model, {});
  const auto second = Session::create(*model, {.threads = 2});
  std::ranges::fill((*first)->input(0), std::byte{7});
  ASSERT_TRUE((*first)->invoke());
  ASSERT_TRUE((*second)->invoke());
  EXPECT_THAT((*first)->output(0), Each(std::byte{7}));
  EXPECT_THAT((*second)->output(0), Each(std::byte{0}));
}

TEST(Session, times_operators_where_asked) {
  const auto plain = session_of(test::color_classifier());
  ASSERT_TRUE((*plain)->invoke());
  EXPECT_THAT((*plain)->operator_times(), IsEmpty());

  const auto profiled = session_of(test::color_classifier(), {.profile = true});
  ASSERT_TRUE((*profiled)->invoke());
  ASSERT_TRUE((*profiled)->invoke());
  const auto times = (*profiled)->operator_times();
  ASSERT_THAT(times, SizeIs(2));
  EXPECT_EQ(times[0].name, "AVERAGE_POOL_2D");
  EXPECT_EQ(times[0].index, 0);
  EXPECT_EQ(times[0].count, 2);
  EXPECT_GT(times[0].total, Clock::duration::zero());
  EXPECT_EQ(times[1].name, "RESHAPE");
  (*profiled)->reset_operator_times();
  EXPECT_THAT((*profiled)->operator_times(), IsEmpty());
}

TEST(Session, needs_a_thread) {
  const auto session = session_of(test::color_classifier(), {.threads = 0});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Code::invalid_argument);
}

TEST(Session, tells_tensorflow_lites_reason_and_keeps_stderr_clean) {
  const auto object = test::color_object();
  object->operator_codes[0]->builtin_code = ::tflite::BuiltinOperator_CUSTOM;
  object->operator_codes[0]->deprecated_builtin_code = ::tflite::BuiltinOperator_CUSTOM;
  object->operator_codes[0]->custom_code = "Sinh";
  testing::internal::CaptureStderr();
  const auto session = session_of(test::pack(*object));
  const auto garbage = model_of(std::vector<std::byte>(100));
  const auto empty = model_of({});
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Code::invalid_argument);
  EXPECT_THAT(session.error().message, HasSubstr("unresolved custom op: Sinh"));
  EXPECT_THAT(session.error().message, testing::Not(HasSubstr("\n")));
  EXPECT_EQ(garbage.error().code, Code::invalid_argument);
  EXPECT_EQ(empty.error().code, Code::invalid_argument);
}

TEST(Session, takes_no_strings) {
  const auto object = test::identity_object(2, 2);
  for (const std::size_t i : {0U, 1U}) {
    object->subgraphs[0]->tensors[i]->type = ::tflite::TensorType_STRING;
    object->subgraphs[0]->tensors[i]->quantization.reset();
  }
  const auto session = session_of(test::pack(*object));
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Code::unimplemented);
  EXPECT_THAT(session.error().message, HasSubstr("string [1,2,2,3]"));
}

// ---- real models ----

TEST(Session, recognises_the_cat) {
  GANTRY_NEEDS_SHARED();
  const auto model = open(test::shared("models/mobilenet_v1_1.0_224_quant.tflite"));
  ASSERT_TRUE(model);
  const auto session = Session::create(*model, {.threads = 2});
  ASSERT_TRUE(session);
  // 224x224 already; a BMP's rows go from the bottom up, its samples from blue to red.
  const auto picture = read_file(test::shared("images/resized_cat.bmp"), largest_model);
  ASSERT_TRUE(picture);
  constexpr std::size_t side = 224;
  constexpr std::size_t row = side * 3;
  const std::size_t pixels = picture->size() - (side * row);
  const std::span<std::byte> input = (*session)->input(0);
  ASSERT_THAT(input, SizeIs(side * row));
  for (std::size_t y = 0; y < side; ++y) {
    for (std::size_t x = 0; x < side; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        input[(y * row) + (x * 3) + c] =
            picture->at(pixels + ((side - 1 - y) * row) + (x * 3) + (2 - c));
      }
    }
  }
  ASSERT_TRUE((*session)->invoke());
  const auto output = (*session)->output(0);
  const auto best = std::ranges::max_element(output);
  EXPECT_EQ(best - output.begin(), 286) << "Egyptian cat";
  EXPECT_NEAR(std::to_integer<int>(*best) / 256.0, 0.81, 0.02);
}

/// What became of a model in a process of its own, with bounds on memory and time.
enum class Outcome : std::uint8_t {
  ran,
  read_refused,
  session_refused,
  invoke_failed,
  no_time,
  crashed
};

Outcome outcome_here(const std::filesystem::path& path) {
  auto file = SealedBytes::read(path, largest_model);
  if (!file || !model_file::read_model(file->bytes())) {
    return Outcome::read_refused;
  }
  auto session = Model::create(std::move(*file)).and_then([](auto model) {
    return Session::create(std::move(model), {});
  });
  if (!session) {
    return Outcome::session_refused;
  }
  return (*session)->invoke() ? Outcome::ran : Outcome::invoke_failed;
}

Outcome outcome_in_child(const std::filesystem::path& path, rlim_t seconds) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit time{.rlim_cur = seconds, .rlim_max = seconds + 1};  // of processor
    setrlimit(RLIMIT_CPU, &time);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // these reserve terabytes
    const rlimit memory{.rlim_cur = std::size_t{2} << 30U, .rlim_max = std::size_t{2} << 30U};
    setrlimit(RLIMIT_AS, &memory);
#endif
    std::_Exit(static_cast<int>(outcome_here(path)));
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    return Outcome::crashed;
  }
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
    return Outcome::no_time;
  }
  return WIFEXITED(status) ? static_cast<Outcome>(WEXITSTATUS(status)) : Outcome::crashed;
}

std::vector<std::string> files_in(const char* folder) {
  std::vector<std::string> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(test::shared(folder), ignored)) {
    if (entry.path().extension() == ".tflite") {
      files.push_back((std::filesystem::path(folder) / entry.path().filename()).string());
    }
  }
  std::ranges::sort(files);
  return files;
}

class EveryModel : public testing::TestWithParam<std::string> {};
TEST_P(EveryModel, runs_or_is_refused_with_a_reason) {
  GANTRY_NEEDS_SHARED();
  const std::string stem = std::filesystem::path(GetParam()).stem().string();
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, stem) != names.end();
  };
  const bool is_endless = is_one_of({"nested_while"});
  const Outcome outcome = outcome_in_child(test::shared(GetParam()), is_endless ? 1 : 60);
  // Kernels of TensorFlow Lite 2.14 that refuse these: a quantised dimension out of range, an
  // unknown custom operator, an absent bias.
  if (is_one_of({"person_detect", "posenet_mobilenet_v1_075_353_481_16_quant_decoder",
                 "single_conv_no_bias", "custom_sinh", "double_flex", "string_input_model"})) {
    EXPECT_EQ(outcome, Outcome::session_refused);
  } else if (is_one_of({"add_shared_tensors", "blockwise_quantized_int4"})) {
    EXPECT_EQ(outcome, Outcome::read_refused);
  } else if (is_endless) {
    EXPECT_EQ(outcome, Outcome::no_time)
        << "with zeros its loop never ends: what trial runs are for";
  } else if (GetParam().contains("hostile")) {
    EXPECT_NE(outcome, Outcome::crashed);
  } else {
    EXPECT_EQ(outcome, Outcome::ran);
  }
}
std::string name_of(const testing::TestParamInfo<std::string>& test) {
  std::string name = std::filesystem::path(test.param).stem().string();
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryModel);
INSTANTIATE_TEST_SUITE_P(Models, EveryModel, testing::ValuesIn(files_in("models")), name_of);
INSTANTIATE_TEST_SUITE_P(Operators, EveryModel, testing::ValuesIn(files_in("models/ops")), name_of);
INSTANTIATE_TEST_SUITE_P(Hostile, EveryModel, testing::ValuesIn(files_in("models/hostile")),
                         name_of);

}  // namespace
}  // namespace gantry::tflite
