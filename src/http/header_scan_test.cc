#include "header_scan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace gantry::http {
namespace {

TEST(HeaderScanTest, finds_the_end) {
  HeaderScan scan;
  const std::string_view header = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_FALSE(scan.scan(header.substr(0, header.size() - 1)));
  EXPECT_FALSE(scan.problem());
  EXPECT_TRUE(scan.scan(std::string(header) + "more"));
  EXPECT_EQ(scan.size(), header.size());
}

TEST(HeaderScanTest, refuses_at_the_first_wrong_byte) {
  const auto refused_at = [](std::string_view bytes) {
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      HeaderScan scan;
      if (!scan.scan(bytes.substr(0, size)) && scan.problem()) {
        return size;
      }
    }
    return std::string_view::npos;
  };
  EXPECT_EQ(refused_at("\x16\x03\x01"), 1U);
  EXPECT_EQ(refused_at(" GET"), 1U);
  EXPECT_EQ(refused_at("GET\r\n"), 4U);
  EXPECT_EQ(refused_at("GET /\n"), 6U);
  EXPECT_EQ(refused_at("GET /\rX"), 7U);
  EXPECT_EQ(refused_at("GET /\r\nA: \x01"), 11U);
  EXPECT_EQ(refused_at("GET /\r\nA:\t\xC3\xA9\r\n\r\n"), std::string_view::npos);
}

// Two ways to one answer: all at once, and byte by byte.
RC_GTEST_PROP(HeaderScanTest, does_not_care_how_bytes_arrive, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("GET ", "/", " HTTP/1.1", "\r\n", "\r", "\n", "Host: x", "\t",
                                    "é", "\x16", std::string(1, '\0'), "A"));
  std::string bytes;
  for (const auto& piece : pieces) {
    bytes += piece;
  }
  HeaderScan whole;
  const bool complete = whole.scan(bytes);
  HeaderScan slow;
  bool slowly_complete = false;
  for (std::size_t size = 0; size <= bytes.size() && !slowly_complete; ++size) {
    slowly_complete = slow.scan(std::string_view(bytes).substr(0, size));
  }
  RC_ASSERT(complete == slowly_complete);
  RC_ASSERT(whole.size() == slow.size());
  RC_ASSERT(whole.problem().has_value() == slow.problem().has_value());
}

}  // namespace
}  // namespace gantry::http
