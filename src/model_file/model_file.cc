#include "gantry/model_file/model_file.h"

#include <utility>

#include "gantry/digest/sha256.h"

namespace gantry::model_file {

ModelFile::ModelFile(SealedBytes sealed, std::filesystem::path path)
    : sealed_(std::move(sealed)),
      path_(std::move(path)),
      sha256_(digest::sha256_of(sealed_.bytes())) {}

Result<ModelFile> ModelFile::open(const std::filesystem::path& path, std::size_t max_bytes) {
  auto sealed = SealedBytes::read(path, max_bytes);
  if (!sealed) {
    return std::unexpected(std::move(sealed).error());
  }
  return ModelFile(*std::move(sealed), path);
}

Result<ModelFile> ModelFile::of(std::span<const std::byte> bytes, std::filesystem::path path) {
  auto sealed = SealedBytes::copy(bytes);
  if (!sealed) {
    return std::unexpected(std::move(sealed).error());
  }
  return ModelFile(*std::move(sealed), std::move(path));
}

}  // namespace gantry::model_file
