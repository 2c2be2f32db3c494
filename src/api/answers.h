#pragma once

#include <string_view>

#include "gantry/base/error.h"
#include "gantry/http/message.h"

namespace gantry::api {

/// The HTTP status for `code`.
[[nodiscard]] int http_status(Code code) noexcept;

/// `{"success":false,"error":…,"code":…}`.
[[nodiscard]] http::Response error_answer(int status, std::string_view code,
                                          std::string_view message);
/// error_answer() for an Error. Temporary errors (429, 503) carry Retry-After.
[[nodiscard]] http::Response error_answer(const Error& error, int retry_after_seconds = 1);

/// An answer with a JSON body. A line feed ends the body, for terminals.
[[nodiscard]] http::Response json_answer(int status, std::string body);

}  // namespace gantry::api
