#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "gantry/base/error.h"

namespace gantry::zoo {

/// SHA-256 (FIPS 180-4) of bytes that come in pieces, by OpenSSL. Threads: reentrant.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits. Once, and nothing may be added after it.
  [[nodiscard]] std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] std::string sha256_of(std::string_view text);

struct FileHash {
  std::string sha256;
  std::uint64_t bytes = 0;
};
/// Errors: not_found; invalid_argument if it is no regular file; failed_precondition if it can't be
///         read.
[[nodiscard]] Result<FileHash> hash_file(const std::filesystem::path& path);

}  // namespace gantry::zoo
