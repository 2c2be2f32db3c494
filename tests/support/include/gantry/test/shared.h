#pragma once

#include <gtest/gtest.h>

#include <filesystem>

namespace gantry::test {

/// A file below ../shared (real models, photos, hostile files). Tests begin with
/// GANTRY_NEEDS_SHARED(), since a stranger's clone has no such folder.
[[nodiscard]] inline std::filesystem::path shared(const std::filesystem::path& relative) {
  return std::filesystem::path(GANTRY_SHARED_DIR) / relative;
}
[[nodiscard]] inline std::filesystem::path source(const std::filesystem::path& relative) {
  return std::filesystem::path(GANTRY_SOURCE_DIR) / relative;
}

}  // namespace gantry::test

#define GANTRY_NEEDS_SHARED()                                                       \
  if (!std::filesystem::is_directory(gantry::test::shared("models"))) {             \
    GTEST_SKIP() << "needs the models and photos of ../shared, which are not here"; \
  }                                                                                 \
  static_assert(true, "a semicolon follows")
