#include "serve/ready_text.h"

#include <unistd.h>

#include <cstddef>
#include <filesystem>

#include "gantry/backend/device_policy.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/dispatch/execution_slot.h"
#include "settings/builtin_model.h"

namespace gantry::cli {
namespace {

/// A picture that is there and that the model knows, as seen from here; else a name to replace.
std::string example_image(const inference::LoadedModel& model) {
  const auto folder = builtin_folder();
  if (folder.empty() || model.config().path != builtin_model(folder)) {
    return "photo.jpg";
  }
  const auto sample = builtin_sample(folder);
  if (sample.empty()) {
    return "photo.jpg";
  }
  const std::string near = sample.lexically_proximate(std::filesystem::current_path()).string();
  return near.starts_with("..") ? sample.string() : near;
}

std::string counted(std::size_t count, std::string_view thing) {
  return format_text("{} {}{}", count, thing, count == 1 ? "" : "s");
}

/// "on the NPU, 3 slots; 28 of 31 operators there in 1 partition, proven (…)."
std::string where_it_runs(const inference::LoadedModel& model) {
  const auto& report = model.npu_report();
  if (model.device() == dispatch::Device::npu) {
    return format_text("on the NPU, {}; {} of {} there in {}, proven ({}).",
                       counted(model.npu_slots()->size(), "slot"), report.operators_npu,
                       counted(report.operators_npu + report.operators_cpu, "operator"),
                       counted(report.partitions, "partition"), report.proof_words);
  }
  const auto& config = model.config();
  std::string text =
      format_text("on the CPU, {} with {} each.", counted(config.slots, "slot"),
                  counted(static_cast<std::size_t>(config.threads_per_slot), "thread"));
  const auto& cpu = model.cpu_report();
  text += cpu.is_xnnpack ? format_text("\n  Computed by XNNPACK: {} of {}.", cpu.operators_xnnpack,
                                       counted(cpu.operators, "operator"))
                         : format_text("\n  Computed by TensorFlow Lite's own kernels: {}.",
                                       printable(cpu.reason));
  if (config.device == backend::DeviceWanted::automatic) {
    text += format_text("\n  Not on the NPU: {}.", printable(report.reason));
  }
  return text;
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (text.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-") ==
      std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return out + "'";
}

std::string ready_text(const std::string& url, const inference::LoadedModel& model, double start_ms,
                       Terminal terminal, std::string_view example) {
  const std::string image = example.empty() ? example_image(model) : std::string(example);
  std::string text =
      format_text("Ready in {:.0f} ms: {} {}\n\n", start_ms,
                  styled(terminal, Style::bold, printable(model.name())), where_it_runs(model));
  if (model.transform()) {
    text += format_text("  try it     curl -F {} {}/infer\n",
                        shell_word("image=@" + printable(image)), url);
  } else {
    text += "  The model takes no picture: POST /infer answers 422.\n";
  }
  text += format_text(
      "  see it     {}/\n"
      "  stop it    Ctrl-C, or kill {}\n\n",
      url, getpid());
  return text;
}

}  // namespace gantry::cli
