#pragma once

#include <array>
#include <cstdarg>
#include <cstddef>
#include <string>

namespace gantry::tflite {

/// The errors that TensorFlow Lite reported since the last clear(). It reports through a C callback
/// from inside its own frames, so collecting must neither throw nor allocate. Threads: one thread
/// at a time.
class ErrorText {
 public:
  /// The callback's signature; `user_data` is the ErrorText.
  static void report(void* user_data, const char* format, std::va_list args) noexcept;

  void clear() noexcept { size_ = 0; }
  /// `TensorFlow Lite: "…"`, fit for a message.
  [[nodiscard]] std::string message() const;

 private:
  std::array<char, 1000> text_{};
  std::size_t size_ = 0;
};

}  // namespace gantry::tflite
