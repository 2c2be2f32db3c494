#include <array>
#include <cstdint>
#include <cstring>

#include "gantry/proof/proof.h"

namespace gantry::proof {
namespace {

void put(std::vector<std::byte>& out, std::uint64_t number) {
  std::array<std::byte, sizeof(number)> bytes{};
  std::memcpy(bytes.data(), &number, sizeof(number));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Takes from the front of `rest`.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> rest) : rest_(rest) {}
  /// A number of things that take at least `least` bytes each.
  Result<std::size_t> count(std::size_t least) {
    std::uint64_t number = 0;
    if (rest_.size() < sizeof(number)) {
      return fail(Code::invalid_argument, "proven results: the bytes end too early");
    }
    std::memcpy(&number, rest_.data(), sizeof(number));
    rest_ = rest_.subspan(sizeof(number));
    if (number > rest_.size() / least) {
      return fail(Code::invalid_argument, "proven results: more is announced than there is");
    }
    return static_cast<std::size_t>(number);
  }
  std::span<const std::byte> take(std::size_t size) {
    const auto front = rest_.first(size);
    rest_ = rest_.subspan(size);
    return front;
  }
  [[nodiscard]] bool is_empty() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace

std::vector<std::byte> to_bytes(const Outputs& outputs) {
  std::vector<std::byte> out;
  put(out, outputs.size());
  for (const auto& tensors : outputs) {
    put(out, tensors.size());
    for (const auto& bytes : tensors) {
      put(out, bytes.size());
      out.insert(out.end(), bytes.begin(), bytes.end());
    }
  }
  return out;
}

Result<Outputs> outputs_from(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  Outputs outputs;
  const auto inputs = reader.count(sizeof(std::uint64_t));
  if (!inputs) {
    return std::unexpected(inputs.error());
  }
  for (std::size_t i = 0; i < *inputs; ++i) {
    const auto tensors = reader.count(sizeof(std::uint64_t));
    if (!tensors) {
      return std::unexpected(tensors.error());
    }
    auto& of_input = outputs.emplace_back();
    for (std::size_t tensor = 0; tensor < *tensors; ++tensor) {
      const auto size = reader.count(1);
      if (!size) {
        return std::unexpected(size.error());
      }
      const auto taken = reader.take(*size);
      of_input.emplace_back(taken.begin(), taken.end());
    }
  }
  if (!reader.is_empty()) {
    return fail(Code::invalid_argument, "proven results: bytes are left over");
  }
  return outputs;
}

}  // namespace gantry::proof
