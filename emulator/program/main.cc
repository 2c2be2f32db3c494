// gantry-emulator: runs a command with an NPU made of code.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "control.h"
#include "gantry/base/format.h"
#include "gantry/emulator_device/device.h"
#include "gantry/emulator_device/settings.h"
#include "gantry/emulator_wire/wire.h"
#include "gantry/emulator_worker/server.h"
#include "launch.h"
#include "system_root.h"

namespace gantry::emulator {
namespace {

namespace fs = std::filesystem;

constexpr int usage_error = 2;
constexpr int own_failure = 3;

struct Options {
  std::vector<std::string> commands;  ///< of the control language, in order
  LaunchOptions launch;
  fs::path state;
  bool print_status = false;
  std::vector<std::string> command;
};

int complain(const Error& error) {
  print_line(stderr, "gantry-emulator: {}", error.message);
  return own_failure;
}

/// The folder of a run: its sockets and its system root; removed at the end unless it was named.
class StateFolder {
 public:
  static Result<StateFolder> make(const fs::path& named) {
    if (!named.empty()) {
      std::error_code error;
      fs::create_directories(named, error);
      if (error) {
        return fail(Code::unavailable, format_text("{}: {}", named.string(), error.message()));
      }
      return StateFolder(fs::absolute(named), false);
    }
    std::string name = (fs::temp_directory_path() / "gantry-emulator-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return fail(Code::unavailable, format_text("{}: cannot be made", name));
    }
    return StateFolder(name, true);
  }
  StateFolder(StateFolder&& other) noexcept
      : path_(std::move(other.path_)), is_ours_(std::exchange(other.is_ours_, false)) {}
  StateFolder& operator=(StateFolder&&) = delete;
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;
  ~StateFolder() {
    if (is_ours_) {
      std::error_code ignored;
      fs::remove_all(path_, ignored);
    }
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  StateFolder(fs::path path, bool is_ours) : path_(std::move(path)), is_ours_(is_ours) {}
  fs::path path_;
  bool is_ours_;
};

int run(Options options) {
  auto folder = StateFolder::make(options.state);
  if (!folder) {
    return complain(folder.error());
  }
  const auto root = SystemRoot::make(folder->path() / "root");
  if (!root) {
    return complain(root.error());
  }
  for (auto& word : options.command) {
    for (auto at = word.find("{root}"); at != std::string::npos; at = word.find("{root}", at)) {
      word.replace(at, 6, root->path().string());
    }
  }
  auto launch = plan_launch(options.command, options.launch);
  if (!launch) {
    return complain(launch.error());
  }
  launch->environment.insert(
      launch->environment.end(),
      {{wire::socket_variable, Server::device_socket(folder->path()).string()},
       {"GANTRY_EMULATOR_CONTROL", Server::control_socket(folder->path()).string()},
       {wire::root_variable, root->path().string()}});

  block_ending_signals();
  Settings settings;
  Device device(settings);
  Control control(settings, device, *root);
  for (const auto& command : options.commands) {
    if (const auto answer = control.answer(command); !answer.starts_with("ok")) {
      print_line(stderr, "gantry-emulator: {}", answer);
      return usage_error;
    }
  }
  const auto server = Server::start(folder->path(), device,
                                    [&](std::string_view line) { return control.answer(line); });
  if (!server) {
    return complain(server.error());
  }
  const auto code = run_launch(*launch);
  if (options.print_status) {
    print_line(stderr, "gantry-emulator: {}", control.answer("status"));
  }
  return code ? *code : complain(code.error());
}

int send(fs::path socket, const std::vector<std::string>& words) {
  if (socket.empty()) {
    const char* known = std::getenv("GANTRY_EMULATOR_CONTROL");  // NOLINT(concurrency-mt-unsafe)
    if (known == nullptr) {
      print_line(stderr, "gantry-emulator: which emulator? Name its control socket with --socket");
      return usage_error;
    }
    socket = known;
  }
  std::string line;
  for (const auto& word : words) {
    line += (line.empty() ? "" : " ") + word;
  }
  const auto answer = send_command(socket, line);
  if (!answer) {
    return complain(answer.error());
  }
  print_line("{}", answer->empty() ? "ok" : *answer);
  return 0;
}

int main_with(int argc, char** argv) {
  CLI::App app(
      "Runs a command with an emulated RK3588 NPU: /dev/accel/accel0 exists for it and computes.\n"
      "In the command, {root} stands for a folder that looks like the board's / (sys, proc, dev).",
      "gantry-emulator");
  app.require_subcommand(0, 1);
  app.positionals_at_end();
  Options options;
  const auto command_option = [&](const char* name, const std::string& verb, const char* help) {
    app.add_option_function<std::vector<std::string>>(
           name,
           [&options, verb](const std::vector<std::string>& values) {
             for (const auto& value : values) {
               options.commands.push_back(format_text("{} {}", verb, value));
             }
           },
           help)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  command_option("--mode", "mode",
                 "exact (default), quirks (silicon's), timing (modelled time, no arithmetic)");
  command_option(
      "--fault", "fault",
      "absent, eacces, vanish, lose-job, wrong-channel=C, slow=MS, hang, submit-error=ERRNO, "
      "create-error=ERRNO; each with :after=N,every=N,count=N; again for more faults");
  command_option("--clock-mhz", "clock-mhz", "the NPU's clock for timing [200]");
  command_option("--time-scale", "time-scale", "stretches modelled time [1]");
  command_option("--temperature", "temperature", "of the NPU in the system root [42.5]");
  app.add_option("--preload", options.launch.preload, "the preload library [beside this program]");
  app.add_option("--sysroot", options.launch.sysroot, "libraries of a foreign program (qemu's -L)")
      ->envname("GANTRY_EMULATOR_SYSROOT");
  app.add_option("--qemu", options.launch.qemu,
                 "user-mode emulator of foreign programs [qemu-aarch64]");
  app.add_option("--state", options.state,
                 "folder for sockets and system root, kept [a temporary one]");
  app.add_flag("--status", options.print_status, "print what the NPU did, at the end");
  app.add_option("command", options.command, "after --: the command and its arguments");

  std::vector<std::string> words;
  fs::path socket;
  auto* control = app.add_subcommand("control",
                                     "send a command to a running emulator: status, mode M, "
                                     "fault SPEC, clear [FAULT], clock-mhz N, time-scale N, "
                                     "temperature C, vanish");
  control->add_option("--socket", socket, "its control.sock [$GANTRY_EMULATOR_CONTROL]");
  control->add_option("words", words)->required();
  auto* make_root =
      app.add_subcommand("root", "write the system root to a folder, and nothing else");
  fs::path root_path;
  make_root->add_option("folder", root_path)->required();
  CLI11_PARSE(app, argc, argv);

  if (*control) {
    return send(socket, words);
  }
  if (*make_root) {
    const auto root = SystemRoot::make(root_path);
    return root ? 0 : complain(root.error());
  }
  if (options.command.empty()) {
    print_line(stderr, "gantry-emulator: which command? gantry-emulator [OPTIONS] -- COMMAND …");
    return usage_error;
  }
  return run(std::move(options));
}

}  // namespace
}  // namespace gantry::emulator

// NOLINTNEXTLINE(bugprone-exception-escape): only if telling of an exception throws
int main(int argc, char** argv) {
  try {
    return gantry::emulator::main_with(argc, argv);
  } catch (const std::exception& error) {
    gantry::print_line(stderr, "gantry-emulator: {}", error.what());
    return 3;
  }
}
