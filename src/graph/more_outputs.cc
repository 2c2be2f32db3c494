#include "gantry/graph/more_outputs.h"

#include <algorithm>
#include <format>

#include "gantry/repository/model_info.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace gantry::graph {

Result<WithOutputs> with_outputs(std::span<const std::byte> model,
                                 std::span<const std::int32_t> tensors) {
  if (const auto info = repository::read_model(model); !info) {
    return std::unexpected(info.error());
  }
  ::tflite::ModelT object;
  ::tflite::GetModel(model.data())->UnPackTo(&object);
  auto& graph = *object.subgraphs.front();
  for (const std::int32_t tensor : tensors) {
    if (tensor < 0 || static_cast<std::size_t>(tensor) >= graph.tensors.size()) {
      return fail(Code::out_of_range,
                  std::format("no tensor {}: there are {}", tensor, graph.tensors.size()));
    }
    if (std::ranges::find(graph.outputs, tensor) == graph.outputs.end()) {
      graph.outputs.push_back(tensor);
    }
  }
  ::flatbuffers::FlatBufferBuilder builder(model.size());
  builder.Finish(::tflite::Model::Pack(builder, &object), ::tflite::ModelIdentifier());
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return WithOutputs{.model = {bytes.begin(), bytes.end()}, .outputs = graph.outputs};
}

}  // namespace gantry::graph
