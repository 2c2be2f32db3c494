#include "gantry/proof/proven_slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faults.h"

namespace gantry::proof {
namespace {

class ProvenSlotTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto report = prove(bytes_, {true, true, true, true},
                              [](auto offered) { return delegation(std::move(offered)); });
    ASSERT_TRUE(report) << report.error().message;
    proven_ = report->outputs;
  }
  static Result<tflite::Delegation> delegation(std::vector<bool> offered) {
    return tflite::Delegate::load(GANTRY_FAKE_DELEGATE).transform([&](auto delegate) {
      return tflite::Delegation{.delegate = std::move(delegate), .operators = std::move(offered)};
    });
  }
  Result<std::unique_ptr<ProvenSlot>> make() {
    auto model = tflite::Model::create(bytes_);
    auto session = tflite::Session::create(*model, {.delegations = {*delegation({})}});
    return ProvenSlot::create(*std::move(session), proven_, [this] { return now_; });
  }
  static std::vector<std::byte> answer(ProvenSlot& slot, int value) {
    std::ranges::fill(slot.input(0), static_cast<std::byte>(value));
    const auto done = slot.invoke();
    EXPECT_TRUE(done) << done.error().message;
    return {slot.output(0).begin(), slot.output(0).end()};
  }
  static Result<> ask(ProvenSlot& slot, int value) {
    std::ranges::fill(slot.input(0), static_cast<std::byte>(value));
    return slot.invoke();
  }

  Faults faults_;
  std::vector<std::byte> bytes_ = living_model();
  Outputs proven_;
  Clock::time_point now_ = Clock::now();
};

TEST_F(ProvenSlotTest, ComputesWhatIsAsked) {
  const auto slot = make();
  ASSERT_TRUE(slot) << slot.error().message;
  EXPECT_EQ((*slot)->device(), dispatch::Device::npu);
  const auto dark = answer(**slot, 10);
  const auto light = answer(**slot, 200);
  EXPECT_NE(dark, light);
  EXPECT_EQ(answer(**slot, 10), dark);
}

TEST_F(ProvenSlotTest, IsNotMadeWhereTheProvenResultsDoNotCome) {
  faults_.set("wrong 2");
  const auto slot = make();
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, Code::unavailable);
  EXPECT_THAT(slot.error().message, testing::HasSubstr("no longer computes what was proven"));
}

TEST_F(ProvenSlotTest, AnAnswerThatIsTheLastOneLeftStandingIsFound) {
  const auto slot = make();
  ASSERT_TRUE(slot);
  answer(**slot, 10);
  faults_.set("stale");
  const auto done = ask(**slot, 200);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unavailable);
  EXPECT_TRUE((*slot)->is_broken());
  EXPECT_EQ((*slot)->broken_reason(), done.error().message);
}

TEST_F(ProvenSlotTest, SoIsOneOnTheFirstRequest) {
  const auto slot = make();
  ASSERT_TRUE(slot);
  faults_.set("stale");
  EXPECT_FALSE(ask(**slot, 200));
}

TEST_F(ProvenSlotTest, TheSamePictureTwiceIsNoSign) {
  const auto slot = make();
  ASSERT_TRUE(slot);
  const auto first = answer(**slot, 10);
  faults_.set("stale");  // which nobody can tell, and which harms nobody
  EXPECT_EQ(answer(**slot, 10), first);
}

TEST_F(ProvenSlotTest, AsksAgainOnlyAfterAWhile) {
  const auto slot = make();
  ASSERT_TRUE(slot);
  // Additions saturate: all of these have one answer.
  const auto full = answer(**slot, 255);
  ASSERT_EQ(answer(**slot, 254), full);
  faults_.set("stale");
  EXPECT_TRUE(ask(**slot, 10)) << "it was asked just now";
  now_ += ProvenSlot::recheck_interval;
  EXPECT_FALSE(ask(**slot, 20));
}

}  // namespace
}  // namespace gantry::proof
