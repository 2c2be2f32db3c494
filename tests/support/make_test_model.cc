// Writes a model of model_builder.h to a file, for end-to-end tests and benchmarks.
#include <cstdio>
#include <optional>
#include <string_view>

#include "gantry/base/text.h"
#include "gantry/test/model_builder.h"

namespace {

constexpr int wrong_usage = 2;
constexpr int failed = 3;

int usage() {
  std::fputs(
      "usage: make_test_model identity HEIGHT WIDTH FILE\n"
      "       make_test_model color FILE\n",
      stderr);
  return wrong_usage;
}

int write(const char* path, std::span<const std::byte> model) {
  const auto written = gantry::test::write_model(path, model);
  if (!written) {
    std::fprintf(stderr, "make_test_model: %s\n", written.error().message.c_str());
    return failed;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  if (kind == "color" && argc == 3) {
    return write(argv[2], gantry::test::color_classifier());
  }
  if (kind == "identity" && argc == 5) {
    const auto height = gantry::parse_int(argv[2]);
    const auto width = gantry::parse_int(argv[3]);
    constexpr std::int64_t largest = 4096;
    if (height && width && *height > 0 && *height <= largest && *width > 0 && *width <= largest) {
      return write(argv[4], gantry::test::identity_model(static_cast<std::int32_t>(*height),
                                                         static_cast<std::int32_t>(*width)));
    }
  }
  return usage();
}
