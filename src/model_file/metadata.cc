#include "metadata.h"

#include <algorithm>
#include <string_view>

#include "flatbuffers/flatbuffers.h"

namespace gantry::model_file {
namespace {

using ::flatbuffers::Offset;
using ::flatbuffers::String;
using ::flatbuffers::Vector;
using ::flatbuffers::Verifier;

/// Where the field with this number lies in a table's vtable.
constexpr ::flatbuffers::voffset_t field(unsigned number) noexcept {
  return static_cast<::flatbuffers::voffset_t>(4 + (2 * number));
}

// The tables of the metadata schema, with the fields that we read. Unlike the model's own schema
// this one comes with no generated header in Debian. As generated code does, each table checks what
// it reads. Table's members are public, its constructors are not: tables are only ever pointed to.
class AssociatedFile : public ::flatbuffers::Table {
 public:
  enum class Type : std::int8_t { tensor_axis_labels = 2, tensor_value_labels = 3 };
  [[nodiscard]] const String* name() const { return GetPointer<const String*>(field(0)); }
  [[nodiscard]] Type type() const { return static_cast<Type>(GetField<std::int8_t>(field(2), 0)); }
  bool Verify(
      Verifier& verifier) const {  // NOLINT(readability-identifier-naming): flatbuffers calls it
    return VerifyTableStart(verifier) && VerifyOffset(verifier, field(0)) &&
           verifier.VerifyString(name()) && VerifyField<std::int8_t>(verifier, field(2), 1) &&
           verifier.EndTable();
  }
};

class NormalizationOptions : public ::flatbuffers::Table {
 public:
  [[nodiscard]] const Vector<float>* mean() const {
    return GetPointer<const Vector<float>*>(field(0));
  }
  [[nodiscard]] const Vector<float>* stddev() const {
    return GetPointer<const Vector<float>*>(field(1));
  }
  bool Verify(
      Verifier& verifier) const {  // NOLINT(readability-identifier-naming): flatbuffers calls it
    return VerifyTableStart(verifier) && VerifyOffset(verifier, field(0)) &&
           verifier.VerifyVector(mean()) && VerifyOffset(verifier, field(1)) &&
           verifier.VerifyVector(stddev()) && verifier.EndTable();
  }
};

class ProcessUnit : public ::flatbuffers::Table {
 public:
  /// The union's value where it is a normalisation.
  [[nodiscard]] const NormalizationOptions* normalization() const {
    constexpr std::uint8_t normalization_options = 1;
    return GetField<std::uint8_t>(field(0), 0) == normalization_options
               ? GetPointer<const NormalizationOptions*>(field(1))
               : nullptr;
  }
  bool Verify(
      Verifier& verifier) const {  // NOLINT(readability-identifier-naming): flatbuffers calls it
    return VerifyTableStart(verifier) && VerifyField<std::uint8_t>(verifier, field(0), 1) &&
           VerifyOffset(verifier, field(1)) && verifier.VerifyTable(normalization()) &&
           verifier.EndTable();
  }
};

class Content : public ::flatbuffers::Table {
 public:
  [[nodiscard]] bool is_image() const {
    constexpr std::uint8_t image_properties = 2;
    return GetField<std::uint8_t>(field(0), 0) == image_properties;
  }
  bool Verify(
      Verifier& verifier) const {  // NOLINT(readability-identifier-naming): flatbuffers calls it
    return VerifyTableStart(verifier) && VerifyField<std::uint8_t>(verifier, field(0), 1) &&
           verifier.EndTable();
  }
};

template <class T>
using Tables = Vector<Offset<T>>;

class TensorMetadata : public ::flatbuffers::Table {
 public:
  [[nodiscard]] const Content* content() const { return GetPointer<const Content*>(field(3)); }
  [[nodiscard]] const Tables<ProcessUnit>* process_units() const {
    return GetPointer<const Tables<ProcessUnit>*>(field(4));
  }
  [[nodiscard]] const Tables<AssociatedFile>* associated_files() const {
    return GetPointer<const Tables<AssociatedFile>*>(field(6));
  }
  bool Verify(
      Verifier& verifier) const {  // NOLINT(readability-identifier-naming): flatbuffers calls it
    return VerifyTableStart(verifier) && VerifyOffset(verifier, field(3)) &&
           verifier.VerifyTable(content()) && VerifyOffset(verifier, field(4)) &&
           verifier.VerifyVector(process_units()) &&
           verifier.VerifyVectorOfTables(process_units()) && VerifyOffset(verifier, field(6)) &&
           verifier.VerifyVector(associated_files()) &&
           verifier.VerifyVectorOfTables(associated_files()) && verifier.EndTable();
  }
};

class SubGraphMetadata : public ::flatbuffers::Table {
 public:
  [[nodiscard]] const Tables<TensorMetadata>* inputs() const {
    return GetPointer<const Tables<TensorMetadata>*>(field(2));
  }
  [[nodiscard]] const Tables<TensorMetadata>* outputs() const {
    return GetPointer<const Tables<TensorMetadata>*>(field(3));
  }
  bool Verify(
      Verifier& verifier) const {  // NOLINT(readability-identifier-naming): flatbuffers calls it
    return VerifyTableStart(verifier) && VerifyOffset(verifier, field(2)) &&
           verifier.VerifyVector(inputs()) && verifier.VerifyVectorOfTables(inputs()) &&
           VerifyOffset(verifier, field(3)) && verifier.VerifyVector(outputs()) &&
           verifier.VerifyVectorOfTables(outputs()) && verifier.EndTable();
  }
};

class ModelMetadata : public ::flatbuffers::Table {
 public:
  [[nodiscard]] const String* name() const { return GetPointer<const String*>(field(0)); }
  [[nodiscard]] const String* description() const { return GetPointer<const String*>(field(1)); }
  [[nodiscard]] const Tables<SubGraphMetadata>* subgraphs() const {
    return GetPointer<const Tables<SubGraphMetadata>*>(field(3));
  }
  bool Verify(
      Verifier& verifier) const {  // NOLINT(readability-identifier-naming): flatbuffers calls it
    return VerifyTableStart(verifier) && VerifyOffset(verifier, field(0)) &&
           verifier.VerifyString(name()) && VerifyOffset(verifier, field(1)) &&
           verifier.VerifyString(description()) && VerifyOffset(verifier, field(3)) &&
           verifier.VerifyVector(subgraphs()) && verifier.VerifyVectorOfTables(subgraphs()) &&
           verifier.EndTable();
  }
};

std::string text_of(const String* text) {
  constexpr std::size_t longest = 10'000;
  return text == nullptr ? std::string{} : text->str().substr(0, longest);
}

std::optional<InputTransform::Normalization> normalization_of(const TensorMetadata& tensor) {
  if (tensor.process_units() == nullptr) {
    return std::nullopt;
  }
  constexpr std::size_t most_channels = 64;
  for (const ProcessUnit* unit : *tensor.process_units()) {
    const NormalizationOptions* const options = unit->normalization();
    if (options == nullptr || options->mean() == nullptr || options->stddev() == nullptr ||
        options->mean()->size() > most_channels || options->stddev()->size() > most_channels) {
      continue;
    }
    return InputTransform::Normalization{
        .mean = {options->mean()->begin(), options->mean()->end()},
        .stddev = {options->stddev()->begin(), options->stddev()->end()}};
  }
  return std::nullopt;
}

void add_label_files(const TensorMetadata& tensor, std::vector<std::string>& names) {
  constexpr std::size_t most_files = 100;
  if (tensor.associated_files() == nullptr) {
    return;
  }
  for (const AssociatedFile* file : *tensor.associated_files()) {
    const bool names_classes = file->type() == AssociatedFile::Type::tensor_axis_labels ||
                               file->type() == AssociatedFile::Type::tensor_value_labels;
    if (names_classes && file->name() != nullptr && names.size() < most_files) {
      names.push_back(text_of(file->name()));
    }
  }
}

}  // namespace

Result<Metadata> read_metadata(std::span<const std::uint8_t> bytes) {
  Verifier::Options options;
  options.max_tables = 10'000;
  if (bytes.size() < 8 || bytes.size() >= options.max_size ||
      !Verifier(bytes.data(), bytes.size(), options).VerifyBuffer<ModelMetadata>("M001")) {
    return fail(Code::invalid_argument,
                "want a flatbuffer of TensorFlow Lite's metadata schema (\"M001\"), got something "
                "else or a damaged one");
  }
  const auto& model = *::flatbuffers::GetRoot<ModelMetadata>(bytes.data());
  Metadata metadata{};
  metadata.description = text_of(model.description());
  if (metadata.description.empty()) {
    metadata.description = text_of(model.name());
  }
  if (model.subgraphs() == nullptr || model.subgraphs()->size() == 0) {
    return metadata;
  }
  const SubGraphMetadata& graph = *model.subgraphs()->Get(0);
  if (graph.inputs() != nullptr && graph.inputs()->size() > 0) {
    const TensorMetadata& input = *graph.inputs()->Get(0);
    metadata.first_input_is_image = input.content() != nullptr && input.content()->is_image();
    metadata.first_input_normalization = normalization_of(input);
  }
  if (graph.outputs() != nullptr) {
    for (const TensorMetadata* output : *graph.outputs()) {
      add_label_files(*output, metadata.label_files);
    }
  }
  return metadata;
}

}  // namespace gantry::model_file
