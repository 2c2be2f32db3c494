// Form bodies: the first line of the input is the Content-Type, the rest the body.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "header_value.h"
#include "multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const auto type = gantry::api::parse_header_value(input.substr(0, line));
  if (!type) {
    return 0;
  }
  const auto boundary = gantry::api::form_boundary(*type);
  if (!boundary) {
    return 0;
  }
  const std::string_view text = input.substr(std::min(line + 1, size));
  const auto body = std::as_bytes(std::span(text));
  const auto parts = gantry::api::parse_multipart(body, *boundary);
  if (!parts) {
    return 0;
  }
  // Contents lie in the body, in order, and hold no boundary line.
  const std::byte* behind = body.data();
  for (const auto& part : *parts) {
    const std::string_view content(reinterpret_cast<const char*>(part.content.data()),
                                   part.content.size());
    if (part.content.data() < behind ||
        part.content.data() + part.content.size() > body.data() + body.size() ||
        content.find("\r\n--" + *boundary + "\r\n") != std::string_view::npos) {
      std::abort();
    }
    behind = part.content.data() + part.content.size();
  }
  return 0;
}
