#include "remedies.h"

#include <algorithm>
#include <string>

#include "gantry/base/format.h"

namespace gantry::system {
namespace {

constexpr const char* debian = "Debian";
constexpr const char* nixos = "NixOS";
constexpr const char* kubernetes = "Kubernetes";
constexpr const char* docker = "Docker, Podman";

constexpr const char* udev_rule =
    R"(SUBSYSTEM=="accel", KERNEL=="accel*", GROUP="render", MODE="0660")";

/// The name of the node's group, or its number where it has none here.
std::string group_name(const Survey& survey, gid_t gid) {
  const auto found = std::ranges::find(survey.groups, gid, &Group::gid);
  return found == survey.groups.end() ? std::to_string(gid) : found->name;
}

}  // namespace

std::vector<Remedy> newer_kernel() {
  return {
      {.where = debian,
       .text =
           "sudo apt install -t $(lsb_release -cs)-backports linux-image-arm64   # or Debian 14\n"
           "sudo reboot"},
      {.where = nixos,
       .text = "boot.kernelPackages = pkgs.linuxPackages_latest;   # 6.18 or newer\n"
               "sudo nixos-rebuild boot && sudo reboot"},
      {.where = kubernetes,
       .text = "kubectl get nodes -o wide   # KERNEL-VERSION; update the node, or choose another"},
  };
}

std::vector<Remedy> mainline_kernel_instead_of_vendors() {
  return {
      {.where = debian,
       .text = "sudo apt install linux-image-arm64   # 6.18 or newer, with mainline's device tree\n"
               "sudo reboot"},
      {.where = nixos,
       .text = "boot.kernelPackages = pkgs.linuxPackages_latest;   # instead of a vendor's kernel\n"
               "sudo nixos-rebuild boot && sudo reboot"},
      {.where = kubernetes, .text = "run this pod on a node with a mainline kernel"},
  };
}

std::vector<Remedy> load_driver() {
  return {
      {.where = debian,
       .text = "sudo modprobe rocket\n"
               "echo rocket | sudo tee /etc/modules-load.d/rocket.conf   # at every start"},
      {.where = nixos, .text = "boot.kernelModules = [ \"rocket\" ];\nsudo nixos-rebuild switch"},
      {.where = kubernetes, .text = "load the module on the node: sudo modprobe rocket"},
      {.where = docker, .text = "load the module on the host: sudo modprobe rocket"},
  };
}

std::vector<Remedy> kernel_with_driver() {
  return {
      {.where = debian,
       .text = "grep ROCKET /boot/config-$(uname -r)   # want CONFIG_DRM_ACCEL_ROCKET=m\n"
               "sudo apt install linux-image-arm64     # a kernel that has it"},
      {.where = nixos,
       .text = "boot.kernelPatches = [ {\n"
               "  name = \"rocket\"; patch = null;\n"
               "  structuredExtraConfig = with lib.kernel; { DRM_ACCEL = yes; DRM_ACCEL_ROCKET = "
               "module; };\n"
               "} ];"},
      {.where = kubernetes, .text = "give the node a kernel with CONFIG_DRM_ACCEL_ROCKET"},
  };
}

std::vector<Remedy> enable_in_device_tree() {
  return {
      {.where = debian,
       .text = "boot with a device tree whose npu@fdab0000, npu@fdac0000 and npu@fdad0000 have "
               "status = \"okay\":\n"
               "a newer kernel's for this board, or an overlay"},
      {.where = nixos,
       .text =
           "hardware.deviceTree.overlays = [ { name = \"npu\"; dtsText = ''\n"
           "  /dts-v1/; /plugin/;\n"
           "  / { compatible = \"rockchip,rk3588\"; };\n"
           "  &rknn_core_0 { status = \"okay\"; };\n"
           "  &rknn_core_1 { status = \"okay\"; };\n"
           "  &rknn_core_2 { status = \"okay\"; };\n"
           "''; } ];   # and the nodes' IOMMUs and supplies, where the board's tree lacks them"},
  };
}

std::vector<Remedy> find_out_why_no_core() {
  return {{.where = "",
           .text = "sudo dmesg | grep -iE 'rocket|rknn|npu'   # the reason that a probe failed"}};
}

std::vector<Remedy> device_into_container() {
  return {
      {.where = kubernetes,
       .text =
           "resources:\n"
           "  limits:\n"
           "    npu.rockchip.com/rk3588: 1   # with gantry-device-plugin on the node\n"
           "# without it: a hostPath volume /dev/accel at /dev/accel, in a privileged container"},
      {.where = docker, .text = "docker run --device=/dev/accel/accel0 …   # the same with podman"},
  };
}

std::vector<Remedy> make_node() {
  return {{.where = "",
           .text = "sudo udevadm trigger --subsystem-match=accel && ls -l /dev/accel\n"
                   "cat /sys/class/accel/*/dev   # major:minor of the node, were udev not there"}};
}

std::vector<Remedy> node_for_group() {
  return {
      {.where = debian,
       .text = format_text("echo '{}' | sudo tee /etc/udev/rules.d/70-accel.rules\n"
                           "sudo udevadm control --reload && sudo udevadm trigger "
                           "--subsystem-match=accel",
                           udev_rule)},
      {.where = nixos, .text = format_text("services.udev.extraRules = ''\n  {}\n'';", udev_rule)},
      {.where = kubernetes, .text = "mend the node's udev rule; in the pod nothing can be done"},
  };
}

std::vector<Remedy> user_into_group(const Survey& survey, const AccelNode& node) {
  const std::string group = group_name(survey, node.ownership.gid);
  const std::string user = survey.user_name.empty() ? "NAME" : survey.user_name;
  return {
      {.where = debian,
       .text = format_text("sudo usermod -aG {} {}   # then log in again", group, user)},
      {.where = nixos,
       .text = format_text("users.users.{}.extraGroups = [ \"{}\" ];\n"
                           "sudo nixos-rebuild switch   # then log in again",
                           user, group)},
      {.where = kubernetes,
       .text = format_text("securityContext:\n"
                           "  supplementalGroups: [{}]   # the node's group in the pod; the number "
                           "counts, not the name",
                           node.ownership.gid)},
      {.where = docker,
       .text =
           format_text("docker run --group-add {} …   # the same with podman", node.ownership.gid)},
  };
}

std::vector<Remedy> make_render_group() {
  return {
      {.where = debian, .text = "sudo groupadd --system render"},
      {.where = nixos, .text = "users.groups.render = { };"},
  };
}

std::vector<Remedy> allow_in_container() {
  return {
      {.where = kubernetes,
       .text = "resources:\n"
               "  limits:\n"
               "    npu.rockchip.com/rk3588: 1   # the device plugin also allows the device; a "
               "hostPath volume alone\n"
               "                                 # does not (then: securityContext: { privileged: "
               "true })"},
      {.where = docker,
       .text =
           "docker run --device=/dev/accel/accel0 …   # -v /dev/accel:/dev/accel alone does not "
           "allow it"},
  };
}

std::vector<Remedy> install_library() {
  return {
      {.where = debian,
       .text = "sudo apt install mesa-teflon-delegate   # Debian 14 or newer, arm64"},
      {.where = nixos,
       .text = "hardware.graphics.enable = true;   # Mesa 25.3 or newer: "
               "/run/opengl-driver/lib/libteflon.so\n"
               "sudo nixos-rebuild switch"},
  };
}

std::vector<Remedy> library_into_container() {
  return {
      {.where = kubernetes,
       .text = "volumeMounts:\n"
               "- { name: mesa-libs, mountPath: /mesa-libs, readOnly: true }\n"
               "- { name: nix-store, mountPath: /nix/store, readOnly: true }   # NixOS nodes only\n"
               "volumes:\n"
               "- { name: mesa-libs, hostPath: { path: /run/opengl-driver/lib } }   # Debian: "
               "/usr/lib/teflon\n"
               "- { name: nix-store, hostPath: { path: /nix/store } }   # NixOS nodes only"},
      {.where = docker,
       .text = "docker run -v /run/opengl-driver/lib:/mesa-libs:ro -v /nix/store:/nix/store:ro …   "
               "# NixOS hosts\n"
               "docker run -v /usr/lib/teflon:/mesa-libs:ro …   # Debian hosts"},
  };
}

std::vector<Remedy> nix_store_into_container() {
  return {
      {.where = kubernetes,
       .text = "volumeMounts:\n"
               "- { name: nix-store, mountPath: /nix/store, readOnly: true }\n"
               "volumes:\n"
               "- { name: nix-store, hostPath: { path: /nix/store } }"},
      {.where = docker,
       .text = "docker run -v /nix/store:/nix/store:ro …   # the same with podman"},
  };
}

std::vector<Remedy> repair_link(const TeflonCandidate& candidate) {
  return {
      {.where = nixos,
       .text = "sudo nixos-rebuild switch   # makes /run/opengl-driver point to what is in the "
               "store"},
      {.where = debian, .text = "sudo apt install --reinstall mesa-teflon-delegate"},
      {.where = "", .text = format_text("readlink -m {}", candidate.path.string())},
  };
}

std::vector<Remedy> newer_mesa() {
  return {
      {.where = debian,
       .text = "apt policy mesa-teflon-delegate   # which versions there are\n"
               "sudo apt install -t sid mesa-teflon-delegate"},
      {.where = nixos,
       .text = "hardware.graphics.package = pkgs-unstable.mesa;   # a nixpkgs with that Mesa\n"
               "sudo nixos-rebuild switch"},
      {.where = kubernetes,
       .text = "update Mesa on the node, or in the image if it comes from there"},
  };
}

std::vector<Remedy> cool() {
  return {
      {.where = "", .text = "give the board a heat sink or a fan; watch: gantry doctor --json"}};
}

}  // namespace gantry::system
