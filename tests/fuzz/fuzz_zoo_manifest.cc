// zoo::Manifest on any text: what it accepts names nothing outside the store.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gantry/zoo/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto manifest =
      gantry::zoo::Manifest::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!manifest) {
    return 0;
  }
  for (const gantry::zoo::Entry& entry : manifest->entries()) {
    const bool is_odd =
        entry.name.contains('/') || entry.name.starts_with('.') ||
        gantry::zoo::file_name_of(entry.url).empty() ||
        (!entry.model().sha256.empty() && !gantry::zoo::is_sha256(entry.model().sha256)) ||
        manifest->find(entry.name) != &entry;
    if (is_odd) {
      std::abort();
    }
  }
  return 0;
}
