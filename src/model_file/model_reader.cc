#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/model_file/labels.h"
#include "gantry/model_file/model_info.h"
#include "metadata.h"
#include "model_check.h"
#include "model_task.h"
#include "zip.h"

namespace gantry::model_file {
namespace {

/// Memory that a flatbuffer can be read in place from: its numbers are aligned to up to 8 bytes.
using AlignedBytes = std::vector<std::uint64_t>;

bool is_aligned(const void* data) noexcept {
  return reinterpret_cast<std::uintptr_t>(data) % alignof(std::uint64_t) == 0;
}

AlignedBytes aligned_copy(std::span<const std::byte> bytes) {
  AlignedBytes copy((bytes.size() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
  if (!bytes.empty()) {
    std::memcpy(copy.data(), bytes.data(), bytes.size());
  }
  return copy;
}

void read_operators(const ::tflite::Model& model, const ::tflite::SubGraph& graph,
                    ModelInfo& info) {
  if (graph.operators() == nullptr) {
    return;
  }
  const auto indices = [](const ::flatbuffers::Vector<std::int32_t>* vector) {
    return vector == nullptr ? std::vector<std::int32_t>{}
                             : std::vector<std::int32_t>(vector->begin(), vector->end());
  };
  info.operators.reserve(graph.operators()->size());
  for (const ::tflite::Operator* op : *graph.operators()) {
    const ::tflite::OperatorCode& code = *model.operator_codes()->Get(op->opcode_index());
    info.operators.push_back({.name = operator_name(code),
                              .custom = builtin_code(code) == ::tflite::BuiltinOperator_CUSTOM,
                              .inputs = indices(op->inputs()),
                              .outputs = indices(op->outputs())});
  }
}

void read_labels(std::span<const std::byte> file, const std::vector<std::string>& names,
                 ModelInfo& info) {
  constexpr std::size_t largest_label_file = std::size_t{4} << 20U;
  for (const std::string& name : names) {
    const auto labels =
        read_zipped_file(file, name, largest_label_file).and_then([](const std::string& text) {
          return Labels::parse(text);
        });
    if (labels) {
      info.labels = labels->names();
      return;  // of several, the first is the default; others differ in their language
    }
    info.warnings.push_back(
        format_text("label file {} of the metadata: {}", in_quotes(name), labels.error().message));
  }
}

/// True if the metadata calls the first input an image.
bool add_metadata(const ::tflite::Model& model, std::span<const std::byte> file, ModelInfo& info) {
  if (model.metadata() == nullptr) {
    return false;
  }
  for (const ::tflite::Metadata* entry : *model.metadata()) {
    if (entry->name() == nullptr || entry->name()->string_view() != "TFLITE_METADATA" ||
        model.buffers() == nullptr || entry->buffer() >= model.buffers()->size() ||
        model.buffers()->Get(entry->buffer())->data() == nullptr) {
      continue;
    }
    const auto* const data = model.buffers()->Get(entry->buffer())->data();
    std::span<const std::uint8_t> bytes(data->data(), std::size_t{data->size()});
    AlignedBytes copy;
    if (!is_aligned(bytes.data())) {
      copy = aligned_copy(std::as_bytes(bytes));
      bytes = {reinterpret_cast<const std::uint8_t*>(copy.data()), bytes.size()};
    }
    const Result<Metadata> metadata = read_metadata(bytes);
    if (!metadata) {
      info.warnings.push_back("metadata: " + metadata.error().message);
      return false;
    }
    if (!metadata->description.empty()) {
      info.description = metadata->description;
    }
    info.normalization = metadata->first_input_normalization;
    read_labels(file, metadata->label_files, info);
    return metadata->first_input_is_image;
  }
  return false;
}

}  // namespace

std::string_view task_name(Task task) noexcept {
  switch (task) {
    case Task::classification:
      return "classification";
    case Task::detection:
      return "detection";
    case Task::raw_image:
      return "raw_image";
    case Task::raw:
      return "raw";
  }
  return "raw";
}

Result<ModelInfo> read_model(std::span<const std::byte> bytes) {
  AlignedBytes copy;
  if (!is_aligned(bytes.data())) {
    copy = aligned_copy(bytes);
    bytes = std::as_bytes(std::span(copy)).first(bytes.size());
  }
  const Result<const ::tflite::Model*> checked = check_model(bytes);
  if (!checked) {
    return std::unexpected(checked.error());
  }
  const ::tflite::Model& model = **checked;
  const ::tflite::SubGraph& graph = *model.subgraphs()->Get(0);
  ModelInfo info;
  info.file_bytes = bytes.size();
  info.subgraphs = model.subgraphs()->size();
  if (model.description() != nullptr) {
    constexpr std::size_t longest_description = 10'000;
    info.description = model.description()->str().substr(0, longest_description);
  }
  const auto add_specs = [&](const auto* indices, std::vector<TensorSpec>& specs) {
    for (std::uint32_t i = 0; indices != nullptr && i < indices->size(); ++i) {
      specs.push_back(spec_of(*graph.tensors()->Get(static_cast<std::uint32_t>(indices->Get(i)))));
    }
  };
  add_specs(graph.inputs(), info.inputs);
  add_specs(graph.outputs(), info.outputs);
  read_operators(model, graph, info);
  const bool is_called_image = add_metadata(model, bytes, info);
  infer_task(model, is_called_image, info);
  return info;
}

}  // namespace gantry::model_file
