#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/test/shared.h"
#include "gantry/xnnpack/rules.h"

// The README shows the tables as they are: GANTRY_WRITE_README=1 xnnpack_test writes them anew.
namespace gantry::xnnpack {
namespace {

std::string kinds_text() {
  std::string out =
      "| operator | float32 | uint8 | int8 | int8, a scale each channel | alone |\n"
      "|---|---|---|---|---|---|\n";
  for (const Kind& kind : kinds()) {
    const auto mark = [&](Type type) {
      return (kind.types & static_cast<std::uint8_t>(type)) != 0 ? "yes" : "";
    };
    out += format_text("| {} | {} | {} | {} | {} | {} |\n", kind.name, mark(Type::float32),
                       mark(Type::uint8), mark(Type::int8), mark(Type::int8_channels),
                       kind.worth ? "yes" : "");
  }
  return out;
}

std::string rules_text() {
  std::string out = "| rule | operators | types | why |\n|---|---|---|---|\n";
  for (const Rule& rule : rules()) {
    out +=
        format_text("| `{}` | {} | {} | {} |\n", rule.id, rule.operators, rule.types, rule.reason);
  }
  return out;
}

void check_table(std::string_view name, const std::string& table) {
  const auto path = test::source("src/xnnpack/README.md");
  auto text = read_text_file(path, std::size_t{1} << 20U);
  ASSERT_TRUE(text) << text.error().message;
  const std::string begin_mark = format_text("<!-- {}: made by readme_test -->\n", name);
  const std::size_t begin = text->find(begin_mark);
  const std::size_t end = text->find(format_text("<!-- end of {} -->\n", name));
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::size_t from = begin + begin_mark.size();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a test has one thread
  if (std::getenv("GANTRY_WRITE_README") != nullptr) {
    text->replace(from, end - from, table);
    ASSERT_TRUE(write_file(path, std::as_bytes(std::span(*text))));
    return;
  }
  EXPECT_EQ(text->substr(from, end - from), table)
      << "GANTRY_WRITE_README=1 xnnpack_test --gtest_filter=XnnpackReadme.* writes it anew";
}

TEST(XnnpackReadme, has_the_table_of_operators) { check_table("kinds", kinds_text()); }
TEST(XnnpackReadme, has_the_table_of_rules) { check_table("rules", rules_text()); }

TEST(XnnpackRules, have_ids_of_their_own_and_say_what_they_mean) {
  std::set<std::string_view> ids;
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
    EXPECT_TRUE(rule.reason.ends_with('.')) << rule.id;
  }
  std::set<graph::Op> operators;
  for (const Kind& kind : kinds()) {
    EXPECT_TRUE(operators.insert(kind.op).second) << kind.name;
  }
}

}  // namespace
}  // namespace gantry::xnnpack
