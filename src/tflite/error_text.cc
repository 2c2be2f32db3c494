#include "error_text.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "gantry/base/text.h"

namespace gantry::tflite {

void ErrorText::report(void* user_data, const char* format, std::va_list args) noexcept {
  auto& self = *static_cast<ErrorText*>(user_data);
  if (self.size_ + 2 >= self.text_.size()) {
    return;  // the first words name the cause, later ones its consequences
  }
  if (self.size_ > 0) {
    self.text_.at(self.size_++) = ' ';
  }
  const std::size_t room = self.text_.size() - self.size_;
  const int wanted = std::vsnprintf(self.text_.data() + self.size_, room, format, args);
  if (wanted > 0) {
    self.size_ += std::min(static_cast<std::size_t>(wanted), room - 1);
  }
}

std::string ErrorText::message() const {
  std::string text(text_.data(), size_);
  std::ranges::replace(text, '\n', ' ');
  while (text.ends_with(' ')) {
    text.pop_back();
  }
  return text.empty() ? "TensorFlow Lite gave no reason"
                      : "TensorFlow Lite: " + in_quotes(text, text_.size());
}

}  // namespace gantry::tflite
