#include "gantry/graph/more_outputs.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/model_file/model_info.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace gantry::graph {

Result<WithOutputs> with_outputs(std::span<const std::byte> model,
                                 std::span<const std::int32_t> tensors) {
  if (const auto info = model_file::read_model(model); !info) {
    return std::unexpected(info.error());
  }
  const ::tflite::SubGraph& graph = *::tflite::GetModel(model.data())->subgraphs()->Get(0);
  // There is one at least: read_model() saw to it.
  std::vector<std::int32_t> outputs(graph.outputs()->begin(), graph.outputs()->end());
  for (const std::int32_t tensor : tensors) {
    if (tensor < 0 || static_cast<std::size_t>(tensor) >= graph.tensors()->size()) {
      return fail(Code::out_of_range,
                  format_text("no tensor {}: there are {}", tensor, graph.tensors()->size()));
    }
    if (std::ranges::find(outputs, tensor) == outputs.end()) {
      outputs.push_back(tensor);
    }
  }
  // The tables derive from it privately.
  const auto& table = reinterpret_cast<const ::flatbuffers::Table&>(graph);
  const std::uint8_t* field = table.GetAddressOf(::tflite::SubGraph::VT_OUTPUTS);
  // A field holds how far behind it its vector lies, so a longer one can stand behind all the rest.
  // Writing the model anew would take as long as running it.
  const auto at =
      static_cast<std::size_t>(reinterpret_cast<const std::byte*>(field) - model.data());
  const std::size_t end = (model.size() + 3) / 4 * 4;
  if (end - at > std::numeric_limits<std::int32_t>::max()) {
    return fail(Code::invalid_argument, "the model is larger than 2 GiB");
  }
  std::vector<std::byte> copy(end + 4 * (1 + outputs.size()));
  std::ranges::copy(model, copy.begin());
  const auto write = [&copy](std::size_t where, std::uint32_t value) {
    ::flatbuffers::WriteScalar(copy.data() + where, value);
  };
  write(at, static_cast<std::uint32_t>(end - at));
  write(end, static_cast<std::uint32_t>(outputs.size()));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    write(end + 4 * (1 + i), static_cast<std::uint32_t>(outputs[i]));
  }
  return WithOutputs{.model = std::move(copy), .outputs = std::move(outputs)};
}

}  // namespace gantry::graph
