#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "infer_input.h"

namespace gantry::api {

/// The base64 text of a picture: all of `text`, or what a `data:…;base64,` URL carries.
/// Errors: invalid_argument for a data: URL of another kind.
[[nodiscard]] Result<std::string_view> base64_text(std::string_view text);

/// Reads a JSON body into `input`, its image included. The picture is decoded into the memory of
/// `body`.
///
/// Members: image (string, wanted), model (string), version (string or integer), top_k (integer),
///          threshold (number); null leaves an option unset; other members are ignored. If a member
///          is repeated, the last one counts, but two images are an error.
/// Errors:  invalid_argument naming the member, wanted and found, or the place where the text is
///          not JSON.
/// Memory:  none beside `body`.
[[nodiscard]] Result<> read_infer_json(std::vector<std::byte> body, InferInput& input);

}  // namespace gantry::api
