// JSON bodies of POST /infer, base64 included.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "infer_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  gantry::api::InferInput input;
  const auto read =
      gantry::api::read_infer_json(std::vector<std::byte>(bytes, bytes + size), input);
  const auto& options = input.options;
  const bool in_range =
      (!options.top_k || (*options.top_k >= 1 && *options.top_k <= 100'000)) &&
      (!options.threshold || (*options.threshold >= 0 && *options.threshold <= 1));
  // Base64 shrinks, and messages do not grow with the input.
  if (!in_range || input.image.size() > size || (!read && read.error().message.size() > 1000)) {
    std::abort();
  }
  return 0;
}
