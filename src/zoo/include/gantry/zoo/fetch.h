#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "gantry/base/error.h"

namespace gantry::zoo {

struct FetchSettings {
  std::chrono::milliseconds connect_timeout{30'000};
  /// A transfer slower than 512 bytes a second for so long counts as dead; whole seconds.
  std::chrono::seconds stall_timeout{30};
  /// Tries in a row that bring nothing new, beyond the first.
  int retries = 3;
  /// Before the first of them; doubles with each.
  std::chrono::milliseconds retry_delay{1000};
  std::uint64_t max_bytes = std::uint64_t{2} << 30U;
  /// Certificates to trust instead of the system's; empty: the system's.
  std::filesystem::path ca_file;
  std::string user_agent = "gantry";
  /// Bytes there and, where known, bytes in all. May be empty.
  std::function<void(std::uint64_t done, std::optional<std::uint64_t> total)> on_progress;
  /// Something worth a line: a retry, a start from the beginning. May be empty.
  std::function<void(const std::string&)> on_note;
};

struct Fetched {
  std::uint64_t bytes = 0;
  std::uint64_t resumed_from = 0;  ///< bytes that were there before this call and still counted
};

/// Downloads `url` to `part` by HTTP or HTTPS with libcurl, which also takes the proxy from its own
/// variables (http_proxy, https_proxy, no_proxy).
///
/// What a try left in `part` is gone on with by the next try or the next call, if `part.origin`
/// beside it names the same address and the server has given it a strong ETag or a date: a Range
/// request under If-Range. If the server ignores the range, answers another one, or has another
/// ETag now, the file starts from the beginning.
/// Redirects: at most 5, from https only to https, and to nothing but http(s). Certificates are
/// verified.
/// Values:  `expected_bytes`, where known, is held against what the server announces and sends.
/// Errors:  not_found: 404 or 410. out_of_range: above max_bytes. invalid_argument: not the wanted
///          size, or a web page instead of a file. unavailable: no connection, the server failed
///          again and again, or redirects to where it must not. failed_precondition: its
///          certificate is not trusted, or `part` can't be written.
/// Threads: reentrant, one call per `part` at a time (FileLock).
[[nodiscard]] Result<Fetched> fetch(const std::string& url, const std::filesystem::path& part,
                                    std::optional<std::uint64_t> expected_bytes,
                                    const FetchSettings& settings);

}  // namespace gantry::zoo
