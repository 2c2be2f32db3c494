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
  /// A transfer that is slower than 512 bytes a second for this time counts as dead. Whole seconds.
  std::chrono::seconds stall_timeout{30};
  /// Tries in a row without new bytes, after the first try.
  int retries = 3;
  /// Wait before the first retry; it doubles with each.
  std::chrono::milliseconds retry_delay{1000};
  std::uint64_t max_bytes = std::uint64_t{2} << 30U;
  /// Trusted certificates; empty: the system's.
  std::filesystem::path ca_file;
  std::string user_agent = "gantry";
  /// Called with the bytes that are there and, if known, the total. May be empty.
  std::function<void(std::uint64_t done, std::optional<std::uint64_t> total)> on_progress;
  /// Called with messages for people: a retry, a start from the beginning. May be empty.
  std::function<void(const std::string&)> on_note;
};

struct Fetched {
  std::uint64_t bytes = 0;
  std::uint64_t resumed_from = 0;  ///< bytes from before this call that were used
};

/// Downloads `url` to `part` by HTTP or HTTPS with libcurl, which also takes the proxy from its own
/// variables (http_proxy, https_proxy, no_proxy).
///
/// The next try or the next call resumes the download in `part`, by a Range request with If-Range.
/// For that, `part.origin` beside it must name the same address, and a strong ETag or a date that
/// the server gave. If the server ignores the range, answers another range, or has another ETag
/// now, the file starts from the beginning.
/// Redirects: at most 5; from https only to https; only to http(s). Certificates are verified.
/// Values:  `expected_bytes`, if known, is compared with the size that the server announces and
///          sends.
/// Errors:  not_found: 404 or 410. out_of_range: above max_bytes. invalid_argument: not the wanted
///          size, or a web page instead of a file. unavailable: no connection, the server failed
///          repeatedly, or it redirects to a forbidden place. failed_precondition: the server's
///          certificate is not trusted, or `part` can't be written.
/// Threads: reentrant, one call per `part` at a time (FileLock).
[[nodiscard]] Result<Fetched> fetch(const std::string& url, const std::filesystem::path& part,
                                    std::optional<std::uint64_t> expected_bytes,
                                    const FetchSettings& settings);

}  // namespace gantry::zoo
