#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"

// Parsers for values on a command line, in an environment variable or in a config file. Each
// function reads all of `text`. Its error is invalid_argument with what was wanted and what was
// found; the caller adds the setting's name.
namespace gantry::cli {

/// Bytes: "500", "64K", "32M", "2G", "1.5M"; also "32MB", "32MiB". All units are powers of 1024.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

/// A count of things: "500", "64K", "50M", "2G" in powers of 1000, as in megapixels.
[[nodiscard]] Result<std::int64_t> parse_count(std::string_view text);

/// A length of time: "250us", "500ms", "10s", "1.5s", "2m", "1h"; a bare number is seconds.
/// At most a year.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;
  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};
/// "127.0.0.1:8080", "[::1]:8080", ":8080" (every IPv4 address), "localhost:0". The host is a
/// literal or "localhost": names are not looked up.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);
/// "http://127.0.0.1:8080": the URL for a person on this machine. An address of all zeros becomes
/// localhost.
[[nodiscard]] std::string url_of(const ListenAddress& where);

/// "1,2,3" with each number within [least, most].
[[nodiscard]] Result<std::vector<std::int64_t>> parse_int_list(std::string_view text,
                                                               std::int64_t least,
                                                               std::int64_t most);
/// "127.5" or "123.7,116.3,103.5".
[[nodiscard]] Result<std::vector<float>> parse_float_list(std::string_view text);

/// "1", "true", "yes", "on" and their opposites, in any case.
[[nodiscard]] Result<bool> parse_switch(std::string_view text);

}  // namespace gantry::cli
