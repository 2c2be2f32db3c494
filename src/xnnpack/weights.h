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

/// Packed weights of a model, each kept once for all sessions. XNNPACK's own cache must be sealed
/// before the first use, and it keeps room for the largest entry once more; this one needs neither.
/// Threads: thread-safe.
class Weights {
 public:
  struct Free {
    void operator()(std::byte* block) const noexcept;
  };
  using Block = std::unique_ptr<std::byte, Free>;

  /// Identifies a packed part of a model. The library's keys (its kernel, pointers to weights and
  /// bias) do not contain the scales; the operator determines them.
  struct Which {
    std::int32_t partition;  ///< the partition's first operator
    std::size_t ordinal;     ///< number among the parts packed for the partition
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

  /// The address that keep() gave for `which`, or `none`.
  [[nodiscard]] std::size_t find(const Which& which) const;
  /// Keeps `block`, or drops it if equal bytes are kept already. Answers the address of the kept
  /// bytes.
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

/// XNNPACK's view of the weights while it makes the runtime of one partition, and as long as the
/// runtime lives. If another session has made the partition already, nothing is packed again.
/// Threads: as the runtime.
class Packing {
 public:
  Packing(Weights& weights, std::int32_t partition);
  Packing(const Packing&) = delete;
  Packing& operator=(const Packing&) = delete;
  ~Packing() = default;

  /// Valid as long as this object.
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
  std::size_t found_ = Weights::none;  ///< the result of the last look-up
  xnn_weights_cache_provider provider_{};
  std::vector<Weights::Block> reserved_;  ///< memory that XNNPACK packs into
};

}  // namespace gantry::xnnpack
