#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace gantry::http {

/// Bytes that came and were not used yet. Bytes may be consumed while a read into room() is under
/// way; nothing moves then.
class ReadBuffer {
 public:
  [[nodiscard]] std::string_view bytes() const { return {data_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  void consume(std::size_t count) { begin_ += count; }
  void filled(std::size_t count) { end_ += count; }

  /// Space behind the bytes, as long as there are less than `limit`: moves and grows, so no read
  /// may be under way.
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
  /// Gives back what a large request took. No read may be under way.
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
