#pragma once

#include <cstdint>

// The kernel's interface of accel/rocket and the two requests of DRM that its users need. Layouts
// and numbers: rocket-npu.md D.1.

namespace gantry::emulator::rocket {

enum Request : std::uint32_t {
  version = 0xC0406400,
  gem_close = 0x40086409,
  create_bo = 0xC0186440,
  submit = 0x40186441,
  prep_bo = 0x40106442,
  fini_bo = 0x40086443,
};

struct Version {
  std::int32_t major;
  std::int32_t minor;
  std::int32_t patch;
  std::uint64_t name_size;
  std::uint64_t name;
  std::uint64_t date_size;
  std::uint64_t date;
  std::uint64_t description_size;
  std::uint64_t description;
};
static_assert(sizeof(Version) == 64);

struct CreateBo {
  std::uint32_t size = 0;
  std::uint32_t handle = 0;
  std::uint64_t dma_address = 0;
  std::uint64_t offset = 0;
};
static_assert(sizeof(CreateBo) == 24);

struct Submit {
  std::uint64_t jobs = 0;
  std::uint32_t job_count = 0;
  std::uint32_t job_struct_size = 0;
  std::uint64_t reserved = 0;
};
static_assert(sizeof(Submit) == 24);

struct PrepBo {
  std::uint32_t handle = 0;
  std::uint32_t reserved = 0;
  std::int64_t timeout_ns = 0;
};
static_assert(sizeof(PrepBo) == 16);

struct FiniBo {
  std::uint32_t handle = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(FiniBo) == 8);

struct GemClose {
  std::uint32_t handle = 0;
  std::uint32_t pad = 0;
};
static_assert(sizeof(GemClose) == 8);

struct Job {
  std::uint64_t tasks;
  std::uint64_t in_bo_handles;
  std::uint64_t out_bo_handles;
  std::uint32_t task_count;
  std::uint32_t task_struct_size;
  std::uint32_t in_bo_handle_count;
  std::uint32_t out_bo_handle_count;
};
static_assert(sizeof(Job) == 40);

struct Task {
  std::uint32_t regcmd;
  std::uint32_t regcmd_count;
};
static_assert(sizeof(Task) == 8);

}  // namespace gantry::emulator::rocket
