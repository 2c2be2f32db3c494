#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "gantry/base/error.h"
#include "gantry/base/sealed_bytes.h"

namespace gantry::model_file {

/// The largest model file: half of what a flatbuffer can hold, and more than a board has to spare.
inline constexpr std::size_t max_model_bytes = std::size_t{1} << 30U;

/// A model's bytes, read once. The bytes, their size and their hash are the model's identity: a
/// trial, a proof or a slot gets these bytes, also in another process, and never the path. Later
/// changes of the file do not matter. Copies of the object share the bytes.
/// Threads: thread-safe.
class ModelFile {
 public:
  /// Errors: as SealedBytes::read.
  [[nodiscard]] static Result<ModelFile> open(const std::filesystem::path& path,
                                              std::size_t max_bytes = max_model_bytes);
  /// `path` names the bytes in messages. Errors: unavailable if there is no memory.
  [[nodiscard]] static Result<ModelFile> of(std::span<const std::byte> bytes,
                                            std::filesystem::path path);

  [[nodiscard]] const SealedBytes& sealed() const noexcept { return sealed_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return sealed_.bytes(); }
  /// The path that the bytes were read from, for people and to find labels beside it.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] const std::string& sha256() const noexcept { return sha256_; }

 private:
  ModelFile(SealedBytes sealed, std::filesystem::path path);
  SealedBytes sealed_;
  std::filesystem::path path_;
  std::string sha256_;
};

}  // namespace gantry::model_file
