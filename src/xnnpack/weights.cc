#include "weights.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <string_view>
#include <utility>

namespace gantry::xnnpack {
namespace {

constexpr std::align_val_t alignment{128};  // XNNPACK asks for 64, on some processors for 128
// Kernels may read this far behind the end.
constexpr std::size_t slack = XNN_EXTRA_BYTES;

}  // namespace

void Weights::Free::operator()(std::byte* block) const noexcept {
  ::operator delete(block, alignment);
}

std::size_t Weights::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

std::size_t Weights::find(const Which& which) const {
  const std::scoped_lock lock(mutex_);
  const auto found = known_.find(which);
  return found == known_.end() ? none : found->second;
}

std::size_t Weights::keep(const Which& which, Block block, std::size_t size) {
  const std::byte* const packed = block.get();
  const auto hash = std::hash<std::string_view>{}({reinterpret_cast<const char*>(packed), size});
  const std::scoped_lock lock(mutex_);
  const auto [begin, end] = kept_.equal_range(hash);
  auto entry = std::find_if(begin, end, [&](const auto& seen) {
    return seen.second.size == size && std::memcmp(seen.second.block.get(), packed, size) == 0;
  });
  if (entry == end) {
    entry = kept_.emplace(hash, Entry{.block = std::move(block), .size = size});
    bytes_ += size;
  }
  const auto address = reinterpret_cast<std::size_t>(entry->second.block.get());
  known_.emplace(which, address);
  return address;
}

Packing::Packing(Weights& weights, std::int32_t partition)
    : weights_(weights), partition_(partition) {
  provider_.context = this;
  provider_.look_up = [](void* self, const xnn_weights_cache_look_up_key* key) {
    return static_cast<Packing*>(self)->find(*key);
  };
  provider_.reserve_space = [](void* self, std::size_t size) {
    return static_cast<Packing*>(self)->reserve(size);
  };
  provider_.look_up_or_insert = [](void* self, const xnn_weights_cache_look_up_key* key,
                                   void* packed, std::size_t size) {
    return static_cast<Packing*>(self)->insert(*key, packed, size);
  };
  provider_.is_finalized = [](void*) { return true; };  // entries never move
  provider_.offset_to_addr = [](void*, std::size_t address) {
    return reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr): Weights::keep's
  };
  provider_.delete_cache = [](void*) { return xnn_status_success; };
}

Weights::Which Packing::which(const xnn_weights_cache_look_up_key& key) const noexcept {
  return {.partition = partition_,
          .ordinal = ordinal_,
          .seed = key.seed,
          .kernel = key.kernel,
          .bias = key.bias};
}

std::size_t Packing::find(const xnn_weights_cache_look_up_key& key) noexcept {
  found_ = weights_.find(which(key));
  ordinal_ += found_ == Weights::none ? 0 : 1;  // what is not found is packed and inserted next
  return found_;
}

void* Packing::reserve(std::size_t size) noexcept {
  try {
    reserved_.reserve(reserved_.size() + 1);
    reserved_.emplace_back(static_cast<std::byte*>(::operator new(size + slack, alignment)));
    return reserved_.back().get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::size_t Packing::insert(const xnn_weights_cache_look_up_key& key, void* packed,
                            std::size_t size) noexcept {
  if (packed == nullptr) {
    return found_;  // some of the library's operators ask again for what they have found
  }
  const auto mine =
      std::ranges::find(reserved_, static_cast<std::byte*>(packed), &Weights::Block::get);
  if (mine == reserved_.end()) {
    return Weights::none;
  }
  try {
    Weights::Block block = std::move(*mine);
    reserved_.erase(mine);
    const std::size_t address = weights_.keep(which(key), std::move(block), size);
    ++ordinal_;
    return address;
  } catch (const std::bad_alloc&) {
    return Weights::none;
  }
}

}  // namespace gantry::xnnpack
