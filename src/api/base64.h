#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "gantry/base/error.h"

namespace gantry::api {

/// Decodes base64 (RFC 4648, section 4) with spaces, tabs and line ends anywhere between its
/// letters. Strict otherwise: padding is required, nothing may follow it, unused bits must be zero,
/// the URL-safe alphabet is refused.
///
/// `out` needs room for text.size() / 4 * 3 bytes. It may begin where `text` begins. Returns the
/// number of bytes written.
/// Errors:  invalid_argument naming what was found and where.
/// Threads: reentrant; allocates nothing but for an error.
[[nodiscard]] Result<std::size_t> decode_base64(std::string_view text, std::span<std::byte> out);

}  // namespace gantry::api
