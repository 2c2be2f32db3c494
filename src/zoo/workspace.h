#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "files.h"
#include "gantry/base/deadline.h"
#include "gantry/base/error.h"

namespace gantry::zoo {

/// Where the pulling of one model happens: `.gantry/` in the store, so that a rename can put its
/// result in place, and hidden, so that it is no model.
class Workspace {
 public:
  Workspace(const std::filesystem::path& root, std::string name);

  /// Only one process at a time works on a model. Makes the folders, too.
  [[nodiscard]] Result<FileLock> lock(Deadline deadline,
                                      const std::function<void()>& on_wait) const;

  // What follows needs the lock.

  /// Removes what processes that were killed left in staging.
  void clean() const;
  /// A fresh folder.
  [[nodiscard]] Result<TemporaryFolder> staging() const;
  /// Keeps partial files between calls.
  [[nodiscard]] std::filesystem::path downloads() const;
  /// The partial file of an address.
  [[nodiscard]] std::filesystem::path part(const std::string& url) const;

 private:
  std::filesystem::path private_;
  std::string name_;
};

}  // namespace gantry::zoo
