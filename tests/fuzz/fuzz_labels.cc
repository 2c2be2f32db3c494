// repository::Labels on any text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "gantry/repository/labels.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto labels = gantry::repository::Labels::parse({reinterpret_cast<const char*>(data), size});
  if (labels) {
    const std::size_t count = labels->size();
    if (count > 100'000 || !labels->name(count).empty()) {
      std::abort();
    }
    const auto fitted = std::move(*labels).fitted_to(count + 1);
    if (fitted.size() < count || fitted.size() > count + 1) {
      std::abort();
    }
  }
  return 0;
}
