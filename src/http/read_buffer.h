#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace gantry::http {

/// Bytes that have arrived and are not used yet. consume() does not move bytes, so it may be called
/// while a read into room() is under way.
class ReadBuffer {
 public:
  [[nodiscard]] std::string_view bytes() const { return {data_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  void consume(std::size_t count) { begin_ += count; }
  void filled(std::size_t count) { end_ += count; }

  /// Space behind the bytes; none if there are `limit` bytes. It may move the bytes and grow, so no
  /// read may be under way.
  [[nodiscard]] std::span<char> room(std::size_t limit) {
    if (empty()) {
      begin_ = 0;
      end_ = 0;
    }
    if (size() >= limit) {
      return {};
    }
    if (begin_ > 0 && end_ == data_.size()) {
      std::memmove(data_.data(), data_.data() + begin_, size());
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == data_.size()) {
      data_.resize(std::min(limit, std::max(first_size, 2 * data_.size())));
    }
    return std::span(data_).subspan(end_, std::min(data_.size() - end_, limit - size()));
  }
  /// Frees the memory of a large request. No read may be under way.
  void shrink() {
    if (empty() && data_.size() > 4 * first_size) {
      data_ = {};
      begin_ = 0;
      end_ = 0;
    }
  }

 private:
  static constexpr std::size_t first_size = 4096;

  std::vector<char> data_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace gantry::http
