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

/// The result of opening an accel node for reading and writing.
struct OpenedNode {
  int error = 0;       ///< errno; 0: it opened
  std::string driver;  ///< the DRM driver's name, if the node opened and gave it
};
/// Opens the node, asks DRM for the driver's name, and closes the node.
[[nodiscard]] OpenedNode open_accel_node(const std::filesystem::path& node);

/// An accel node that sysfs or /dev shows.
struct AccelNode {
  std::string name;            ///< "accel0"
  std::filesystem::path path;  ///< "/dev/accel/accel0"
  std::string driver = {};     ///< "rocket"; "" if unknown
  bool in_sysfs = false;
  bool in_dev = false;
  /// A character device, or the file that stands for one in a made-up tree.
  bool is_device = false;
  Ownership ownership = {};               ///< if it is in /dev
  std::optional<OpenedNode> opened = {};  ///< if opening was tried

  [[nodiscard]] bool is_rocket() const { return driver == "rocket"; }
};

/// An NPU core that the driver is bound to.
struct NpuCore {
  std::string device;  ///< "fdab0000.npu"
  std::string power;   ///< runtime power state, "suspended"; may be ""
};

struct Kernel {
  std::string release;                       ///< "6.18.0"
  std::string machine;                       ///< "aarch64"; may be ""
  bool has_rocket_driver = false;            ///< the driver is registered, as a module or built in
  bool has_rocket_module_file = false;       ///< below /lib/modules
  std::optional<bool> is_rocket_configured;  ///< CONFIG_DRM_ACCEL_ROCKET of /boot/config-…
  bool has_vendor_driver = false;            ///< Rockchip's rknpu
  std::string vendor_sign;                   ///< where that driver was seen
};

struct Board {
  std::string model;  ///< "Xunlong Orange Pi 5 Plus"; "" without a device tree
  bool is_rk3588 = false;
  std::size_t npu_nodes = 0;  ///< nodes of the device tree in mainline's binding
  std::size_t enabled_npu_nodes = 0;
  std::size_t vendor_npu_nodes = 0;
  std::optional<double> assigned_clock_hz;  ///< the clock that the device tree sets at boot
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
  bool was_denied = false;  ///< the file exists, but only root may read it
};

struct Temperature {
  double celsius = 0;
  std::optional<double> critical;  ///< at this temperature the system turns itself off
  std::string zone;                ///< "npu-thermal"
};

struct Memory {
  std::uint64_t total = 0, available = 0;  ///< bytes
  std::optional<std::uint64_t> cma_total, cma_free;
};

/// What the kernel's log says about the NPU.
struct KernelLog {
  bool was_read = false;
  std::vector<std::string> cores;  ///< "… Rockchip NPU core 0 version: …"
  std::size_t timeouts = 0;        ///< "NPU job timed out"
};

/// What can be seen of a machine without running anything on its NPU.
struct Survey {
  Kernel kernel;
  Board board;
  Distribution distribution;
  Container container;
  std::vector<AccelNode> nodes;
  std::vector<NpuCore> cores;
  /// The target of the link /dev/dri/renderD180, if it exists.
  std::optional<std::string> render_d180;
  User user;
  std::string user_name;  ///< may be ""
  std::vector<Group> groups;
  TeflonSearch teflon;
  NpuClock clock;
  std::optional<Temperature> temperature;
  Memory memory;
  KernelLog log;
  bool is_real = false;
  /// The processor that a library must be built for so that this process can load it, as in the ELF
  /// header.
  std::uint16_t elf_machine = 0;

  /// The NPU's node, of the driver rocket: the first that opened, else the first in /dev, else the
  /// first. Null if there is none.
  [[nodiscard]] const AccelNode* npu() const;
};

inline constexpr std::uint16_t elf_x86_64 = 62;
inline constexpr std::uint16_t elf_aarch64 = 183;
/// The ELF machine of this program; 0 on processors that are not supported.
#ifdef __aarch64__
inline constexpr std::uint16_t own_elf_machine = elf_aarch64;
#elifdef __x86_64__
inline constexpr std::uint16_t own_elf_machine = elf_x86_64;
#else
inline constexpr std::uint16_t own_elf_machine = 0;
#endif

/// What the survey cannot read from a tree, as data or as a function.
struct SurveyOptions {
  User user;
  std::filesystem::path teflon = {};  ///< the path that the user named; "" searches
  /// See find_teflon().
  std::function<std::vector<std::string>()> system_closure = {};
  /// Tries to open a node; empty: nothing is opened.
  std::function<OpenedNode(const std::filesystem::path& node)> open_node = {};
  /// Reads the kernel's log, if that is allowed.
  std::function<std::optional<std::string>()> kernel_log = {};
  std::uint16_t elf_machine = own_elf_machine;
};

/// Reads the tree. Values that cannot be read are absent from the survey. Threads: reentrant.
[[nodiscard]] Survey survey(const Root& root, const SurveyOptions& options);

}  // namespace gantry::system
