#pragma once

#include <string_view>

#include "gantry/base/error.h"
#include "gantry/http/message.h"

namespace gantry::api {

/// The HTTP status that says what `code` says.
[[nodiscard]] int http_status(Code code) noexcept;

/// `{"success":false,"error":…,"code":…}`.
[[nodiscard]] http::Response error_answer(int status, std::string_view code,
                                          std::string_view message);
/// The same for one of our errors. Those that pass (429, 503) carry Retry-After.
[[nodiscard]] http::Response error_answer(const Error& error, int retry_after_seconds = 1);

/// A body of JSON; ends the line, for terminals.
[[nodiscard]] http::Response json_answer(int status, std::string body);

}  // namespace gantry::api
