#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "problem.h"

namespace gantry::http {

/// Limits the bytes of all bodies of a server together. Threads: thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t limit) : limit_(limit) {}
  [[nodiscard]] bool try_take(std::size_t bytes) noexcept;
  void give_back(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

 private:
  std::size_t limit_;
  std::atomic<std::size_t> used_ = 0;
};

/// A body's share of the budget. The destructor gives it back.
class BodyLease {
 public:
  BodyLease() = default;
  explicit BodyLease(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyLease(BodyLease&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  BodyLease& operator=(BodyLease&& other) noexcept;
  BodyLease(const BodyLease&) = delete;
  BodyLease& operator=(const BodyLease&) = delete;
  ~BodyLease() { reset(); }

  [[nodiscard]] bool extend(std::size_t more) noexcept;
  void reset() noexcept;

 private:
  std::shared_ptr<BodyBudget> budget_;
  std::size_t bytes_ = 0;
};

/// A body that is being read. It takes memory as bytes arrive, and never because of a
/// Content-Length: in steps that double from 64 KiB. The budget pays for each step before its
/// memory is touched. Once the first step of a sized body is full, the address space for the whole
/// body is taken.
class BodyReader {
 public:
  BodyReader(std::size_t max_bytes, std::shared_ptr<BodyBudget> budget);

  void begin_sized(std::size_t content_length);
  void begin_chunked();

  /// Where the next bytes of a sized body go; empty once the body is complete. Sets `problem` if
  /// the budget does not suffice.
  [[nodiscard]] std::span<std::byte> room(std::optional<Problem>& problem);
  void filled(std::size_t bytes) { filled_ += bytes; }
  [[nodiscard]] bool complete() const noexcept { return filled_ == expected_; }
  [[nodiscard]] std::size_t size() const noexcept { return filled_; }
  [[nodiscard]] std::size_t expected() const noexcept { return expected_; }

  /// Why `more` further bytes of a chunked body are refused; empty: they are not.
  [[nodiscard]] std::optional<Problem> refusal_of(std::uint64_t more) const;
  /// Adds a piece of a chunked body.
  [[nodiscard]] std::optional<Problem> append(std::string_view piece);

  [[nodiscard]] std::vector<std::byte> take_bytes();
  [[nodiscard]] BodyLease take_lease() { return std::move(lease_); }
  /// Forgets everything.
  void reset();

 private:
  [[nodiscard]] std::optional<Problem> pay_up_to(std::size_t bytes);

  std::size_t max_bytes_;
  std::shared_ptr<BodyBudget> budget_;
  BodyLease lease_;
  std::vector<std::byte> bytes_;
  std::size_t paid_ = 0;  // bytes that the lease covers
  std::size_t filled_ = 0;
  std::size_t expected_ = 0;  // of a sized body
};

[[nodiscard]] Problem body_too_large(std::size_t max_bytes);
[[nodiscard]] Problem no_body_budget(std::size_t limit);

}  // namespace gantry::http
