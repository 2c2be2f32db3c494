#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/zoo/manifest.h"

namespace gantry::zoo {

/// The models on this machine: a model repository (`NAME/VERSION/model.tflite`, labels beside it as
/// `labels.txt`), with `source.toml` in each version that came from the zoo, and `.gantry/` for
/// locks and unfinished pulls. A model is visible under its name only when it is complete.
/// Threads: reentrant; a lock for each name keeps other processes away.
class Store {
 public:
  explicit Store(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  [[nodiscard]] std::filesystem::path folder(const Entry& entry) const;
  [[nodiscard]] std::filesystem::path model(const Entry& entry) const;

  enum class State : std::uint8_t { absent, installed, wrong_size };
  struct Status {
    State state = State::absent;
    std::uint64_t bytes = 0;  ///< of the model file
  };
  /// Looks at names and sizes only; reads no model.
  [[nodiscard]] Status status(const Entry& entry) const;

  struct Checked {
    std::string sha256;
    std::uint64_t bytes = 0;
    /// What is wrong, one entry for each mistake; empty if all is right.
    std::vector<std::string> problems;
  };
  /// Hashes the model and its labels again and compares them with the manifest, or, if the manifest
  /// knows no checksum, with the record of the bytes that were trusted when they were pulled.
  /// Errors: not_found if the model is not installed; failed_precondition if there is nothing to
  ///         compare it with.
  [[nodiscard]] Result<Checked> verify(const Entry& entry) const;

  /// Removes an installed version, and the rests of unfinished pulls of it.
  /// Errors: not_found; failed_precondition if `pull` did not install it; unavailable if another
  ///         process holds its lock after `lock_wait`.
  [[nodiscard]] Result<> remove(const Entry& entry, std::chrono::milliseconds lock_wait) const;

 private:
  std::filesystem::path root_;
};

/// The file of an installed model, by name: its greatest version below `root`.
/// Errors: not_found, also if `name` can't be a model's name.
[[nodiscard]] Result<std::filesystem::path> find_installed(std::string_view name,
                                                           const std::filesystem::path& root);

}  // namespace gantry::zoo
