#include "gantry/system/diagnosis.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "made_up_tree.h"

namespace gantry::system {
namespace {

using test::library_bytes;
using test::MadeUpTree;
using test::member;
using test::stranger;
using test::survey_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A machine, who asks, and every finding that is not ok (or skipped for want of the kernel's log,
/// which no tree has).
struct Machine {
  std::string name;
  std::function<void(MadeUpTree&)> make;
  std::map<std::string, Status> not_ok;
  /// Words of one finding: of what was found, why, and how to mend it on this machine.
  std::string finding;
  std::vector<std::string> words;
  User user = member();
};

std::string text_of(const Finding& finding, const Survey& survey) {
  std::string out = finding.found + "\n" + finding.why + "\n";
  for (const Remedy& remedy : fitting(finding.remedies, survey)) {
    out += remedy.where + ": " + remedy.text + "\n";
  }
  return out;
}

class Diagnosis : public testing::TestWithParam<Machine> {};

TEST_P(Diagnosis, says_what_is_wrong_and_what_mends_it) {
  const Machine& machine = GetParam();
  MadeUpTree tree;
  machine.make(tree);
  const Survey seen = survey_of(tree, machine.user);
  std::map<std::string, Status> not_ok;
  for (const Finding& finding : diagnose(seen)) {
    EXPECT_FALSE(finding.title.empty());
    EXPECT_FALSE(finding.wanted.empty()) << finding.id;
    EXPECT_FALSE(finding.found.empty() && finding.why.empty()) << finding.id;
    if (finding.status == Status::failure && finding.id != "container" && finding.id != "board") {
      EXPECT_FALSE(finding.remedies.empty() && finding.why.empty()) << finding.id;
    }
    if (finding.status != Status::ok && finding.id != "log") {
      not_ok[finding.id] = finding.status;
    }
    if (finding.id == machine.finding) {
      for (const std::string& word : machine.words) {
        EXPECT_THAT(text_of(finding, seen), HasSubstr(word));
      }
    }
  }
  EXPECT_EQ(not_ok, machine.not_ok);
}

constexpr Status failure = Status::failure;
constexpr Status warning = Status::warning;
constexpr Status skipped = Status::skipped;

INSTANTIATE_TEST_SUITE_P(
    Trees, Diagnosis,
    testing::Values(
        Machine{.name = "debian_good",
                .make = [](MadeUpTree& made) { made.debian(); },
                .not_ok = {},
                .finding = "clock",
                .words = {"200 MHz", "Mainline"}},
        Machine{.name = "nixos_good",
                .make = [](MadeUpTree& made) { made.nixos(); },
                .not_ok = {},
                .finding = "library",
                .words = {"/run/opengl-driver/lib/libteflon.so → /nix/store/abc-mesa-26.2.6/lib/"
                          "libteflon.so"}},
        Machine{.name = "nixos_container_with_everything",
                .make =
                    [](MadeUpTree& made) {
                      made.container_on_nixos().file("/nix/store/abc-mesa-26.2.6/lib/libteflon.so",
                                                  library_bytes("26.2.6"));
                    },
                .not_ok = {},
                .finding = "container",
                .words = {"kubernetes"}},
        Machine{.name = "nixos_container_without_nix_store",
                .make = [](MadeUpTree& made) { made.container_on_nixos(); },
                .not_ok = {{"library", failure}, {"container", failure}, {"mesa", skipped}},
                .finding = "library",
                .words = {"`/nix/store` is not mounted", "hostPath: { path: /nix/store }"}},
        Machine{.name = "container_names_the_missing_mount",
                .make = [](MadeUpTree& made) { made.container_on_nixos(); },
                .not_ok = {{"library", failure}, {"container", failure}, {"mesa", skipped}},
                .finding = "container",
                .words = {"not mounted: /nix/store"}},
        Machine{.name = "container_without_the_device",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().file("/.dockerenv", "").remove("/dev/accel");
                    },
                .not_ok = {{"node", failure}, {"container", failure}, {"access", skipped}},
                .finding = "node",
                .words = {"not given to this container", "--device=/dev/accel/accel0"}},
        Machine{.name = "pod_without_device_and_library",
                .make =
                    [](MadeUpTree& made) {
                      made.container_on_nixos().remove("/mesa-libs").remove("/dev/accel");
                    },
                .not_ok = {{"node", failure},
                           {"container", failure},
                           {"access", skipped},
                           {"library", failure},
                           {"mesa", skipped}},
                .finding = "library",
                .words = {"mountPath: /mesa-libs", "/run/opengl-driver/lib"}},
        Machine{.name = "vendor_kernel",
                .make =
                    [](MadeUpTree& made) {
                      made.debian()
                          .remove("/sys/bus/platform/drivers/rocket")
                          .remove("/sys/module/rocket")
                          .remove("/sys/class/accel")
                          .remove("/dev/accel")
                          .folder("/sys/module/rknpu")
                          .file("/proc/sys/kernel/osrelease", "6.1.75-vendor-rk35xx\n");
                    },
                .not_ok = {{"kernel", failure},
                           {"driver", failure},
                           {"cores", skipped},
                           {"node", failure},
                           {"access", skipped}},
                .finding = "driver",
                .words = {"two stacks", ".rknn", "/sys/module/rknpu", "linux-image-arm64"}},
        Machine{.name = "module_not_loaded_on_debian",
                .make =
                    [](MadeUpTree& made) {
                      made.debian()
                          .remove("/sys/bus/platform/drivers/rocket")
                          .remove("/sys/module/rocket")
                          .remove("/sys/class/accel")
                          .remove("/dev/accel")
                          .file("/lib/modules/6.18.0/kernel/drivers/accel/rocket/rocket.ko.xz", "");
                    },
                .not_ok = {{"driver", failure},
                           {"cores", skipped},
                           {"node", failure},
                           {"access", skipped}},
                .finding = "driver",
                .words = {"this kernel has it", "modprobe rocket", "modules-load.d"}},
        Machine{.name = "module_not_loaded_on_nixos",
                .make =
                    [](MadeUpTree& made) {
                      made.nixos()
                          .remove("/sys/bus/platform/drivers/rocket")
                          .remove("/sys/module/rocket")
                          .remove("/sys/class/accel")
                          .remove("/dev/accel");
                    },
                .not_ok = {{"driver", failure},
                           {"cores", skipped},
                           {"node", failure},
                           {"access", skipped}},
                .finding = "driver",
                .words = {R"(boot.kernelModules = [ "rocket" ];)", "structuredExtraConfig"}},
        Machine{.name = "kernel_without_the_driver",
                .make =
                    [](MadeUpTree& made) {
                      made.debian()
                          .remove("/sys/bus/platform/drivers/rocket")
                          .remove("/sys/module/rocket")
                          .remove("/sys/class/accel")
                          .remove("/dev/accel")
                          .file("/boot/config-6.18.0", "# CONFIG_DRM_ACCEL_ROCKET is not set\n");
                    },
                .not_ok = {{"driver", failure},
                           {"cores", skipped},
                           {"node", failure},
                           {"access", skipped}},
                .finding = "driver",
                .words = {"not in this kernel", "CONFIG_DRM_ACCEL_ROCKET=m"}},
        Machine{.name = "old_kernel",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().file("/proc/sys/kernel/osrelease", "6.12.94+deb13-arm64\n");
                    },
                .not_ok = {{"kernel", warning}},
                .finding = "kernel",
                .words = {"backport"}},
        Machine{.name = "cores_disabled_in_the_device_tree",
                .make =
                    [](MadeUpTree& made) {
                      for (const char* core : {"fdab0000", "fdac0000", "fdad0000"}) {
                        made.remove(std::string("/sys/bus/platform/drivers/rocket/") + core + ".npu");
                      }
                      made.debian().remove("/sys/class/accel").remove("/dev/accel");
                      for (const char* core : {"fdab0000", "fdac0000", "fdad0000"}) {
                        made.remove(std::string("/sys/bus/platform/drivers/rocket/") + core + ".npu");
                        made.file(std::string("/sys/firmware/devicetree/base/npu@") + core + "/status",
                               "disabled");
                      }
                    },
                .not_ok = {{"cores", failure}, {"node", failure}, {"access", skipped}},
                .finding = "cores",
                .words = {"3 NPU nodes, of which it enables 0", "okay"}},
        Machine{.name = "one_core_short",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().remove("/sys/bus/platform/drivers/rocket/fdad0000.npu");
                    },
                .not_ok = {{"cores", warning}},
                .finding = "cores",
                .words = {"2: fdab0000.npu, fdac0000.npu", "dmesg"}},
        Machine{.name = "permission_denied_on_debian",
                .make = [](MadeUpTree& made) { made.debian(); },
                .not_ok = {{"access", failure}},
                .finding = "access",
                .words = {"crw-rw----", "alice (uid 4242) is in gid 4242",
                          "usermod -aG render alice"},
                .user = stranger()},
        Machine{.name = "permission_denied_on_nixos",
                .make = [](MadeUpTree& made) { made.nixos(); },
                .not_ok = {{"access", failure}},
                .finding = "access",
                .words = {"users.users.alice.extraGroups"},
                .user = stranger()},
        Machine{.name = "permission_denied_in_a_pod",
                .make =
                    [](MadeUpTree& made) {
                      made.container_on_nixos().file("/nix/store/abc-mesa-26.2.6/lib/libteflon.so",
                                                  library_bytes("26.2.6"));
                    },
                .not_ok = {{"access", failure}},
                .finding = "access",
                .words = {"supplementalGroups: [105]"},
                .user = stranger()},
        Machine{.name = "node_for_root_alone",
                .make = [](MadeUpTree& made) { made.debian().mode("/dev/accel/accel0", 0600); },
                .not_ok = {{"access", failure}},
                .finding = "access",
                .words = {"udev/rules.d", R"(GROUP="render", MODE="0660")"},
                .user = stranger()},
        Machine{.name = "node_for_everybody",
                .make = [](MadeUpTree& made) { made.debian().mode("/dev/accel/accel0", 0666); },
                .not_ok = {},
                .finding = "access",
                .words = {"crw-rw-rw-", "Everybody"},
                .user = stranger()},
        Machine{.name = "no_render_group",
                .make = [](MadeUpTree& made) { made.debian().file("/etc/group", "root:x:0:\n"); },
                .not_ok = {{"group", warning}},
                .finding = "group",
                .words = {"no group of that name", "groupadd --system render"}},
        Machine{.name = "dangling_library_on_nixos",
                .make =
                    [](MadeUpTree& made) {
                      made.nixos().remove("/nix/store/abc-mesa-26.2.6");
                    },
                .not_ok = {{"library", failure}, {"mesa", skipped}},
                .finding = "library",
                .words = {"/nix/store/abc-mesa-26.2.6 is missing", "nixos-rebuild switch"}},
        Machine{.name = "no_library_on_debian",
                .make = [](MadeUpTree& made) { made.debian().remove("/usr/lib/teflon"); },
                .not_ok = {{"library", failure}, {"mesa", skipped}},
                .finding = "library",
                .words = {"apt install mesa-teflon-delegate", "/run/opengl-driver/lib"}},
        Machine{.name = "library_for_another_processor",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().file("/usr/lib/teflon/libteflon.so",
                                      library_bytes("26.2.6-1", elf_x86_64));
                    },
                .not_ok = {{"library", failure}},
                .finding = "library",
                .words = {"for x86-64"}},
        Machine{.name = "mesa_without_rocket",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().file("/usr/lib/teflon/libteflon.so",
                                      library_bytes("25.0.7-2", elf_aarch64, "etnaviv"));
                    },
                .not_ok = {{"mesa", failure}},
                .finding = "mesa",
                .words = {"25.0.7-2, without rocket", "Couldn't open kernel device"}},
        Machine{.name = "mesa_that_computes_wrongly",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().file("/usr/lib/teflon/libteflon.so", library_bytes("26.1.6-1"));
                    },
                .not_ok = {{"mesa", warning}},
                .finding = "mesa",
                .words = {"26.1.6-1", "MobileNetV2", "-t sid"}},
        Machine{.name = "another_npu_beside_ours",
                .make =
                    [](MadeUpTree& made) {
                      made.debian()
                          .link("/sys/class/accel/accel1/device", "../../../devices/platform/ethos")
                          .link("/sys/devices/platform/ethos/driver",
                                "../../../bus/platform/drivers/ethosu")
                          .folder("/sys/bus/platform/drivers/ethosu")
                          .file("/dev/accel/accel1", "");
                    },
                .not_ok = {},
                .finding = "node",
                .words = {"/dev/accel/accel0; beside it /dev/accel/accel1 (ethosu)"}},
        Machine{.name = "a_link_that_nobody_needs",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().link("/dev/dri/renderD180", "/dev/accel/accel0");
                    },
                .not_ok = {},
                .finding = "renderD180",
                .words = {"a link to /dev/accel/accel0", "Not needed"}},
        Machine{.name = "hot",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().file("/sys/class/thermal/thermal_zone6/temp", "96000\n");
                    },
                .not_ok = {{"temperature", warning}},
                .finding = "temperature",
                .words = {"96.0 °C", "115 °C"}},
        Machine{.name = "little_memory",
                .make =
                    [](MadeUpTree& made) {
                      made.debian().file("/proc/meminfo",
                                      "MemTotal: 4000000 kB\nMemAvailable: 100000 kB\n");
                    },
                .not_ok = {{"memory", warning}},
                .finding = "memory",
                .words = {}},
        Machine{.name = "amd64_machine_with_nothing",
                .make =
                    [](MadeUpTree& made) {
                      made.file("/proc/sys/kernel/osrelease", "6.18.9-amd64\n")
                          .file("/proc/sys/kernel/arch", "x86_64\n")
                          .file("/etc/os-release", "ID=debian\n")
                          .file("/proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 4000000 kB\n");
                    },
                .not_ok = {{"board", failure},
                           {"driver", skipped},
                           {"cores", skipped},
                           {"node", skipped},
                           {"access", skipped},
                           {"group", skipped},
                           {"library", skipped},
                           {"mesa", skipped},
                           {"clock", skipped},
                           {"temperature", skipped}},
                .finding = "board",
                .words = {"x86_64", "runs on the CPU"}}),
    [](const auto& test) { return test.param.name; });

/// What opening the node gives, in a container or not.
const Finding* access_when_opening_fails(int error, bool in_container,
                                         std::vector<Finding>& findings) {
  MadeUpTree tree;
  tree.debian();
  if (in_container) {
    tree.file("/.dockerenv", "");
  }
  SurveyOptions options{.user = member()};
  options.open_node = [error](const auto&) { return OpenedNode{.error = error, .driver = {}}; };
  findings = diagnose(survey_of(tree, options));
  return find(findings, "access");
}

TEST(Access, a_container_may_forbid_what_the_mode_allows) {
  std::vector<Finding> findings;
  const Finding* const access = access_when_opening_fails(EPERM, true, findings);
  EXPECT_EQ(access->status, Status::failure);
  EXPECT_THAT(access->why, HasSubstr("device rules"));
  EXPECT_THAT(access->remedies[0].text, HasSubstr("npu.rockchip.com/rk3588: 1"));
}

TEST(Access, a_driver_may_refuse) {
  std::vector<Finding> findings;
  const Finding* const access = access_when_opening_fails(ENODEV, false, findings);
  EXPECT_EQ(access->status, Status::failure);
  EXPECT_THAT(access->found, HasSubstr("No such device"));
  EXPECT_THAT(access->remedies[0].text, HasSubstr("dmesg"));
}

TEST(Access, an_open_node_is_proof) {
  std::vector<Finding> findings;
  const Finding* const access = access_when_opening_fails(0, false, findings);
  EXPECT_EQ(access->status, Status::ok);
  EXPECT_THAT(access->found, HasSubstr("it opens"));
}

TEST(Log, timeouts_are_a_warning) {
  MadeUpTree tree;
  SurveyOptions options{.user = member()};
  options.kernel_log = [] { return "rocket fdab0000.npu: NPU job timed out\n"; };
  const auto findings = diagnose(survey_of(tree.debian(), options));
  EXPECT_EQ(find(findings, "log")->status, Status::warning);
  EXPECT_THAT(find(findings, "log")->found, HasSubstr("1 time"));
}

TEST(Fitting, gives_everything_where_the_system_is_unknown) {
  Survey unknown;
  const std::vector<Remedy> all = {{.where = "Debian", .text = "a"},
                                   {.where = "NixOS", .text = "b"}};
  EXPECT_EQ(fitting(all, unknown).size(), 2U);
  unknown.distribution.id = "nixos";
  ASSERT_EQ(fitting(all, unknown).size(), 1U);
  EXPECT_EQ(fitting(all, unknown)[0].text, "b");
}

}  // namespace
}  // namespace gantry::system
