// model_file::read_model on any bytes: the flatbuffer, the checks of its graph, metadata and the
// appended zip.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gantry/model_file/model_info.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto info = gantry::model_file::read_model(std::as_bytes(std::span(data, size)));
  if (info) {
    for (const auto& op : info->operators) {
      if (op.name.size() > 200) {
        std::abort();  // the bound that keeps the list linear in the file
      }
    }
    if (info->task == gantry::model_file::Task::classification &&
        (info->inputs.size() != 1 || info->outputs.size() != 1)) {
      std::abort();
    }
  }
  return 0;
}
