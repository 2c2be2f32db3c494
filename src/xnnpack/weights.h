#pragma once

#include <xnnpack.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace gantry::xnnpack {

/// Packed weights, each kept once however many sessions have packed it. XNNPACK has a cache of its
/// own, which has to be sealed before the first use and keeps room for the largest entry again;
/// this one needs neither. Entries are told apart by their bytes: the library's keys (pointers to
/// weights and bias) do not say with which scales they were packed.
/// Threads: thread-safe.
class Weights {
 public:
  Weights();
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;
  ~Weights() = default;

  /// Lives as long as this.
  [[nodiscard]] xnn_weights_cache_t get() noexcept { return &provider_; }
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Free {
    void operator()(std::byte* block) const noexcept;
  };
  using Block = std::unique_ptr<std::byte, Free>;
  struct Entry {
    Block block;
    std::size_t size;
  };

  void* reserve(std::size_t size) noexcept;
  /// The address of the kept entry, SIZE_MAX if there is none.
  std::size_t insert(void* packed, std::size_t size) noexcept;

  xnn_weights_cache_provider provider_{};
  mutable std::mutex mutex_;
  std::vector<Block> reserved_;                       ///< handed out to be packed into
  std::unordered_multimap<std::size_t, Entry> kept_;  ///< by a hash of the bytes
  std::size_t bytes_ = 0;
};

}  // namespace gantry::xnnpack
