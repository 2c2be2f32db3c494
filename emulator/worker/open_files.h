#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "gantry/emulator_device/device.h"

namespace gantry::emulator {

/// The files that connections hold, by token, so that further connections can attach to them. A
/// file lives as long as any connection holds it. Threads: thread-safe.
class OpenFiles {
 public:
  [[nodiscard]] std::uint64_t add(const std::shared_ptr<File>& file) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(files_, [](const auto& entry) { return entry.second.expired(); });
    files_.emplace(++last_, file);
    return last_;
  }
  /// Null if no open file has the token.
  [[nodiscard]] std::shared_ptr<File> find(std::uint64_t token) const {
    const std::scoped_lock lock(mutex_);
    const auto found = files_.find(token);
    return found == files_.end() ? nullptr : found->second.lock();
  }

 private:
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::weak_ptr<File>> files_;
};

}  // namespace gantry::emulator
