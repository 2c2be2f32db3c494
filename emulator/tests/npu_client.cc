// What Mesa does with the device, without Mesa: opens it, makes buffers, submits the worked
// example of rocket-npu.md E.10 and looks at the answer. Its exit code and its one line on stdout
// say how far it came; tests run it under gantry-emulator.
//   npu_client [RUNS]   default 1; each line "right" or "wrong", or the first call that failed
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "gantry/base/format.h"
#include "gantry/emulator_testing/layer.h"
#include "rocket_ioctl.h"

namespace {

using namespace gantry::emulator;

[[noreturn]] void give_up(const char* what) {
  const int error = errno;
  gantry::print_line("{}: {}", what, strerrorname_np(error));
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread
}

template <class T>
void call(int fd, rocket::Request request, T& argument, const char* name) {
  if (ioctl(fd, request, &argument) != 0) {
    give_up(name);
  }
}

struct Buffer {
  std::uint32_t handle = 0;
  std::uint32_t address = 0;
  std::byte* bytes = nullptr;
};

Buffer make_buffer(int fd, std::size_t size, const void* contents) {
  rocket::CreateBo create{.size = static_cast<std::uint32_t>(size)};
  call(fd, rocket::create_bo, create, "CREATE_BO");
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                      static_cast<off_t>(create.offset));
  if (mapped == MAP_FAILED) {
    give_up("mmap");
  }
  if (contents != nullptr) {
    std::memcpy(mapped, contents, size);
  }
  return {.handle = create.handle,
          .address = static_cast<std::uint32_t>(create.dma_address),
          .bytes = static_cast<std::byte*>(mapped)};
}

template <class T>
Buffer make_buffer(int fd, const std::vector<T>& contents) {
  return make_buffer(fd, contents.size() * sizeof(T), contents.data());
}

int open_checked() {
  struct stat node{};
  if (stat("/dev/accel/accel0", &node) != 0) {
    give_up("stat");
  }
  const int fd = open("/dev/accel/accel0", O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    give_up("open");
  }
  struct stat opened{};
  if (fstat(fd, &opened) != 0 || !S_ISCHR(node.st_mode) || !S_ISCHR(opened.st_mode) ||
      opened.st_rdev != node.st_rdev || major(node.st_rdev) != 261) {
    give_up("not a device of major 261");
  }
  std::array<char, 16> name{};
  rocket::Version version{};
  call(fd, rocket::version, version, "VERSION");
  version.name = reinterpret_cast<std::uintptr_t>(name.data());
  version.description_size = 0;
  version.date_size = 0;
  call(fd, rocket::version, version, "VERSION");
  if (std::string_view(name.data()) != "rocket") {
    give_up("driver name");
  }
  // As Mesa does: all further calls go to a copy.
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  close(fd);
  return copy;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): then the test sees it end
int main(int argc, char** argv) {
  const long runs = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1;
  const int fd = open_checked();
  const auto layer = testing::worked_example();
  const std::vector<std::uint8_t> pixels(std::size_t{8} * 8 * 16, 125);
  const Buffer weights = make_buffer(fd, testing::pack_weights(layer));
  const Buffer biases = make_buffer(fd, testing::pack_biases(layer));
  const Buffer input = make_buffer(fd, testing::pack_map(pixels, 8, 16, 120));
  const Buffer output = make_buffer(fd, std::size_t{8} * 8 * 32, nullptr);
  const auto words = testing::make_stream(layer, {.input = input.address,
                                                  .weights = weights.address,
                                                  .biases = biases.address,
                                                  .output = output.address});
  const Buffer stream = make_buffer(fd, words);

  const rocket::Task task{.regcmd = stream.address,
                          .regcmd_count = static_cast<std::uint32_t>(words.size())};
  const std::array in_handles = {weights.handle, biases.handle, input.handle, stream.handle};
  const std::array out_handles = {output.handle};
  const rocket::Job job{.tasks = reinterpret_cast<std::uintptr_t>(&task),
                        .in_bo_handles = reinterpret_cast<std::uintptr_t>(in_handles.data()),
                        .out_bo_handles = reinterpret_cast<std::uintptr_t>(out_handles.data()),
                        .task_count = 1,
                        .task_struct_size = sizeof(task),
                        .in_bo_handle_count = in_handles.size(),
                        .out_bo_handle_count = out_handles.size()};
  bool all_right = true;
  for (long i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    std::memset(output.bytes, 0, std::size_t{8} * 8 * 32);
    rocket::Submit submit{.jobs = reinterpret_cast<std::uintptr_t>(&job),
                          .job_count = 1,
                          .job_struct_size = sizeof(job)};
    call(fd, rocket::submit, submit, "SUBMIT");
    rocket::PrepBo prepare{.handle = output.handle, .timeout_ns = INT64_MAX};
    call(fd, rocket::prep_bo, prepare, "PREP_BO");
    const bool right = output.bytes[0] == std::byte{0xF2} &&
                       output.bytes[std::size_t{9} * 16] == std::byte{0xF6} &&
                       output.bytes[std::size_t{64 + 9} * 16] == std::byte{0xF6};
    all_right = all_right && right;
    const auto took = std::chrono::steady_clock::now() - begin;
    gantry::print_line("{} {} us", right ? "right" : "wrong",
                       std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  }
  rocket::GemClose close_output{.handle = output.handle};
  call(fd, rocket::gem_close, close_output, "GEM_CLOSE");
  close(fd);
  return all_right ? 0 : 2;
}
