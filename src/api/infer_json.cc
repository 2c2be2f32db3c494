#include "infer_json.h"

#include <optional>
#include <utility>

#include "base64.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "header_value.h"
#include "json_reader.h"

namespace gantry::api {
namespace {

std::unexpected<Error> wrong(std::string_view name, std::string_view wanted,
                             const JsonValue& found) {
  return fail(Code::invalid_argument,
              format_text("{}: want {}, found {}", name, wanted, found.description()));
}

bool is_integer(const JsonValue& value) {
  return value.kind == JsonValue::Kind::number &&
         value.text.find_first_of(".eE") == std::string_view::npos;
}

/// Takes one option; other members are ignored.
Result<> take_option(InferInput& input, std::string_view name, const JsonValue& value) {
  using enum JsonValue::Kind;
  if (value.kind == null) {
    return {};
  }
  if (name == "model") {
    if (value.kind != string) {
      return wrong(name, "a string", value);
    }
    input.model = unescaped(value.text);
  } else if (name == "version") {
    if (value.kind != string && !is_integer(value)) {
      return wrong(name, "a string or an integer", value);
    }
    input.version = value.kind == string ? unescaped(value.text) : std::string(value.text);
  } else if (name == "top_k" || name == "threshold") {
    if (value.kind != number) {
      return wrong(name, name == "top_k" ? "an integer" : "a number", value);
    }
    return set_option(input, name, value.text);
  }
  return {};
}

}  // namespace

Result<std::string_view> base64_text(std::string_view text) {
  constexpr std::string_view scheme = "data:";
  if (lower_case(text.substr(0, scheme.size())) != scheme) {
    return text;
  }
  constexpr std::size_t longest_head = 256;
  const std::size_t comma = text.substr(0, longest_head).find(',');
  if (comma == std::string_view::npos || !lower_case(text.substr(0, comma)).ends_with(";base64")) {
    return fail(Code::invalid_argument,
                format_text("want data:…;base64,… found {}", in_quotes(text, 40)));
  }
  return text.substr(comma + 1);
}

Result<> read_infer_json(std::vector<std::byte> body, InferInput& input) {
  char* const memory = reinterpret_cast<char*>(body.data());
  std::optional<std::string_view> image;
  const auto take = [&](std::string_view name, const JsonValue& value) -> Result<> {
    if (name != "image") {
      return take_option(input, name, value);
    }
    if (value.kind != JsonValue::Kind::string) {
      return wrong(name, "a string of base64", value);
    }
    if (image) {
      return fail(Code::invalid_argument, "two members named image: want one");
    }
    image = value.text;
    return {};
  };
  if (const auto read = read_json_object({memory, body.size()}, take); !read) {
    return fail(read.error().code, "JSON body: " + read.error().message);
  }
  if (!image) {
    return fail(Code::invalid_argument,
                "JSON body: no member \"image\"; want the picture there, in base64");
  }
  // From here on the body is only memory: escapes shrink where they are, and base64 shrinks to the
  // front.
  char* const raw = memory + (image->data() - memory);
  const auto text = base64_text({raw, unescape(raw, image->size())});
  if (!text) {
    return fail(text.error().code, "JSON body: image: " + text.error().message);
  }
  const auto size = decode_base64(*text, body);
  if (!size) {
    return fail(size.error().code, "JSON body: image: " + size.error().message);
  }
  body.resize(*size);
  input.image = std::move(body);
  return {};
}

}  // namespace gantry::api
