#include "body.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "gantry/base/text.h"

namespace gantry::http {
namespace {

constexpr std::size_t first_step = std::size_t{64} << 10U;

}  // namespace

Problem body_too_large(std::size_t max_bytes) {
  return {413, "payload_too_large",
          "the body is larger than the limit of " + std::to_string(max_bytes) + " bytes (" +
              human_bytes(max_bytes) + ")"};
}

Problem no_body_budget(std::size_t limit) {
  return {503, "overloaded",
          "the bodies of all present requests together would need more than " + human_bytes(limit) +
              "; try again later"};
}

bool BodyBudget::try_take(std::size_t bytes) noexcept {
  std::size_t used = used_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_ || used > limit_ - bytes) {
      return false;
    }
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

BodyLease& BodyLease::operator=(BodyLease&& other) noexcept {
  if (this != &other) {
    reset();
    budget_ = std::move(other.budget_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

bool BodyLease::extend(std::size_t more) noexcept {
  if (!budget_->try_take(more)) {
    return false;
  }
  bytes_ += more;
  return true;
}

void BodyLease::reset() noexcept {
  if (bytes_ > 0) {
    budget_->give_back(std::exchange(bytes_, 0));
  }
}

BodyReader::BodyReader(std::size_t max_bytes, std::shared_ptr<BodyBudget> budget)
    : max_bytes_(max_bytes), budget_(std::move(budget)) {}

void BodyReader::reset() {
  lease_.reset();
  bytes_ = {};
  paid_ = 0;
  filled_ = 0;
  expected_ = 0;
}

void BodyReader::begin_sized(std::size_t content_length) {
  reset();
  lease_ = BodyLease(budget_);
  expected_ = content_length;
}

void BodyReader::begin_chunked() {
  reset();
  lease_ = BodyLease(budget_);
}

std::optional<Problem> BodyReader::pay_up_to(std::size_t bytes) {
  if (!lease_.extend(bytes - paid_)) {
    return no_body_budget(budget_->limit());
  }
  paid_ = bytes;
  return std::nullopt;
}

std::span<std::byte> BodyReader::room(std::optional<Problem>& problem) {
  if (complete()) {
    return {};
  }
  if (filled_ == bytes_.size()) {
    const std::size_t next = std::min(expected_, std::max(first_step, 2 * filled_));
    problem = pay_up_to(next);
    if (problem) {
      return {};
    }
    // The first step came in full, so the rest is likely to: place for all of it, so that nothing
    // is moved again. Until bytes come it is addresses only.
    if (filled_ > 0) {
      bytes_.reserve(expected_);
    }
    bytes_.resize(next);
  }
  return std::span(bytes_).subspan(filled_);
}

std::optional<Problem> BodyReader::refusal_of(std::uint64_t more) const {
  return more > max_bytes_ - filled_ ? std::optional(body_too_large(max_bytes_)) : std::nullopt;
}

std::optional<Problem> BodyReader::append(std::string_view piece) {
  if (auto problem = refusal_of(piece.size())) {
    return problem;
  }
  const std::size_t wanted = filled_ + piece.size();
  if (wanted > paid_) {
    if (auto problem = pay_up_to(std::min(max_bytes_, std::max({first_step, 2 * paid_, wanted})))) {
      return problem;
    }
    bytes_.reserve(paid_);
  }
  const auto bytes = std::as_bytes(std::span(piece));
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  filled_ = wanted;
  return std::nullopt;
}

std::vector<std::byte> BodyReader::take_bytes() {
  paid_ = 0;
  filled_ = 0;
  expected_ = 0;
  return std::exchange(bytes_, {});
}

}  // namespace gantry::http
