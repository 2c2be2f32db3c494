#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/system/root.h"

namespace gantry::system {

/// The user that asks. Plain data, so that a test can be any user.
struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  ///< supplementary

  /// The user that this process runs as, by its effective ids.
  [[nodiscard]] static User current();
  [[nodiscard]] bool is_in(gid_t group) const;
};

/// A file's owner, group and permission bits.
struct Ownership {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;  ///< the nine permission bits
};

/// Whether the mode of `file` lets `user` read and write it. A container's device rules and
/// security modules may still forbid it.
[[nodiscard]] bool may_read_and_write(const User& user, const Ownership& file);

/// "crw-rw----".
[[nodiscard]] std::string mode_text(mode_t mode);

/// A line of /etc/group.
struct Group {
  std::string name;
  gid_t gid = 0;
};
[[nodiscard]] std::vector<Group> read_groups(const Root& root);
/// "render (gid 105)", or "gid 105" where /etc/group has no name for it.
[[nodiscard]] std::string group_text(const std::vector<Group>& groups, gid_t gid);
/// "alice (uid 1000)", or "uid 1000" where /etc/passwd has no name for it.
[[nodiscard]] std::string user_text(const Root& root, uid_t uid);
/// The name in /etc/passwd, or "".
[[nodiscard]] std::string user_name(const Root& root, uid_t uid);

}  // namespace gantry::system
