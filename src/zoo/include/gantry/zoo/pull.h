#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "gantry/base/error.h"
#include "gantry/zoo/fetch.h"
#include "gantry/zoo/manifest.h"
#include "gantry/zoo/store.h"

namespace gantry::zoo {

/// Bytes for which the manifest knows no checksum.
struct Unverified {
  std::string what;  ///< "mobilenet.tgz"
  std::string source;
  std::string sha256;
  std::uint64_t bytes = 0;
};

struct PullSettings {
  /// A folder or an http(s) address to take the manifest's files from, by their names, also the
  /// `.tflite` of an archive by its name. Empty: the addresses in the manifest.
  std::string from;
  FetchSettings fetch;
  /// Whether to accept bytes without a known checksum. Empty: never.
  std::function<bool(const Unverified&)> trusts;
  /// How long to wait for another process that pulls the same model.
  std::chrono::milliseconds lock_wait{600'000};
  /// Called before that wait. May be empty.
  std::function<void()> on_wait;
};

struct Pulled {
  std::filesystem::path model;
  std::string sha256;
  std::uint64_t bytes = 0;
  std::uint64_t resumed_from = 0;
  bool was_installed = false;  ///< and verified: nothing was done
};

/// Gets a model and its labels, checks them, and only then puts them into the store, in one step.
///
/// An installed version that verifies is left alone; a damaged one is replaced. An interrupted
/// download is resumed (fetch()). A file with the wrong checksum is deleted. If it began with bytes
/// of an earlier call, it is downloaded once more from the beginning.
///
/// Errors: as fetch() and unpack(); invalid_argument: wrong checksum or size, or not a TensorFlow
///         Lite model; failed_precondition: no checksum is known and `trusts` answers false, or the
/// store can't be written; not_found: `from` does not have the file; unavailable: another process
/// still holds the lock after lock_wait.
[[nodiscard]] Result<Pulled> pull(const Entry& entry, const Store& store,
                                  const PullSettings& settings);

}  // namespace gantry::zoo
