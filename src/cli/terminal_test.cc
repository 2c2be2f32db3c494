#include "gantry/cli/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gantry::cli {
namespace {

TEST(Table, CellsStandBelowEachOther) {
  Table table({Table::Align::right, Table::Align::left});
  table.row({"1.5", "ä"});
  table.row({"10.25", "bb"});
  EXPECT_EQ(table.text(), "    1.5  ä\n  10.25  bb\n");
}
TEST(Bar, FillsByEighths) {
  EXPECT_EQ(bar(0, 4), "    ");
  EXPECT_EQ(bar(1, 4), "████");
  EXPECT_EQ(bar(0.5, 4), "██  ");
  EXPECT_EQ(bar(0.03125, 4), "▏   ");
  EXPECT_EQ(columns(bar(0.333, 20)), 20U);
  EXPECT_EQ(bar(NAN, 2), "  ");
}

}  // namespace
}  // namespace gantry::cli
