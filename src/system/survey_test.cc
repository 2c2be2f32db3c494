#include "gantry/system/survey.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "made_up_tree.h"

namespace gantry::system {
namespace {

using test::MadeUpTree;
using test::member;
using test::stranger;
using test::survey_of;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Survey, finds_the_npu_behind_its_facade_device) {
  MadeUpTree tree;
  const Survey seen = survey_of(tree.debian(), member());
  ASSERT_EQ(seen.nodes.size(), 1U);
  EXPECT_EQ(seen.nodes[0].driver, "rocket");
  EXPECT_EQ(seen.nodes[0].path, "/dev/accel/accel0");
  EXPECT_TRUE(seen.nodes[0].is_device);
  ASSERT_EQ(seen.cores.size(), 3U);
  EXPECT_EQ(seen.cores[0].device, "fdab0000.npu");
  EXPECT_EQ(seen.cores[0].power, "suspended");
}

TEST(Survey, finds_the_npu_below_its_first_core_too) {
  MadeUpTree tree;
  tree.board().remove("/sys/class/accel").remove("/sys/devices/platform/rknn");
  tree.link("/sys/class/accel/accel0/device", "../../../devices/platform/fdab0000.npu");
  EXPECT_EQ(survey_of(tree, member()).nodes[0].driver, "rocket");
}

TEST(Survey, tells_other_drivers_nodes_from_ours) {
  MadeUpTree tree;
  tree.board().remove("/sys/class/accel").remove("/dev/accel");
  tree.link("/sys/class/accel/accel0/device", "../../../devices/platform/ethos");
  tree.link("/sys/devices/platform/ethos/driver", "../../../bus/platform/drivers/ethosu");
  tree.folder("/sys/bus/platform/drivers/ethosu");
  tree.link("/sys/class/accel/accel10/device", "../../../devices/platform/rknn");
  tree.file("/dev/accel/accel0", "").file("/dev/accel/accel10", "").file("/dev/accel/accel2", "");
  const Survey seen = survey_of(tree, member());
  ASSERT_EQ(seen.nodes.size(), 3U);
  EXPECT_EQ(seen.nodes[0].driver, "ethosu");
  EXPECT_EQ(seen.nodes[1].driver, "rocket");
  EXPECT_EQ(seen.nodes[2].path, "/dev/accel/accel2");
  EXPECT_EQ(seen.nodes[2].driver, "");
  ASSERT_NE(seen.npu(), nullptr);
  EXPECT_EQ(seen.npu()->name, "accel10");
}

TEST(Survey, believes_drm_where_a_node_opens) {
  MadeUpTree tree;
  tree.board().remove("/sys/class/accel");
  tree.file("/dev/accel/accel1", "");
  SurveyOptions options{.user = member()};
  options.open_node = [](const std::filesystem::path& node) {
    return node == "/dev/accel/accel1" ? OpenedNode{.error = 0, .driver = "rocket"}
                                       : OpenedNode{.error = EACCES, .driver = {}};
  };
  const Survey seen = survey(tree.root(), options);
  ASSERT_NE(seen.npu(), nullptr);
  EXPECT_EQ(seen.npu()->name, "accel1");
}

TEST(Survey, reads_clock_temperature_and_memory) {
  MadeUpTree tree;
  const Survey plain = survey_of(tree.board(), member());
  EXPECT_EQ(plain.clock.hz, std::nullopt);
  EXPECT_EQ(plain.board.assigned_clock_hz, 200e6);
  ASSERT_TRUE(plain.temperature);
  EXPECT_DOUBLE_EQ(plain.temperature->celsius, 42.5);
  EXPECT_EQ(plain.temperature->critical, 115);
  EXPECT_EQ(plain.memory.available, 12'000'000ULL * 1024);
  EXPECT_EQ(plain.memory.cma_total, 65536ULL * 1024);

  tree.file("/sys/kernel/debug/clk/scmi_clk_npu/clk_rate", "600000000\n");
  EXPECT_EQ(survey_of(tree, member()).clock.hz, 600e6);
  tree.file("/sys/class/devfreq/fdab0000.npu/cur_freq", "1000000000\n");
  EXPECT_EQ(survey_of(tree, member()).clock.hz, 1e9) << "what scales the clock knows best";
}

TEST(Survey, counts_what_the_device_tree_enables) {
  MadeUpTree tree;
  tree.board().file("/sys/firmware/devicetree/base/npu@fdad0000/status", "disabled");
  const Survey seen = survey_of(tree, member());
  EXPECT_TRUE(seen.board.is_rk3588);
  EXPECT_EQ(seen.board.model, "Xunlong Orange Pi 5 Plus");
  EXPECT_EQ(seen.board.npu_nodes, 3U);
  EXPECT_EQ(seen.board.enabled_npu_nodes, 2U);
}

TEST(Survey, knows_containers_by_what_they_leave) {
  struct Sign {
    const char* path;
    const char* text;
    const char* kind;
  };
  for (const Sign& sign :
       {Sign{"/.dockerenv", "", "docker"}, Sign{"/run/.containerenv", "", "podman"},
        Sign{"/run/secrets/kubernetes.io/token", "", "kubernetes"},
        Sign{"/run/systemd/container", "systemd-nspawn\n", "systemd-nspawn"},
        Sign{"/proc/self/cgroup", "0::/kubepods.slice/pod1\n", "kubernetes"},
        Sign{"/proc/self/cgroup", "0::/user.slice/user-1000.slice\n", ""}}) {
    MadeUpTree tree;
    tree.file(sign.path, sign.text);
    EXPECT_EQ(survey_of(tree, member()).container.kind, sign.kind) << sign.path << sign.text;
  }
}

TEST(Survey, reads_mount_points) {
  MadeUpTree tree;
  tree.file("/proc/self/mountinfo",
            "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
            "90 27 8:1 /nix/store /nix/store ro - ext4 /dev/sda1 ro\nshort line\n");
  const Container seen = survey_of(tree, member()).container;
  EXPECT_THAT(seen.mounts, ElementsAre("/proc", "/nix/store"));
  EXPECT_TRUE(seen.has_mount("/nix/store"));
}

TEST(Survey, an_empty_tree_is_an_empty_survey) {
  MadeUpTree tree;
  const Survey seen = survey_of(tree, stranger());
  EXPECT_EQ(seen.kernel.release, "");
  EXPECT_THAT(seen.nodes, IsEmpty());
  EXPECT_EQ(seen.npu(), nullptr);
  EXPECT_EQ(seen.memory.total, 0U);
}

TEST(Survey, finds_the_kernels_own_words) {
  MadeUpTree tree;
  SurveyOptions options{.user = member()};
  options.kernel_log = [] {
    return "[ 16.9] rocket fdab0000.npu: Rockchip NPU core 0 version: 1179210309\nother\n"
           "[ 99.0] rocket fdab0000.npu: NPU job timed out\n";
  };
  const Survey seen = survey(tree.root(), options);
  EXPECT_TRUE(seen.log.was_read);
  EXPECT_EQ(seen.log.cores.size(), 1U);
  EXPECT_EQ(seen.log.timeouts, 1U);
}

TEST(Access, is_decided_by_the_first_class_that_fits) {
  struct Case {
    User user;
    Ownership file;
    bool may;
  };
  const User alice{.uid = 1000, .gid = 1000, .groups = {105}};
  for (const Case& c :
       {Case{alice, {.uid = 0, .gid = 105, .mode = 0660}, true},
        Case{alice, {.uid = 0, .gid = 106, .mode = 0660}, false},
        Case{alice, {.uid = 0, .gid = 106, .mode = 0666}, true},
        Case{alice, {.uid = 0, .gid = 105, .mode = 0606}, false},  // the group's bits count for it
        Case{alice, {.uid = 1000, .gid = 105, .mode = 0060}, false},
        Case{alice, {.uid = 1000, .gid = 0, .mode = 0600}, true},
        Case{alice, {.uid = 0, .gid = 1000, .mode = 0640}, false},  // reading is not enough
        Case{{.uid = 0, .gid = 0, .groups = {}}, {.uid = 5, .gid = 5, .mode = 0}, true}}) {
    EXPECT_EQ(may_read_and_write(c.user, c.file), c.may) << mode_text(c.file.mode);
  }
  EXPECT_EQ(mode_text(0660), "crw-rw----");
}

}  // namespace
}  // namespace gantry::system
