// Runs a fuzz target on every file of the given folders: how each target takes part in every test
// run.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path folder = argv[i];
    if (!std::filesystem::is_directory(folder)) {
      std::printf("skipped: %s is not here\n", folder.c_str());
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) {
        continue;
      }
      std::ifstream in(entry.path(), std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
      std::printf("%s\n", entry.path().c_str());  // before the call: names the culprit of a crash
      std::fflush(stdout);
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      ++files;
    }
  }
  // A handful of inputs that every target must survive, also where a corpus is empty.
  const std::uint8_t zeros[64] = {};
  for (std::size_t size : {0U, 1U, 8U, 64U}) {
    LLVMFuzzerTestOneInput(zeros, size);
  }
  std::printf("%zu corpus files replayed\n", files);
  return 0;
}
