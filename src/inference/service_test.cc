#include "gantry/inference/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/file.h"
#include "gantry/test/model_builder.h"

namespace gantry::inference {
namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

/// A PPM picture of one colour.
std::vector<std::byte> picture(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  std::string ppm = "P6\n8 8\n255\n";
  for (int i = 0; i < 64; ++i) {
    ppm += static_cast<char>(red);
    ppm += static_cast<char>(green);
    ppm += static_cast<char>(blue);
  }
  return bytes_of(ppm);
}

/// A model file that is gone with the test.
class ModelFile {
 public:
  explicit ModelFile(std::span<const std::byte> model) {
    std::string name = (std::filesystem::temp_directory_path() / "gantry-model-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    EXPECT_TRUE(write_file(path(), model));
  }
  ~ModelFile() { std::filesystem::remove_all(folder_); }
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  [[nodiscard]] std::filesystem::path path() const { return folder_ / "colors.tflite"; }

 private:
  std::filesystem::path folder_;
};

std::shared_ptr<LoadedModel> load_colors(std::size_t slots = 1) {
  const ModelFile file(test::color_classifier());
  auto model = LoadedModel::load({.path = file.path(),
                                  .name = {},
                                  .labels = {},
                                  .slots = slots,
                                  .threads_per_slot = 1,
                                  .decode = {},
                                  .normalization = {},
                                  .trial = {}});
  EXPECT_TRUE(model) << model.error().message;
  return *model;
}

Request request(std::vector<std::byte> image = picture(255, 0, 0)) {
  return {.image = std::move(image), .options = {}, .cancelled = {}};
}

TEST(LoadedModel, NamesTheColourOfAPicture) {
  const auto model = load_colors();
  const auto response = model->infer(request(picture(0, 200, 0)));
  ASSERT_TRUE(response) << response.error().message;
  ASSERT_EQ(response->predictions.size(), 3U);
  EXPECT_EQ(response->predictions[0].label, "green");
  EXPECT_EQ(response->predictions[0].class_id, 1);
  EXPECT_EQ(response->predictions[0].score, 200) << "the picture's bytes are fed as they are";
  EXPECT_NEAR(response->predictions[0].probability, response->predictions[0].score / 256.0, 1e-6);
  EXPECT_EQ(response->model, "colors");
  EXPECT_EQ(response->version, "1");
  EXPECT_EQ(response->shape, (Shape{1, 3}));
  EXPECT_EQ(response->image_width, 8);
}

TEST(LoadedModel, ThresholdAndTopKCutTheList) {
  const auto model = load_colors();
  auto asked = request(picture(200, 200, 0));
  const auto all = model->infer(asked);
  ASSERT_EQ(all->predictions.size(), 3U);
  asked.options.threshold = all->predictions[1].probability;
  EXPECT_EQ(model->infer(asked)->predictions.size(), 2U);
  asked.options.top_k = 1;
  EXPECT_EQ(model->infer(asked)->predictions.size(), 1U);
}

struct BadOptions {
  const char* name;
  Options options;
};
class OptionsTest : public testing::TestWithParam<BadOptions> {};
TEST_P(OptionsTest, OutOfRangeIsRefused) {
  const auto model = load_colors();
  auto asked = request();
  asked.options = GetParam().options;
  EXPECT_EQ(model->infer(asked).error().code, Code::invalid_argument);
}
INSTANTIATE_TEST_SUITE_P(
    Edges, OptionsTest,
    testing::Values(BadOptions{"top_k_zero", {.top_k = 0, .threshold = {}}},
                    BadOptions{"top_k_negative", {.top_k = -1, .threshold = {}}},
                    BadOptions{"top_k_huge", {.top_k = 1'000'000'000, .threshold = {}}},
                    BadOptions{"threshold_nan", {.top_k = {}, .threshold = NAN}},
                    BadOptions{"threshold_negative", {.top_k = {}, .threshold = -0.1}},
                    BadOptions{"threshold_above_one", {.top_k = {}, .threshold = 1.1}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(LoadedModel, AFileThatIsNoModelIsRefusedByName) {
  const ModelFile file(bytes_of("this is no model"));
  const auto model = LoadedModel::load({.path = file.path(),
                                        .name = {},
                                        .labels = {},
                                        .decode = {},
                                        .normalization = {},
                                        .trial = {}});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::invalid_argument);
  EXPECT_THAT(model.error().message, testing::HasSubstr("colors.tflite"));
}

TEST(LoadedModel, AFailedTrialKeepsTheModelOut) {
  const ModelFile file(test::color_classifier());
  const auto model = LoadedModel::load({.path = file.path(),
                                        .name = {},
                                        .labels = {},
                                        .decode = {},
                                        .normalization = {},
                                        .trial = [](const auto&) {
                                          return []() -> Result<backend::Tried> {
                                            return fail(Code::unavailable, "it crashed");
                                          };
                                        }});
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, testing::HasSubstr("it crashed"));
}

/// A service with one slot and two workers whose slot the test holds, so that nothing is computed
/// until it lets go.
class ServiceTest : public testing::Test {
 protected:
  static constexpr std::size_t workers = 2;

  std::future<Result<Response>> submit(std::optional<Service::Ticket>* ticket = nullptr,
                                       Request asked = request()) {
    auto promise = std::make_shared<std::promise<Result<Response>>>();
    auto answer = promise->get_future();
    auto accepted = service_->submit(model_, std::move(asked), [promise](auto result) {
      promise->set_value(std::move(result));
    });
    if (!accepted) {
      promise->set_value(std::unexpected(accepted.error()));
    } else if (ticket != nullptr) {
      *ticket = *accepted;
    }
    return answer;
  }
  void hold() { lease_.emplace(model_->cpu_slots()->acquire(Deadline::never()).value()); }
  void let_go() { lease_.reset(); }

  metrics::Registry metrics_;
  std::shared_ptr<LoadedModel> model_ = load_colors();
  std::unique_ptr<Service> service_ = std::make_unique<Service>(
      ServiceConfig{.queue_capacity = 1, .decode_threads = 1}, model_, metrics_);
  std::optional<dispatch::SlotPool::Lease> lease_;
};

TEST_F(ServiceTest, AnswersAndCounts) {
  EXPECT_EQ(submit().get()->predictions[0].label, "red");
  ASSERT_TRUE(service_->drain(Deadline::never()));
  const std::string text = metrics_.expose();
  EXPECT_THAT(text, testing::HasSubstr("npu_inference_total 1\n"));
  EXPECT_THAT(text,
              testing::HasSubstr(
                  "gantry_inference_requests_total{device=\"cpu\",model=\"colors\",outcome=\"ok\","
                  "version=\"1\"} 1\n"));
}

TEST_F(ServiceTest, ItsQueueIsTold) {
  const std::string text = metrics_.expose();
  for (const std::string_view line :
       {"gantry_queue_depth 0\n", "gantry_queue_capacity 1\n",
        "gantry_model_queue_depth{model=\"colors\",version=\"1\"} 0\n",
        "gantry_model_queue_capacity{model=\"colors\",version=\"1\"} 1\n"}) {
    EXPECT_THAT(text, testing::HasSubstr(line));
  }
}

TEST_F(ServiceTest, QueuesOfSeveralModelsAddUp) {
  {
    const Service another({.queue_capacity = 3, .decode_threads = 1}, load_colors(), metrics_);
    EXPECT_THAT(metrics_.expose(), testing::HasSubstr("gantry_queue_capacity 4\n"));
  }
  EXPECT_THAT(metrics_.expose(), testing::HasSubstr("gantry_queue_capacity 1\n"));
}

TEST_F(ServiceTest, ItsMetricsGoWithItAndItsCountersAScrapeLater) {
  EXPECT_TRUE(submit().get());
  service_.reset();
  const std::string last = metrics_.expose();
  EXPECT_THAT(last, testing::HasSubstr("gantry_inference_requests_total{"));
  EXPECT_THAT(last, testing::Not(testing::HasSubstr("gantry_slots{")));
  const std::string after = metrics_.expose();
  EXPECT_THAT(after, testing::Not(testing::HasSubstr("model=")));
  EXPECT_THAT(after, testing::HasSubstr("npu_inference_total 1\n")) << "of all models";
  EXPECT_THAT(after, testing::HasSubstr("gantry_queue_depth 0\n"));
}

TEST_F(ServiceTest, TakesAsManyAsThereAreWorkersAndPlacesAndNotOneMore) {
  hold();
  std::vector<std::future<Result<Response>>> accepted;
  for (std::size_t i = 0; i < workers + 1; ++i) {
    accepted.push_back(submit());
  }
  const auto refused = submit().get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::resource_exhausted);
  EXPECT_GE(service_->retry_after_seconds(), 1);
  let_go();
  for (auto& answer : accepted) {
    EXPECT_TRUE(answer.get());
  }
}

TEST_F(ServiceTest, ARequestThatWaitsIsDroppedWhenItsClientGoesAndFreesItsPlace) {
  hold();
  std::vector<std::future<Result<Response>>> working;
  for (std::size_t i = 0; i < workers; ++i) {
    working.push_back(submit());
  }
  std::optional<Service::Ticket> ticket;
  auto waiting = submit(&ticket);
  // The workers may not have taken theirs yet; either way the last one goes without being computed.
  ticket->cancel();
  auto next = submit();
  let_go();
  EXPECT_EQ(waiting.get().error().code, Code::cancelled);
  EXPECT_TRUE(next.get());
  for (auto& answer : working) {
    EXPECT_TRUE(answer.get());
  }
}

TEST_F(ServiceTest, AStartedRequestWhoseClientWentStopsBeforeItIsComputed) {
  hold();
  std::optional<Service::Ticket> ticket;
  auto answer = submit(&ticket);
  ticket->cancel();
  let_go();
  EXPECT_EQ(answer.get().error().code, Code::cancelled);
  ASSERT_TRUE(service_->drain(Deadline::never()));
  EXPECT_THAT(metrics_.expose(), testing::HasSubstr("npu_inference_total 0\n"));
}

TEST_F(ServiceTest, ADeadlineThatPassesWhileWaitingForASlotIsAnError) {
  hold();
  auto late = request();
  late.deadline = Deadline(Clock::now());
  EXPECT_EQ(submit(nullptr, std::move(late)).get().error().code, Code::deadline_exceeded);
  let_go();
}

TEST_F(ServiceTest, DrainingAnswersWhatWasAcceptedAndRefusesTheRest) {
  hold();
  auto accepted = submit();
  EXPECT_TRUE(service_->is_ready());
  EXPECT_FALSE(service_->drain(Deadline(Clock::now())));
  EXPECT_FALSE(service_->is_ready());
  EXPECT_EQ(submit().get().error().code, Code::unavailable);
  let_go();
  EXPECT_TRUE(accepted.get());
  EXPECT_TRUE(service_->drain(Deadline::never()));
}

TEST_F(ServiceTest, TheEndAnswersWhatWasNeverStarted) {
  hold();
  std::vector<std::future<Result<Response>>> all;
  for (std::size_t i = 0; i < workers + 1; ++i) {
    all.push_back(submit());
  }
  std::jthread opener([this] { let_go(); });
  service_.reset();
  for (auto& answer : all) {
    const auto result = answer.get();
    EXPECT_TRUE(result || result.error().code == Code::unavailable);
  }
}

// How long an answer takes is the machine's affair: here the limit is either far above or zero.
class QuickServiceTest : public ServiceTest {
 protected:
  void start(std::chrono::microseconds limit) {
    service_ = std::make_unique<Service>(
        ServiceConfig{.queue_capacity = 1, .decode_threads = 1, .inline_limit = limit}, model_,
        metrics_);
  }
  /// Whether a request was answered before submit() returned.
  bool is_answered_at_once(Request asked, Result<Response>& result) {
    std::optional<Service::Ticket> ticket;
    auto answer = submit(&ticket, std::move(asked));
    const bool at_once = ticket && !ticket->is_pending();
    if (at_once) {
      EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::ready);
      EXPECT_FALSE(ticket->cancel());
    }
    result = answer.get();
    return at_once;
  }
  bool is_answered_at_once(Request asked) {
    Result<Response> unused;
    return is_answered_at_once(std::move(asked), unused);
  }
  /// The cost of an answer is known a moment after the answer.
  void learn_the_cost() {
    for (int i = 0; i < 10'000 && !is_answered_at_once(request()); ++i) {
    }
    ASSERT_TRUE(is_answered_at_once(request()));
  }
};

TEST_F(QuickServiceTest, SmallRequestsAreAnsweredInSubmit) {
  start(std::chrono::hours(1));
  EXPECT_FALSE(is_answered_at_once(request())) << "nobody knows yet what it costs";
  learn_the_cost();
  Result<Response> result;
  EXPECT_TRUE(is_answered_at_once(request(picture(0, 200, 0)), result));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->predictions[0].label, "green");
  EXPECT_TRUE(service_->drain(Deadline::never()));
  EXPECT_EQ(submit().get().error().code, Code::unavailable);
}

TEST_F(QuickServiceTest, WhatIsNotSmallIsQueued) {
  start(std::chrono::hours(1));
  learn_the_cost();
  Result<Response> result;
  EXPECT_FALSE(is_answered_at_once(request(bytes_of("P6 2 2 255 short")), result));
  EXPECT_EQ(result.error().code, Code::invalid_argument);
  EXPECT_FALSE(
      is_answered_at_once(request(bytes_of("P6 65 1 255\n" + std::string(65UL * 3, 'x')))));
  EXPECT_FALSE(is_answered_at_once(request(bytes_of("P6 1 1 255\nxyz" + std::string(4096, ' ')))));
  EXPECT_TRUE(is_answered_at_once(request(bytes_of("P6 64 1 255\n" + std::string(64UL * 3, 'x')))));
}

TEST_F(QuickServiceTest, WithoutAFreeSlotItIsQueued) {
  start(std::chrono::hours(1));
  learn_the_cost();
  hold();
  std::optional<Service::Ticket> ticket;
  auto answer = submit(&ticket);
  ASSERT_TRUE(ticket);
  EXPECT_TRUE(ticket->is_pending());
  let_go();
  EXPECT_TRUE(answer.get());
}

TEST_F(QuickServiceTest, ALimitOfZeroQueuesAll) {
  start(std::chrono::microseconds(0));
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(is_answered_at_once(request()));
  }
}

TEST_F(ServiceTest, DamagedPicturesAreTheCallersFault) {
  EXPECT_EQ(submit(nullptr, request(bytes_of("P6\n8 8\n255\nshort"))).get().error().code,
            Code::invalid_argument);
  EXPECT_EQ(submit(nullptr, request(bytes_of("no picture"))).get().error().code,
            Code::unimplemented);
}

TEST_F(ServiceTest, ModelsAreFoundByNameAndVersion) {
  EXPECT_EQ(service_->find("", "").value(), model_);
  EXPECT_EQ(service_->find("colors", "1").value(), model_);
  EXPECT_EQ(service_->find("other", "").error().code, Code::not_found);
  EXPECT_EQ(service_->find("colors", "2").error().code, Code::not_found);
}

}  // namespace
}  // namespace gantry::inference
