#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gantry/system/root.h"
#include "gantry/system/teflon.h"
#include "gantry/system/user.h"

namespace gantry::system {

/// What opening an accel node for reading and writing gave.
struct OpenedNode {
  int error = 0;       ///< errno; 0: it opened
  std::string driver;  ///< the DRM driver's name, where it opened and said
};
/// Opens the node and asks DRM for its driver's name; closes it again.
[[nodiscard]] OpenedNode open_accel_node(const std::filesystem::path& node);

/// An accel node that sysfs or /dev shows.
struct AccelNode {
  std::string name;            ///< "accel0"
  std::filesystem::path path;  ///< "/dev/accel/accel0"
  std::string driver = {};     ///< "rocket"; "" where nothing tells
  bool in_sysfs = false;
  bool in_dev = false;
  bool is_device = false;  ///< a character device, or in a made-up tree the file that stands for it
  Ownership ownership = {};               ///< where it is in /dev
  std::optional<OpenedNode> opened = {};  ///< where opening was tried

  [[nodiscard]] bool is_rocket() const { return driver == "rocket"; }
};

/// A core that the driver holds.
struct NpuCore {
  std::string device;  ///< "fdab0000.npu"
  std::string power;   ///< runtime power state, "suspended"; may be ""
};

struct Kernel {
  std::string release;                       ///< "6.18.0"
  std::string machine;                       ///< "aarch64"; may be ""
  bool has_rocket_driver = false;            ///< registered, as module or built in
  bool has_rocket_module_file = false;       ///< below /lib/modules
  std::optional<bool> is_rocket_configured;  ///< CONFIG_DRM_ACCEL_ROCKET of /boot/config-…
  bool has_vendor_driver = false;            ///< Rockchip's rknpu
  std::string vendor_sign;                   ///< where that was seen
};

struct Board {
  std::string model;  ///< "Xunlong Orange Pi 5 Plus"; "" off the device tree
  bool is_rk3588 = false;
  std::size_t npu_nodes = 0;  ///< of the device tree, mainline's binding
  std::size_t enabled_npu_nodes = 0;
  std::size_t vendor_npu_nodes = 0;
  std::optional<double> assigned_clock_hz;  ///< what the device tree sets at boot
};

struct Distribution {
  std::string id;    ///< "debian", "nixos"
  std::string name;  ///< "Debian GNU/Linux forky/sid"
  [[nodiscard]] bool is_nixos() const { return id == "nixos"; }
};

/// The container that this process is in.
struct Container {
  std::string kind;                 ///< "", "docker", "podman", "kubernetes", …
  std::vector<std::string> mounts;  ///< where something is mounted
  [[nodiscard]] bool is_container() const { return !kind.empty(); }
  [[nodiscard]] bool has_mount(std::string_view path) const;
};

struct NpuClock {
  std::optional<double> hz;
  std::string source;       ///< the file it was read from
  bool was_denied = false;  ///< it is there, for root only
};

struct Temperature {
  double celsius = 0;
  std::optional<double> critical;  ///< where the system turns itself off
  std::string zone;                ///< "npu-thermal"
};

struct Memory {
  std::uint64_t total = 0, available = 0;  ///< bytes
  std::optional<std::uint64_t> cma_total, cma_free;
};

/// What the kernel's log says of the NPU.
struct KernelLog {
  bool was_read = false;
  std::vector<std::string> cores;  ///< "… Rockchip NPU core 0 version: …"
  std::size_t timeouts = 0;        ///< "NPU job timed out"
};

/// All that can be seen of a machine without running anything on it.
struct Survey {
  Kernel kernel;
  Board board;
  Distribution distribution;
  Container container;
  std::vector<AccelNode> nodes;
  std::vector<NpuCore> cores;
  std::optional<std::string> render_d180;  ///< where the link /dev/dri/renderD180 leads, if it is
  User user;
  std::string user_name;  ///< may be ""
  std::vector<Group> groups;
  TeflonSearch teflon;
  NpuClock clock;
  std::optional<Temperature> temperature;
  Memory memory;
  KernelLog log;
  bool is_real = false;
  /// What a library must be for that this process can load it, as the ELF header says it.
  std::uint16_t elf_machine = 0;

  /// The NPU's node: the one that can be opened first, else the first. Null if there is none.
  [[nodiscard]] const AccelNode* npu() const;
};

inline constexpr std::uint16_t elf_x86_64 = 62;
inline constexpr std::uint16_t elf_aarch64 = 183;
/// Of this program; 0 for a processor that nobody has built it for.
#ifdef __aarch64__
inline constexpr std::uint16_t own_elf_machine = elf_aarch64;
#elifdef __x86_64__
inline constexpr std::uint16_t own_elf_machine = elf_x86_64;
#else
inline constexpr std::uint16_t own_elf_machine = 0;
#endif

/// What the survey cannot read from a tree, each as data or a function.
struct SurveyOptions {
  User user;
  std::filesystem::path teflon = {};  ///< asked for; "" searches
  /// See find_teflon().
  std::function<std::vector<std::string>()> system_closure = {};
  /// Tries to open a node; without it nothing is opened.
  std::function<OpenedNode(const std::filesystem::path& node)> open_node = {};
  /// The kernel's log, where it may be read.
  std::function<std::optional<std::string>()> kernel_log = {};
  std::uint16_t elf_machine = own_elf_machine;
};

/// Reads the tree. What cannot be read is absent from the survey. Threads: reentrant.
[[nodiscard]] Survey survey(const Root& root, const SurveyOptions& options);

}  // namespace gantry::system
