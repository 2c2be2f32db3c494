#include "gantry/tflite/delegate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "gantry/test/model_builder.h"
#include "gantry/tflite/session.h"

namespace gantry::tflite {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct OfferCase {
  const char* name;
  std::vector<bool> offered;
  std::vector<std::int32_t> taken;
  std::size_t partitions;
};

class DelegationTest : public testing::TestWithParam<OfferCase> {
 protected:
  void SetUp() override {
    const std::filesystem::path path =
        std::filesystem::path(testing::TempDir()) / ("gantry_delegate_" + std::to_string(getpid()));
    ASSERT_TRUE(test::write_model(path, test::color_classifier()));
    auto file = SealedBytes::read(path, 1'000'000);
    ASSERT_TRUE(file) << file.error().message;
    auto made = Model::create(*std::move(file));
    ASSERT_TRUE(made) << made.error().message;
    model = *std::move(made);
    std::filesystem::remove(path);
    auto loaded = Delegate::load(GANTRY_FAKE_DELEGATE);
    ASSERT_TRUE(loaded) << loaded.error().message;
    delegate = *std::move(loaded);
  }
  std::shared_ptr<const Model> model;
  std::shared_ptr<const Delegate> delegate;
};

// The model is AVERAGE_POOL_2D, RESHAPE; the delegate takes whatever it is shown.
TEST_P(DelegationTest, offers_what_it_says_and_answers_as_without) {
  const OfferCase& offer = GetParam();
  const auto session = Session::create(model, {.delegations = {{delegate, offer.offered}}});
  ASSERT_TRUE(session) << session.error().message;
  const auto delegated = (*session)->delegated();
  ASSERT_THAT(delegated, SizeIs(1));
  EXPECT_EQ(delegated[0].operators, offer.taken);
  EXPECT_EQ(delegated[0].partitions, offer.partitions);
  std::ranges::fill((*session)->input(0), std::byte{7});
  ASSERT_TRUE((*session)->invoke());
  EXPECT_THAT((*session)->output(0), Each(std::byte{7}));
}

INSTANTIATE_TEST_SUITE_P(Offers, DelegationTest,
                         testing::Values(OfferCase{"everything", {}, {0, 1}, 1},
                                         OfferCase{"all_by_name", {true, true}, {0, 1}, 1},
                                         OfferCase{"the_first", {true, false}, {0}, 1},
                                         OfferCase{"the_last", {false, true}, {1}, 1},
                                         OfferCase{"too_short_a_list", {true}, {0}, 1},
                                         OfferCase{"nothing", {false, false}, {}, 0}),
                         [](const auto& test) { return std::string(test.param.name); });

using TwoDelegations = DelegationTest;
INSTANTIATE_TEST_SUITE_P(Once, TwoDelegations, testing::Values(OfferCase{}),
                         [](const auto& /*test*/) { return std::string("once"); });

TEST_P(TwoDelegations, share_a_graph_in_their_order) {
  const auto second = Delegate::load(GANTRY_FAKE_DELEGATE);
  ASSERT_TRUE(second);
  const auto session =
      Session::create(model, {.delegations = {{delegate, {false, true}}, {*second, {true, true}}}});
  ASSERT_TRUE(session) << session.error().message;
  const auto delegated = (*session)->delegated();
  ASSERT_THAT(delegated, SizeIs(2));
  EXPECT_THAT(delegated[0].operators, ElementsAre(1));
  EXPECT_THAT(delegated[1].operators, ElementsAre(0)) << "the second is taken already";
  std::ranges::fill((*session)->input(0), std::byte{9});
  ASSERT_TRUE((*session)->invoke());
  EXPECT_THAT((*session)->output(0), Each(std::byte{9}));
}

TEST(Delegate, says_what_cannot_be_loaded) {
  const auto missing = Delegate::load("/nonexistent/libteflon.so");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("/nonexistent/libteflon.so"));
}

}  // namespace
}  // namespace gantry::tflite
