#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "gantry/base/error.h"

namespace gantry::api {

/// Decodes base64 (RFC 4648, section 4) with spaces, tabs and line ends anywhere between its
/// letters. Strict otherwise: padding is wanted, nothing may follow it, unused bits are zero, the
/// URL-safe alphabet is refused.
///
/// `out` needs room for text.size() / 4 * 3 bytes and may begin where `text` begins. Returns how
/// many were written.
/// Errors:  invalid_argument naming what was found and where.
/// Threads: reentrant; allocates nothing but for an error.
[[nodiscard]] Result<std::size_t> decode_base64(std::string_view text, std::span<std::byte> out);

}  // namespace gantry::api
