#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>

#include "response_head.h"

namespace gantry::http {

class Connection;

/// The event loop of one I/O thread, and the state that its connections share. A connection belongs
/// to one loop for life, so that nothing in it needs a lock. Only post() may be called from other
/// threads.
class Loop : public std::enable_shared_from_this<Loop> {
 public:
  Loop();

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] bool is_this_thread() { return context_.get_executor().running_in_this_thread(); }

  /// Runs `work` on the loop's thread, or drops it if the loop is closed.
  /// Threads: thread-safe.
  template <class Work>
  void post(Work&& work) {
    const std::scoped_lock lock(mutex_);
    if (open_) {
      boost::asio::post(context_, std::forward<Work>(work));
    }
  }
  /// From now on post() drops its work. Work that was posted before still runs.
  void close() {
    const std::scoped_lock lock(mutex_);
    open_ = false;
  }

  [[nodiscard]] std::string_view date();
  /// 128 random bits in hex, for requests that bring no id.
  [[nodiscard]] std::string make_request_id();

  /// Connections live here. Pending operations also keep their connection alive.
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
  /// The connection whose code runs now. Look it up in `connections`; never dereference it.
  Connection* active = nullptr;
  /// Bytes of lingering connections go here and are ignored.
  std::array<std::byte, std::size_t{16} << 10U> discarded{};

 private:
  // One thread: Asio then does not wake another thread for a handler that is posted from this one.
  boost::asio::io_context context_{1};
  std::mutex mutex_;
  bool open_ = true;
  DateCache date_;
  std::mt19937_64 random_;
};

}  // namespace gantry::http
