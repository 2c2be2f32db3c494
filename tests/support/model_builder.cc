#include "gantry/test/model_builder.h"

#include <zlib.h>

#include <cstring>
#include <utility>

#include "gantry/base/file.h"
#include "gantry/test/model_object.h"

namespace gantry::test {
namespace {

using ::flatbuffers::FlatBufferBuilder;
using ::flatbuffers::Offset;
using ::flatbuffers::uoffset_t;

/// Adds a tensor and, where it has data, its buffer. Returns its index.
std::int32_t add_tensor(::tflite::ModelT& model, std::string name, ::tflite::TensorType type,
                        std::vector<std::int32_t> shape, std::vector<std::uint8_t> data = {}) {
  auto tensor = std::make_unique<::tflite::TensorT>();
  tensor->name = std::move(name);
  tensor->type = type;
  tensor->shape = std::move(shape);
  if (!data.empty()) {
    tensor->buffer = static_cast<std::uint32_t>(model.buffers.size());
    model.buffers.push_back(std::make_unique<::tflite::BufferT>());
    model.buffers.back()->data = std::move(data);
  }
  if (type == ::tflite::TensorType_UINT8) {
    tensor->quantization = std::make_unique<::tflite::QuantizationParametersT>();
    tensor->quantization->scale = {1.0F / 256};
    tensor->quantization->zero_point = {0};
  }
  auto& tensors = model.subgraphs.front()->tensors;
  tensors.push_back(std::move(tensor));
  return static_cast<std::int32_t>(tensors.size() - 1);
}

std::int32_t add_shape_constant(::tflite::ModelT& model, const std::vector<std::int32_t>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(std::int32_t));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return add_tensor(model, "shape", ::tflite::TensorType_INT32,
                    {static_cast<std::int32_t>(values.size())}, std::move(bytes));
}

/// [1,?,?,3] → [1,features]
void add_reshape(::tflite::ModelT& model, std::int32_t input, std::int32_t output,
                 std::int32_t features) {
  const std::int32_t shape = add_shape_constant(model, {1, features});
  ::tflite::OperatorT& op =
      add_operator(model, ::tflite::BuiltinOperator_RESHAPE, {input, shape}, {output});
  ::tflite::ReshapeOptionsT options;
  options.new_shape = {1, features};
  op.builtin_options.Set(std::move(options));
}

std::unique_ptr<::tflite::ModelT> empty_model(std::string description) {
  auto model = std::make_unique<::tflite::ModelT>();
  model->version = 3;
  model->description = std::move(description);
  model->buffers.push_back(std::make_unique<::tflite::BufferT>());  // 0 stands for no data
  model->subgraphs.push_back(std::make_unique<::tflite::SubGraphT>());
  return model;
}

/// Where the field with this number lies in a table's vtable.
constexpr ::flatbuffers::voffset_t field(unsigned number) {
  return static_cast<::flatbuffers::voffset_t>(4 + (2 * number));
}

/// A table with one to many fields that are offsets, each (field number, offset).
template <class... Fields>
uoffset_t table(FlatBufferBuilder& builder, const Fields&... fields) {
  const uoffset_t start = builder.StartTable();
  (builder.AddOffset(field(fields.first), Offset<void>(fields.second)), ...);
  return builder.EndTable(start);
}
template <class T>
std::pair<unsigned, uoffset_t> at(unsigned number, Offset<T> offset) {
  return {number, offset.o};
}
uoffset_t list_of(FlatBufferBuilder& builder, uoffset_t element) {
  const std::vector<Offset<void>> elements{Offset<void>(element)};
  return builder.CreateVector(elements).o;
}

/// Metadata as tflite-support writes it: an image input with a normalisation, an output with a
/// label file.
std::vector<std::uint8_t> metadata_of(std::string_view label_file) {
  constexpr std::uint8_t normalization_options = 1;
  constexpr std::uint8_t image_properties = 2;
  constexpr std::int8_t tensor_axis_labels = 2;
  FlatBufferBuilder builder;

  const auto file_name = builder.CreateString(label_file);
  uoffset_t start = builder.StartTable();
  builder.AddOffset(field(0), file_name);
  builder.AddElement<std::int8_t>(field(2), tensor_axis_labels, 0);
  const uoffset_t files = list_of(builder, builder.EndTable(start));

  const std::vector<float> half{127.5F};
  const auto mean = builder.CreateVector(half);
  const auto stddev = builder.CreateVector(half);
  const uoffset_t normalization = table(builder, at(0, mean), at(1, stddev));
  start = builder.StartTable();
  builder.AddElement<std::uint8_t>(field(0), normalization_options, 0);
  builder.AddOffset(field(1), Offset<void>(normalization));
  const uoffset_t process_units = list_of(builder, builder.EndTable(start));

  const uoffset_t properties = table(builder);
  start = builder.StartTable();
  builder.AddElement<std::uint8_t>(field(0), image_properties, 0);
  builder.AddOffset(field(1), Offset<void>(properties));
  const uoffset_t content = builder.EndTable(start);

  const uoffset_t input =
      table(builder, at(3, Offset<void>(content)), at(4, Offset<void>(process_units)));
  const uoffset_t output = table(builder, at(6, Offset<void>(files)));
  const uoffset_t inputs = list_of(builder, input);
  const uoffset_t outputs = list_of(builder, output);
  const uoffset_t graph = table(builder, at(2, Offset<void>(inputs)), at(3, Offset<void>(outputs)));
  const uoffset_t graphs = list_of(builder, graph);
  const auto name = builder.CreateString("A model made for tests");
  const uoffset_t model = table(builder, at(0, name), at(3, Offset<void>(graphs)));
  builder.Finish(Offset<::flatbuffers::Table>(model), "M001");
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

void put(std::string& out, std::size_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    out += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
  }
}

}  // namespace

::tflite::OperatorT& add_operator(::tflite::ModelT& model, ::tflite::BuiltinOperator code,
                                  std::vector<std::int32_t> inputs,
                                  std::vector<std::int32_t> outputs) {
  auto operator_code = std::make_unique<::tflite::OperatorCodeT>();
  operator_code->builtin_code = code;
  operator_code->deprecated_builtin_code = static_cast<std::int8_t>(code);
  operator_code->version = 1;
  auto op = std::make_unique<::tflite::OperatorT>();
  op->opcode_index = static_cast<std::uint32_t>(model.operator_codes.size());
  op->inputs = std::move(inputs);
  op->outputs = std::move(outputs);
  model.operator_codes.push_back(std::move(operator_code));
  model.subgraphs.front()->operators.push_back(std::move(op));
  return *model.subgraphs.front()->operators.back();
}

std::int32_t add_uint8(::tflite::ModelT& model, std::vector<std::int32_t> shape, bool constant) {
  std::size_t size = 1;
  for (const std::int32_t extent : shape) {
    size *= static_cast<std::size_t>(extent);
  }
  const std::int32_t index =
      add_tensor(model, "tensor", ::tflite::TensorType_UINT8, std::move(shape),
                 std::vector<std::uint8_t>(constant ? size : 0, 0x81));
  constexpr float scale = 0.05F;
  model.subgraphs.front()->tensors.back()->quantization->scale = {scale};
  return index;
}

std::vector<std::byte> pack(const ::tflite::ModelT& model) {
  FlatBufferBuilder builder;
  ::tflite::FinishModelBuffer(builder, ::tflite::Model::Pack(builder, &model));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

std::unique_ptr<::tflite::ModelT> unpack(std::span<const std::byte> model) {
  return std::unique_ptr<::tflite::ModelT>(::tflite::GetModel(model.data())->UnPack());
}

std::unique_ptr<::tflite::ModelT> identity_object(std::int32_t height, std::int32_t width) {
  auto model = empty_model("The picture itself");
  const std::int32_t features = height * width * 3;
  const std::int32_t input =
      add_tensor(*model, "image", ::tflite::TensorType_UINT8, {1, height, width, 3});
  const std::int32_t output = add_tensor(*model, "same", ::tflite::TensorType_UINT8, {1, features});
  add_reshape(*model, input, output, features);
  model->subgraphs.front()->inputs = {input};
  model->subgraphs.front()->outputs = {output};
  return model;
}

std::unique_ptr<::tflite::ModelT> color_object() {
  auto model = empty_model("Red, green or blue");
  const std::int32_t input = add_tensor(*model, "image", ::tflite::TensorType_UINT8, {1, 8, 8, 3});
  const std::int32_t mean = add_tensor(*model, "mean", ::tflite::TensorType_UINT8, {1, 1, 1, 3});
  const std::int32_t output = add_tensor(*model, "color", ::tflite::TensorType_UINT8, {1, 3});
  ::tflite::OperatorT& pool =
      add_operator(*model, ::tflite::BuiltinOperator_AVERAGE_POOL_2D, {input}, {mean});
  ::tflite::Pool2DOptionsT options;
  options.padding = ::tflite::Padding_VALID;
  options.stride_h = options.stride_w = 1;
  options.filter_height = options.filter_width = 8;
  pool.builtin_options.Set(std::move(options));
  add_reshape(*model, mean, output, 3);
  model->subgraphs.front()->inputs = {input};
  model->subgraphs.front()->outputs = {output};
  return model;
}

namespace {

/// A convolution of `input`, its weights and its bias; gives its output.
std::int32_t add_conv(::tflite::ModelT& model, std::int32_t input, const ConvSpec& spec) {
  const std::int32_t weights =
      spec.depthwise
          ? add_uint8(model, {1, spec.kernel, spec.kernel, spec.out_channels}, true)
          : add_uint8(model, {spec.out_channels, spec.kernel, spec.kernel, spec.channels}, true);
  model.subgraphs.front()->tensors.back()->quantization->zero_point = {128};
  const std::int32_t bias =
      add_tensor(model, "bias", ::tflite::TensorType_INT32, {spec.out_channels},
                 std::vector<std::uint8_t>(static_cast<std::size_t>(spec.out_channels) *
                                           sizeof(std::int32_t)));
  const std::int32_t output = add_uint8(model, {1, spec.side, spec.side, spec.out_channels});
  ::tflite::OperatorT& op =
      add_operator(model,
                   spec.depthwise ? ::tflite::BuiltinOperator_DEPTHWISE_CONV_2D
                                  : ::tflite::BuiltinOperator_CONV_2D,
                   {input, weights, bias}, {output});
  const auto set = [&](auto options) {
    options.padding = ::tflite::Padding_SAME;
    options.stride_h = options.stride_w = 1;
    op.builtin_options.Set(std::move(options));
  };
  if (spec.depthwise) {
    set(::tflite::DepthwiseConv2DOptionsT());
    op.builtin_options.AsDepthwiseConv2DOptions()->depth_multiplier =
        spec.out_channels / spec.channels;
  } else {
    set(::tflite::Conv2DOptionsT());
  }
  return output;
}

}  // namespace

std::unique_ptr<::tflite::ModelT> conv_object(const ConvSpec& spec) {
  auto model = empty_model("One convolution");
  const std::int32_t input = add_uint8(*model, {1, spec.side, spec.side, spec.channels});
  const std::int32_t output = add_conv(*model, input, spec);
  model->subgraphs.front()->inputs = {input};
  model->subgraphs.front()->outputs = {output};
  return model;
}

std::unique_ptr<::tflite::ModelT> residual_object() {
  auto model = empty_model("A convolution around two");
  const std::int32_t input = add_uint8(*model, {1, 8, 8, 16});
  const std::int32_t first = add_conv(*model, input, {});
  const std::int32_t second = add_conv(*model, first, {});
  const std::int32_t third = add_conv(*model, second, {});
  // With both signs: what clips at zero before it is added is another case.
  model->subgraphs.front()->tensors[static_cast<std::size_t>(third)]->quantization->zero_point = {
      128};
  const std::int32_t sum = add_uint8(*model, {1, 8, 8, 16});
  add_operator(*model, ::tflite::BuiltinOperator_ADD, {third, first}, {sum})
      .builtin_options.Set(::tflite::AddOptionsT());
  model->subgraphs.front()->inputs = {input};
  model->subgraphs.front()->outputs = {sum};
  return model;
}

std::vector<std::byte> identity_model(std::int32_t height, std::int32_t width) {
  return pack(*identity_object(height, width));
}

std::vector<std::byte> color_classifier() {
  return with_labels(pack(*color_object()), "labels.txt", "red\ngreen\nblue\n");
}

std::vector<std::byte> with_labels(std::span<const std::byte> model, std::string_view label_file,
                                   std::string_view labels) {
  const auto object = unpack(model);
  auto metadata = std::make_unique<::tflite::MetadataT>();
  metadata->name = "TFLITE_METADATA";
  metadata->buffer = static_cast<std::uint32_t>(object->buffers.size());
  object->metadata.push_back(std::move(metadata));
  object->buffers.push_back(std::make_unique<::tflite::BufferT>());
  object->buffers.back()->data = metadata_of(label_file);
  std::vector<std::byte> bytes = pack(*object);
  const std::string zip = zip_of(label_file, labels, bytes.size());
  const auto tail = std::as_bytes(std::span(zip));
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  return bytes;
}

std::string zip_of(std::string_view name, std::string_view content, std::size_t offset) {
  const std::size_t checksum =
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  // The part that local header and directory entry share: version, flags, method, time, date, crc,
  // sizes.
  std::string common;
  put(common, 20, 2);
  put(common, 0, 2);
  put(common, 0, 2);
  put(common, 0, 2);
  put(common, 0x21, 2);  // 1 January 1980
  put(common, checksum, 4);
  put(common, content.size(), 4);
  put(common, content.size(), 4);
  put(common, name.size(), 2);
  put(common, 0, 2);

  std::string out = "PK\x03\x04" + common;
  out += name;
  out += content;
  const std::size_t directory = out.size();
  out += "PK\x01\x02";
  put(out, 20, 2);
  out += common;
  out.append(10, '\0');  // comment, disk, attributes
  put(out, offset, 4);
  out += name;
  const std::size_t directory_size = out.size() - directory;
  out += "PK\x05\x06";
  put(out, 0, 4);
  put(out, 1, 2);
  put(out, 1, 2);
  put(out, directory_size, 4);
  put(out, offset + directory, 4);
  put(out, 0, 2);
  return out;
}

Result<> write_model(const std::filesystem::path& path, std::span<const std::byte> model) {
  return write_file(path, model);
}

}  // namespace gantry::test
