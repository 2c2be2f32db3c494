#include "weights.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>

namespace gantry::xnnpack {
namespace {

constexpr std::align_val_t alignment{128};  // XNNPACK asks for 64, on some processors for 128
// Kernels may read this far behind the end.
constexpr std::size_t slack = XNN_EXTRA_BYTES;

}  // namespace

void Weights::Free::operator()(std::byte* block) const noexcept {
  ::operator delete(block, alignment);
}

Weights::Weights() {
  provider_.context = this;
  // The library packs again for each session and asks whether it has seen the result.
  provider_.look_up = [](void*, const xnn_weights_cache_look_up_key*) { return SIZE_MAX; };
  provider_.reserve_space = [](void* self, std::size_t size) {
    return static_cast<Weights*>(self)->reserve(size);
  };
  provider_.look_up_or_insert = [](void* self, const xnn_weights_cache_look_up_key*, void* packed,
                                   std::size_t size) {
    return static_cast<Weights*>(self)->insert(packed, size);
  };
  provider_.is_finalized = [](void*) { return true; };  // entries never move
  provider_.offset_to_addr = [](void*, std::size_t address) {
    return reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr): see insert
  };
  provider_.delete_cache = [](void*) { return xnn_status_success; };
}

std::size_t Weights::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

void* Weights::reserve(std::size_t size) noexcept {
  try {
    const std::scoped_lock lock(mutex_);
    reserved_.reserve(reserved_.size() + 1);
    reserved_.emplace_back(static_cast<std::byte*>(::operator new(size + slack, alignment)));
    return reserved_.back().get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::size_t Weights::insert(void* packed, std::size_t size) noexcept {
  try {
    const std::scoped_lock lock(mutex_);
    const auto mine = std::ranges::find(reserved_, static_cast<std::byte*>(packed), &Block::get);
    if (mine == reserved_.end()) {
      return SIZE_MAX;
    }
    Block block = std::move(*mine);
    reserved_.erase(mine);
    const auto hash = std::hash<std::string_view>{}({static_cast<const char*>(packed), size});
    const auto [begin, end] = kept_.equal_range(hash);
    for (auto entry = begin; entry != end; ++entry) {
      const Entry& seen = entry->second;
      if (seen.size == size && std::memcmp(seen.block.get(), packed, size) == 0) {
        return reinterpret_cast<std::size_t>(seen.block.get());
      }
    }
    const auto added = kept_.emplace(hash, Entry{.block = nullptr, .size = size});
    added->second.block = std::move(block);
    bytes_ += size;
    return reinterpret_cast<std::size_t>(added->second.block.get());
  } catch (const std::bad_alloc&) {
    return SIZE_MAX;
  }
}

}  // namespace gantry::xnnpack
