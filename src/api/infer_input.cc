#include "infer_input.h"

#include <utility>

#include "base64.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/image/decode.h"
#include "header_value.h"
#include "infer_json.h"
#include "multipart.h"

namespace gantry::api {
namespace {

constexpr std::string_view how_to_send =
    "send the picture as multipart/form-data in part \"image\" (curl -F image=@photo.jpg), as a "
    "body of "
    "type image/jpeg, image/png, …, or as JSON {\"image\": \"<base64>\"}";

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Makes `part`, which lies inside `body`, all that is in it.
void keep_only(std::vector<std::byte>& body, std::span<const std::byte> part) {
  const auto offset = part.data() - body.data();
  body.resize(static_cast<std::size_t>(offset) + part.size());
  body.erase(body.begin(), body.begin() + offset);
}

Result<> read_form(const HeaderValue& content_type, std::vector<std::byte> body,
                   InferInput& input) {
  const auto boundary = form_boundary(content_type);
  if (!boundary) {
    return std::unexpected(boundary.error());
  }
  const auto parts = parse_multipart(body, *boundary);
  if (!parts) {
    return std::unexpected(parts.error());
  }
  const FormPart* image = nullptr;
  std::string names;
  for (const FormPart& part : *parts) {
    names += (names.empty() ? "" : ", ") + in_quotes(part.name, 40);
    const bool is_plain = part.transfer_encoding.empty() || part.transfer_encoding == "binary" ||
                          part.transfer_encoding == "8bit" || part.transfer_encoding == "7bit";
    if (part.name == "image") {
      if (image != nullptr) {
        return fail(Code::invalid_argument, "two parts named \"image\": want one");
      }
      if (!is_plain && part.transfer_encoding != "base64") {
        return fail(
            Code::unimplemented,
            format_text("part \"image\": Content-Transfer-Encoding {}: want binary or base64",
                        in_quotes(part.transfer_encoding)));
      }
      image = &part;
    } else if (auto set = set_option(input, part.name, as_text(part.content)); !set) {
      return set;
    }
  }
  if (image == nullptr) {
    return fail(Code::invalid_argument,
                format_text("no part named \"image\"; found {}", names.empty() ? "none" : names));
  }
  const bool is_base64 = image->transfer_encoding == "base64";
  keep_only(body, image->content);
  if (is_base64) {
    const auto size = decode_base64(as_text(body), body);
    if (!size) {
      return fail(size.error().code, "part \"image\": " + size.error().message);
    }
    body.resize(*size);
  }
  if (body.empty()) {
    return fail(Code::invalid_argument, "part \"image\" is empty");
  }
  input.image = std::move(body);
  return {};
}

bool is_json(std::string_view type) {
  return type == "application/json" || type == "text/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

/// Does the body begin as a picture beyond doubt? TGA has nothing at its beginning to tell it by.
bool begins_as_picture(std::span<const std::byte> body) {
  const image::Format format = image::detect_format(body);
  return format != image::Format::unknown && format != image::Format::tga;
}

Result<> read_body(http::Request& request, InferInput& input) {
  if (const auto coding = request.header("Content-Encoding");
      coding && lower_case(trimmed(*coding)) != "identity" && !trimmed(*coding).empty()) {
    return fail(Code::unimplemented,
                format_text("Content-Encoding {}: want the body as it is", in_quotes(*coding)));
  }
  if (request.body.empty()) {
    return fail(Code::invalid_argument, format_text("the body is empty; {}", how_to_send));
  }
  const std::string_view stated = trimmed(request.header("Content-Type").value_or(""));
  if (stated.empty()) {
    input.image = std::move(request.body);
    return {};
  }
  const auto content_type = parse_header_value(stated);
  if (!content_type) {
    // The type itself may be one that we know, with parameters that can't be read: a malformed
    // request.
    const bool is_form = lower_case(stated).starts_with("multipart/form-data");
    return fail(is_form ? Code::invalid_argument : Code::unimplemented,
                "Content-Type " + content_type.error().message);
  }
  const std::string& type = content_type->value;
  if (type == "multipart/form-data") {
    return read_form(*content_type, std::move(request.body), input);
  }
  if (is_json(type)) {
    return read_infer_json(std::move(request.body), input);
  }
  if (type.starts_with("image/") || type == "application/octet-stream" ||
      (type == "application/x-www-form-urlencoded" && begins_as_picture(request.body))) {
    input.image = std::move(request.body);
    return {};
  }
  return fail(Code::unimplemented,
              format_text("Content-Type {}: {}", in_quotes(type), how_to_send));
}

}  // namespace

Result<> set_option(InferInput& input, std::string_view name, std::string_view text) {
  if (name == "model") {
    input.model = text;
  } else if (name == "version") {
    input.version = text;
  } else if (name == "top_k") {
    const auto value = parse_int(text);
    if (!value || *value < 1 || *value > inference::max_top_k) {
      return fail(Code::invalid_argument,
                  format_text("top_k: want an integer from 1 to {}, found {}", inference::max_top_k,
                              in_quotes(text)));
    }
    input.options.top_k = value;
  } else if (name == "threshold") {
    const auto value = parse_double(text);
    if (!value || *value < 0 || *value > 1) {
      return fail(Code::invalid_argument,
                  format_text("threshold: want a number from 0 to 1, found {}", in_quotes(text)));
    }
    input.options.threshold = value;
  }
  return {};
}

Result<InferInput> read_infer_input(http::Request& request) {
  InferInput input;
  for (const auto& [name, value] : request.query) {
    if (auto set = set_option(input, name, value); !set) {
      return fail(set.error().code, "query: " + set.error().message);
    }
  }
  if (auto read = read_body(request, input); !read) {
    return std::unexpected(std::move(read.error()));
  }
  if (input.image.empty()) {
    return fail(Code::invalid_argument, "image is empty");
  }
  return input;
}

}  // namespace gantry::api
