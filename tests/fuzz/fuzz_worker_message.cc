// What the parent of a slot's process reads from it, and the process from its parent: what is read
// is within its bounds and means the same when it is written again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>

#include "message.h"

namespace {

using namespace gantry::worker;

void must(bool fact) {
  if (!fact) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto message = parse_from_child(bytes)) {
    must(std::ranges::equal(encode(*message), bytes));
    if (const auto* const hello = std::get_if<Hello>(&*message)) {
      must(hello->inputs.size() <= most_tensors && hello->details.size() <= most_details_bytes);
      for (const TensorInfo& tensor : hello->outputs) {
        must(tensor.spec.shape.size() <= most_dimensions);
        static_cast<void>(tensor.spec.description());
      }
    }
  }
  if (const auto message = parse_from_parent(bytes)) {
    must(std::ranges::equal(encode(*message), bytes));
  }
  return 0;
}
