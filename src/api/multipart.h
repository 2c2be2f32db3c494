#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "header_value.h"

namespace gantry::api {

/// One part of a form.
struct FormPart {
  std::string name;
  std::string transfer_encoding;       ///< in lower case; empty if none is stated
  std::span<const std::byte> content;  ///< inside the body
};

/// The boundary of a `multipart/form-data` content type.
/// Errors: invalid_argument if there is none, or if it is not 1 to 70 of the characters that RFC
///         2046 allows.
[[nodiscard]] Result<std::string> form_boundary(const HeaderValue& content_type);

/// Splits a multipart/form-data body into its parts. Contents are not copied. Preamble and epilogue
/// are ignored, `filename` and `filename*` too. Lines end in CRLF; a bare LF is refused, since a
/// picture may hold "\n--".
///
/// Errors:  invalid_argument for a body that never begins or never ends (cut short), a part without
///          `Content-Disposition: form-data; name=…`, a part's header above 8 KiB, more than 32
///          parts.
/// Time:    linear in the body's size.
/// Threads: reentrant.
/// Source:  RFC 7578; RFC 2046, section 5.1.1.
[[nodiscard]] Result<std::vector<FormPart>> parse_multipart(std::span<const std::byte> body,
                                                            std::string_view boundary);

}  // namespace gantry::api
