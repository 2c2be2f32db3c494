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
/// locks and for what is on its way. What is not there yet is never visible under its name.
/// Threads: reentrant; other processes are kept away by a lock for each name.
class Store {
 public:
  explicit Store(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  [[nodiscard]] std::filesystem::path folder(const Entry& entry) const;
  [[nodiscard]] std::filesystem::path model(const Entry& entry) const;

  enum class State : std::uint8_t { absent, installed, wrong_size };
  struct Status {
    State state = State::absent;
    std::uint64_t bytes = 0;  ///< of the model
  };
  /// A look at names and sizes; reads no model.
  [[nodiscard]] Status status(const Entry& entry) const;

  struct Checked {
    std::string sha256;
    std::uint64_t bytes = 0;
    /// What is wrong, one line each: empty if all is as it should be.
    std::vector<std::string> problems;
  };
  /// Hashes the model and its labels again and holds them against the manifest, or where that knows
  /// nothing, against what was trusted when they were pulled.
  /// Errors: not_found if the model is not installed; failed_precondition if nothing is known that
  ///         it could be held against.
  [[nodiscard]] Result<Checked> verify(const Entry& entry) const;

  /// Removes an installed version, and what a pull has left of it.
  /// Errors: not_found; failed_precondition if `pull` has not put it there; unavailable if another
  ///         process holds its lock after `lock_wait`.
  [[nodiscard]] Result<> remove(const Entry& entry, std::chrono::milliseconds lock_wait) const;

 private:
  std::filesystem::path root_;
};

/// The file of an installed model, by name: its greatest version below `root`.
/// Errors: not_found, also where `name` can't be a model's name.
[[nodiscard]] Result<std::filesystem::path> find_installed(std::string_view name,
                                                           const std::filesystem::path& root);

}  // namespace gantry::zoo
