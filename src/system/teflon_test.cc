#include "gantry/system/teflon.h"

#include <gmock/gmock.h>

#include <span>

#include "made_up_tree.h"

namespace gantry::system {
namespace {

using test::library_bytes;
using test::MadeUpTree;
using State = TeflonCandidate::State;

TEST(MesaVersion, is_recognised_among_other_numbers) {
  for (const char* text : {"26.1.6-1", "25.3.1", "25.3.0-rc2", "26.2.0-devel (git-0123456789)"}) {
    EXPECT_TRUE(parse_mesa_version(text)) << text;
  }
  for (const char* text :
       {"1.8.2", "26.1", "26.1.6.2", "", "26.1.6x", "26.7.0", "2.6.1", "a.b.c"}) {
    EXPECT_FALSE(parse_mesa_version(text)) << text;
  }
  EXPECT_LT(*parse_mesa_version("25.3.10"), *parse_mesa_version("26.1.6-1"));
  EXPECT_EQ(parse_mesa_version("26.1.6-1")->text, "26.1.6-1");
}

LibraryFacts facts_of(const std::string& bytes) {
  return library_facts(std::as_bytes(std::span(bytes)));
}

TEST(LibraryFacts, come_from_the_file_itself) {
  const LibraryFacts facts = facts_of(library_bytes("26.1.6-1"));
  EXPECT_TRUE(facts.is_elf);
  EXPECT_EQ(facts.machine, elf_aarch64);
  EXPECT_TRUE(facts.has_entry_points);
  EXPECT_TRUE(facts.knows_rocket);
  ASSERT_TRUE(facts.mesa);
  EXPECT_EQ(facts.mesa->text, "26.1.6-1");
}

TEST(LibraryFacts, of_anything_else_are_nothing) {
  EXPECT_FALSE(facts_of("").is_elf);
  EXPECT_FALSE(facts_of("#!/bin/sh\n").is_elf);
  EXPECT_FALSE(facts_of(library_bytes("", elf_aarch64, "rockets")).knows_rocket);
  EXPECT_FALSE(facts_of(library_bytes("")).mesa);
  EXPECT_FALSE(facts_of(std::string("\177ELF") + std::string(60, '2')).mesa) << "no end, no string";
}

TEST(FindTeflon, takes_the_first_in_the_order) {
  MadeUpTree tree;
  tree.file("/mesa-libs/libteflon.so", library_bytes("25.3.1"));
  EXPECT_EQ(find_teflon(tree.root()).found()->path, "/mesa-libs/libteflon.so");
  tree.file("/usr/lib/aarch64-linux-gnu/libteflon.so", library_bytes("26.1.0"));
  EXPECT_EQ(find_teflon(tree.root()).found()->path, "/usr/lib/aarch64-linux-gnu/libteflon.so");
  tree.file("/usr/lib/teflon/libteflon.so", library_bytes("26.1.6"));
  EXPECT_EQ(find_teflon(tree.root()).found()->path, "/usr/lib/teflon/libteflon.so");
  tree.file("/run/opengl-driver/lib/libteflon.so", library_bytes("26.2.6"));
  EXPECT_EQ(find_teflon(tree.root()).found()->path, "/run/opengl-driver/lib/libteflon.so");
}

TEST(FindTeflon, what_was_asked_for_stands_alone) {
  MadeUpTree tree;
  tree.file("/usr/lib/teflon/libteflon.so", library_bytes("26.1.6"));
  const auto search = find_teflon(tree.root(), tree.path() / "my.so");
  EXPECT_TRUE(search.is_explicit);
  EXPECT_EQ(search.found(), nullptr);
  tree.file("/my.so", library_bytes("26.1.6"));
  EXPECT_NE(find_teflon(tree.root(), tree.path() / "my.so").found(), nullptr);
}

TEST(FindTeflon, leaves_libraries_for_other_processors_aside_where_there_is_one_for_this) {
  MadeUpTree tree;
  tree.file("/usr/lib/aarch64-linux-gnu/libteflon.so", library_bytes("26.1.6"));
  const auto found = [&](std::uint16_t machine) {
    return find_teflon(tree.root(), {}, {}, machine).found()->path;
  };
  EXPECT_EQ(found(elf_x86_64), "/usr/lib/aarch64-linux-gnu/libteflon.so") << "to tell of it";
  tree.file("/usr/lib/x86_64-linux-gnu/libteflon.so", library_bytes("26.1.6", elf_x86_64));
  EXPECT_EQ(found(elf_x86_64), "/usr/lib/x86_64-linux-gnu/libteflon.so");
  EXPECT_EQ(found(elf_aarch64), "/usr/lib/aarch64-linux-gnu/libteflon.so");
  EXPECT_EQ(found(0), "/usr/lib/aarch64-linux-gnu/libteflon.so");
}

TEST(FindTeflon, asks_for_the_systems_closure_where_what_is_there_is_for_another_processor) {
  MadeUpTree tree;
  tree.file("/mesa-libs/libteflon.so", library_bytes("26.1.6", elf_x86_64));
  tree.file("/nix/store/abc-mesa-25.3.1/lib/libteflon.so", library_bytes("25.3.1"));
  const auto closure = [] { return std::vector<std::string>{"/nix/store/abc-mesa-25.3.1"}; };
  EXPECT_EQ(find_teflon(tree.root(), {}, closure, elf_aarch64).found()->path,
            "/nix/store/abc-mesa-25.3.1/lib/libteflon.so");
}

TEST(FindTeflon, asks_for_the_systems_closure_last_and_only_then) {
  MadeUpTree tree;
  tree.file("/nix/store/abc-mesa-25.3.1/lib/libteflon.so", library_bytes("25.3.1"));
  int asked = 0;
  const auto closure = [&asked] {
    ++asked;
    return std::vector<std::string>{"/nix/store/xyz-glibc-2.42", "/nix/store/abc-mesa-25.3.1"};
  };
  EXPECT_EQ(find_teflon(tree.root(), {}, closure).found()->path,
            "/nix/store/abc-mesa-25.3.1/lib/libteflon.so");
  EXPECT_EQ(asked, 1);
  tree.file("/mesa-libs/libteflon.so", library_bytes("25.3.1"));
  EXPECT_EQ(find_teflon(tree.root(), {}, closure).found()->path, "/mesa-libs/libteflon.so");
  EXPECT_EQ(asked, 1);
}

TEST(FindTeflon, tells_dangling_links_from_absent_and_foreign_files) {
  MadeUpTree tree;
  tree.link("/run/opengl-driver/lib/libteflon.so", "/nix/store/abc-mesa/lib/libteflon.so");
  tree.file("/usr/lib/teflon/libteflon.so", "no library at all");
  const auto search = find_teflon(tree.root());
  EXPECT_EQ(search.found(), nullptr);
  ASSERT_NE(search.first(State::dangling), nullptr);
  EXPECT_EQ(search.first(State::dangling)->missing, "/nix");
  EXPECT_EQ(search.first(State::no_library)->path, "/usr/lib/teflon/libteflon.so");
  EXPECT_EQ(search.first(State::absent)->origin, "multiarch folder");
}

}  // namespace
}  // namespace gantry::system
