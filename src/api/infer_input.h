#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/error.h"
#include "gantry/http/message.h"
#include "gantry/inference/types.h"

namespace gantry::api {

/// A POST /infer request: a picture, and the options for the answer.
struct InferInput {
  std::vector<std::byte> image;  ///< encoded; never empty
  std::string model;             ///< empty: the default
  std::string version;           ///< empty: the default
  inference::Options options;    ///< in range
};

/// Sets one option from text, as query parameters and form fields carry it. Unknown names are
/// ignored.
/// Errors: invalid_argument naming the option, wanted and found.
[[nodiscard]] Result<> set_option(InferInput& input, std::string_view name, std::string_view text);

/// Reads a request's query and body. Takes the body's memory. The Content-Type says what the body
/// is:
///   multipart/form-data          a picture in part `image`, options in parts of their name
///   application/json             {"image": base64 or data: URL, options…}
///   image/*, application/octet-stream, none
///                                the picture
///   application/x-www-form-urlencoded
///                                the picture, if it begins like one: `curl --data-binary` sends
///                                this type
/// Options in the body override options in the query.
///
/// Errors: invalid_argument (400); unimplemented (415) for other content types and codings.
[[nodiscard]] Result<InferInput> read_infer_input(http::Request& request);

}  // namespace gantry::api
