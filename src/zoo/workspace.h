#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "files.h"
#include "gantry/base/deadline.h"
#include "gantry/base/error.h"

namespace gantry::zoo {

/// The folder in which one model is pulled: `.gantry/` in the store. It is in the store so that a
/// rename can put the result in place, and hidden so that it is not taken for a model.
class Workspace {
 public:
  Workspace(const std::filesystem::path& root, std::string name);

  /// Takes the lock: only one process at a time pulls a model. Makes the folders, too.
  [[nodiscard]] Result<FileLock> lock(Deadline deadline,
                                      const std::function<void()>& on_wait) const;

  // All these need the lock.

  /// Removes what killed processes left in staging.
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
