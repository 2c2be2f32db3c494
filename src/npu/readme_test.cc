#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/npu/rules.h"
#include "gantry/test/shared.h"

// The README shows the table as it is: GANTRY_WRITE_README=1 npu_test writes it anew.
namespace gantry::npu {
namespace {

constexpr std::string_view begin_mark = "<!-- rules: made by readme_test -->\n";
constexpr std::string_view end_mark = "<!-- end of rules -->\n";

std::string versions(const Rule& rule) {
  if (rule.since == mesa_25_3 && rule.before == no_end) {
    return "all";
  }
  if (rule.before == no_end) {
    return format_text("{} on", rule.since.text());
  }
  return format_text("before {}", rule.before.text());
}

std::string table_text() {
  std::string out =
      "| rule | operators | Mesa | alone | why | what to change | section | known from |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const Rule& rule : rules()) {
    out += format_text("| `{}` | {} | {} | {} | {} | {} | {} | {} |\n", rule.id, rule.operators,
                       versions(rule), verdict_name(rule.verdict), rule.reason, rule.change,
                       rule.section, evidence_name(rule.evidence));
  }
  return out;
}

TEST(Readme, has_the_table_of_rules) {
  const auto path = test::source("src/npu/README.md");
  auto text = read_text_file(path, std::size_t{1} << 20U);
  ASSERT_TRUE(text) << text.error().message;
  const std::size_t begin = text->find(begin_mark);
  const std::size_t end = text->find(end_mark);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::size_t from = begin + begin_mark.size();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a test has one thread
  if (std::getenv("GANTRY_WRITE_README") != nullptr) {
    text->replace(from, end - from, table_text());
    ASSERT_TRUE(write_file(path, std::as_bytes(std::span(*text))));
    return;
  }
  EXPECT_EQ(text->substr(from, end - from), table_text())
      << "GANTRY_WRITE_README=1 npu_test --gtest_filter=Readme.* writes it anew";
}

TEST(Rules, have_ids_of_their_own_and_say_what_they_mean) {
  std::set<std::string_view> ids;
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
    EXPECT_TRUE(rule.reason.ends_with('.')) << rule.id;
    EXPECT_TRUE(rule.change.empty() || rule.change.ends_with('.')) << rule.id;
    EXPECT_LT(rule.since, rule.before) << rule.id;
    EXPECT_NE(rule.verdict, Verdict::npu) << rule.id;
    EXPECT_EQ(rule.stage == Stage::accept, rule.verdict == Verdict::cpu) << rule.id;
  }
}

}  // namespace
}  // namespace gantry::npu
