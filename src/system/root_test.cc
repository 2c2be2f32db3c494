#include "gantry/system/root.h"

#include <gmock/gmock.h>

#include "made_up_tree.h"

namespace gantry::system {
namespace {

using test::MadeUpTree;
using testing::ElementsAre;

TEST(Root, absolute_links_stay_within_the_tree) {
  MadeUpTree tree;
  tree.file("/a/file", "here\n").link("/b/up", "/a").link("/c", "b/up/file");
  const Resolved at = tree.root().resolve("/c");
  EXPECT_TRUE(at.exists);
  EXPECT_TRUE(at.through_link);
  EXPECT_EQ(at.path, "/a/file");
  EXPECT_EQ(tree.root().line("/c"), "here");
}

TEST(Root, links_cannot_climb_out_of_the_tree) {
  MadeUpTree tree;
  tree.file("/etc/hostname", "made up\n").link("/x", "../../../../../../etc/hostname");
  EXPECT_EQ(tree.root().line("/x"), "made up");
}

TEST(Root, a_dangling_link_says_what_is_missing_first) {
  MadeUpTree tree;
  tree.link("/mesa-libs/libteflon.so", "/nix/store/abc/lib/libteflon.so");
  const Resolved at = tree.root().resolve("/mesa-libs/libteflon.so");
  EXPECT_FALSE(at.exists);
  EXPECT_EQ(at.path, "/nix/store/abc/lib/libteflon.so");
  EXPECT_EQ(at.missing, "/nix");
}

TEST(Root, a_circle_of_links_ends) {
  MadeUpTree tree;
  tree.link("/a", "/b").link("/b", "/a");
  EXPECT_FALSE(tree.root().exists("/a"));
  EXPECT_FALSE(tree.root().read("/a"));
}

TEST(Root, names_are_sorted_as_people_count) {
  MadeUpTree tree;
  tree.folder("/d/accel10").folder("/d/accel2").folder("/d/accel0");
  EXPECT_THAT(tree.root().names("/d"), ElementsAre("accel0", "accel2", "accel10"));
  EXPECT_THAT(tree.root().names("/nowhere"), ElementsAre());
}

TEST(Root, numbers_and_lines_end_where_the_text_does) {
  MadeUpTree tree;
  tree.file("/n", "42500\n").file("/s", std::string_view("okay\0", 5)).file("/word", "hot\n");
  EXPECT_EQ(tree.root().number("/n"), 42500);
  EXPECT_EQ(tree.root().line("/s"), "okay");
  EXPECT_EQ(tree.root().number("/word"), std::nullopt);
}

TEST(Root, only_the_root_itself_is_real) {
  EXPECT_TRUE(Root().is_real());
  EXPECT_TRUE(Root("/./").is_real());
  EXPECT_FALSE(MadeUpTree().root().is_real());
}

}  // namespace
}  // namespace gantry::system
