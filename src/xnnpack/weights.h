#pragma once

#include <xnnpack.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace gantry::xnnpack {

/// Packed weights of a model, each kept once however many sessions use it. XNNPACK has a cache of
/// its own, which has to be sealed before the first use and keeps room for the largest entry again;
/// this one needs neither.
/// Threads: thread-safe.
class Weights {
 public:
  struct Free {
    void operator()(std::byte* block) const noexcept;
  };
  using Block = std::unique_ptr<std::byte, Free>;

  /// What of a model was packed. The library's keys (its kernel, pointers to weights and bias) do
  /// not say with which scales; which operator it was does.
  struct Which {
    std::int32_t partition;  ///< its first operator
    std::size_t ordinal;     ///< among what is packed for the partition
    std::uint32_t seed;      ///< the library's
    const void* kernel;
    const void* bias;
    auto operator<=>(const Which&) const = default;
  };
  static constexpr std::size_t none = SIZE_MAX;

  Weights() = default;
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;
  ~Weights() = default;

  /// Address of what was kept as this, or `none`.
  [[nodiscard]] std::size_t find(const Which& which) const;
  /// Keeps `block`, or what has the same bytes already, and answers where that is.
  std::size_t keep(const Which& which, Block block, std::size_t size);

  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Entry {
    Block block;
    std::size_t size;
  };

  mutable std::mutex mutex_;
  std::unordered_multimap<std::size_t, Entry> kept_;  ///< by a hash of the bytes
  std::map<Which, std::size_t> known_;
  std::size_t bytes_ = 0;
};

/// XNNPACK's view of the weights while it makes one partition's runtime, and as long as that lives.
/// Of a partition that another session has made already nothing is packed again.
/// Threads: as the runtime.
class Packing {
 public:
  Packing(Weights& weights, std::int32_t partition);
  Packing(const Packing&) = delete;
  Packing& operator=(const Packing&) = delete;
  ~Packing() = default;

  /// Lives as long as this.
  [[nodiscard]] xnn_weights_cache_t get() noexcept { return &provider_; }

 private:
  [[nodiscard]] Weights::Which which(const xnn_weights_cache_look_up_key& key) const noexcept;
  std::size_t find(const xnn_weights_cache_look_up_key& key) noexcept;
  void* reserve(std::size_t size) noexcept;
  std::size_t insert(const xnn_weights_cache_look_up_key& key, void* packed,
                     std::size_t size) noexcept;

  Weights& weights_;
  const std::int32_t partition_;
  std::size_t ordinal_ = 0;
  std::size_t found_ = Weights::none;  ///< what was looked up last
  xnn_weights_cache_provider provider_{};
  std::vector<Weights::Block> reserved_;  ///< handed out to be packed into
};

}  // namespace gantry::xnnpack
