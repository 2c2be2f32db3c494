// JSON bodies of POST /infer, base64 included; and our reader of JSON against another one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "infer_json.h"
#include "json_reader.h"

namespace {

using nlohmann::json;

void expect(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void compare(std::string_view text) {
  std::map<std::string, std::string, std::less<>> strings;
  const auto ours = gantry::api::read_json_object(
      text, [&](std::string_view name, const gantry::api::JsonValue& value) -> gantry::Result<> {
        if (value.kind == gantry::api::JsonValue::Kind::string) {
          strings[std::string(name)] = gantry::api::unescaped(value.text);
        } else {
          strings.erase(std::string(name));
        }
        return {};
      });
  json theirs;
  try {
    theirs = json::parse(text);
  } catch (const json::out_of_range&) {
    return;  // a number beyond double: only they mind, since only they convert it
  } catch (const json::parse_error&) {
    expect(!ours);
    return;
  }
  if (!ours) {
    // To nlohmann's reader a NUL is the end of the text, wherever it stands.
    expect(ours.error().message.contains("nested deeper") ||
           ours.error().message.contains("want an object") || text.contains('\0'));
    return;
  }
  expect(theirs.is_object());
  for (const auto& [name, value] : theirs.items()) {
    if (!name.empty() && name.size() < 40) {  // long names may be passed on as empty
      const auto found = strings.find(name);
      expect(value.is_string() ? found != strings.end() && found->second == value.get<std::string>()
                               : found == strings.end());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  gantry::api::InferInput input;
  const auto read =
      gantry::api::read_infer_json(std::vector<std::byte>(bytes, bytes + size), input);
  const auto& options = input.options;
  expect(!options.top_k || (*options.top_k >= 1 && *options.top_k <= gantry::inference::max_top_k));
  expect(!options.threshold || (*options.threshold >= 0 && *options.threshold <= 1));
  // Base64 shrinks, and messages do not grow with the input.
  expect(input.image.size() <= size);
  expect(read || read.error().message.size() <= 1000);
  compare({reinterpret_cast<const char*>(data), size});
  return 0;
}
