#include "gantry/system/user.h"

#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::system {
namespace {

/// Name and number of the lines "name:x:number:…" of /etc/passwd and /etc/group.
struct Entry {
  std::string name;
  std::int64_t number;
};

std::vector<Entry> entries_of(const Root& root, const char* path) {
  std::vector<Entry> out;
  const std::string text = root.read(path, std::size_t{1} << 20U).value_or("");
  for (const auto line : text | std::views::split('\n')) {
    std::vector<std::string_view> fields;
    for (const auto field : line | std::views::split(':')) {
      fields.emplace_back(field);
    }
    if (fields.size() < 3) {
      continue;
    }
    if (const auto number = parse_int(fields[2])) {
      out.push_back({.name = std::string(fields[0]), .number = *number});
    }
  }
  return out;
}

}  // namespace

User User::current() {
  User user{.uid = geteuid(), .gid = getegid(), .groups = {}};
  const int count = getgroups(0, nullptr);
  if (count > 0) {
    user.groups.resize(static_cast<std::size_t>(count));
    const int got = getgroups(count, user.groups.data());
    user.groups.resize(static_cast<std::size_t>(std::max(got, 0)));
  }
  return user;
}

bool User::is_in(gid_t group) const {
  return gid == group || std::ranges::find(groups, group) != groups.end();
}

bool may_read_and_write(const User& user, const Ownership& file) {
  if (user.uid == 0) {
    return true;
  }
  unsigned shift = 0;
  if (user.uid == file.uid) {
    shift = 6;  // the owner's bits alone count for the owner, even where others may more
  } else if (user.is_in(file.gid)) {
    shift = 3;
  }
  return ((file.mode >> shift) & 06U) == 06U;
}

std::string mode_text(mode_t mode) {
  constexpr std::string_view letters = "rwxrwxrwx";
  std::string out = "c";
  for (std::size_t i = 0; i < letters.size(); ++i) {
    out += ((mode >> (letters.size() - 1 - i)) & 1U) != 0 ? letters[i] : '-';
  }
  return out;
}

std::vector<Group> read_groups(const Root& root) {
  std::vector<Group> out;
  for (Entry& entry : entries_of(root, "/etc/group")) {
    out.push_back({.name = std::move(entry.name), .gid = static_cast<gid_t>(entry.number)});
  }
  return out;
}

std::string group_text(const std::vector<Group>& groups, gid_t gid) {
  const auto found = std::ranges::find(groups, gid, &Group::gid);
  return found == groups.end() ? format_text("gid {}", gid)
                               : format_text("{} (gid {})", found->name, gid);
}

std::string user_name(const Root& root, uid_t uid) {
  for (const Entry& entry : entries_of(root, "/etc/passwd")) {
    if (std::cmp_equal(entry.number, uid)) {
      return entry.name;
    }
  }
  return {};
}

std::string user_text(const Root& root, uid_t uid) {
  const std::string name = user_name(root, uid);
  return name.empty() ? format_text("uid {}", uid) : format_text("{} (uid {})", name, uid);
}

}  // namespace gantry::system
