// model_file::Labels on any text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "gantry/model_file/labels.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto labels = gantry::model_file::Labels::parse({reinterpret_cast<const char*>(data), size});
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
