#include "live_test.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <format>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "child_process.h"
#include "commands.h"
#include "gantry/base/deadline.h"
#include "gantry/base/file.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/terminal.h"
#include "gantry/image/decode.h"
#include "gantry/image/resize.h"
#include "gantry/model_file/model_info.h"
#include "gantry/npu/guard.h"
#include "gantry/tflite/delegate.h"
#include "gantry/tflite/session.h"

namespace gantry::cli {
namespace {

using Json = nlohmann::ordered_json;
using system::Finding;
using system::Status;

constexpr std::size_t max_model_bytes = std::size_t{1} << 30U;
constexpr std::size_t max_picture_bytes = std::size_t{64} << 20U;
// Before what the child has to say; libraries write lines of their own to the same pipe.
constexpr std::string_view step_mark = "gantry-npu step: ";
constexpr std::string_view error_mark = "gantry-npu error: ";
constexpr std::string_view result_mark = "gantry-npu result: ";
/// Steps of the output's 256 levels: rounding differs by one step a layer, and softmax spreads it.
constexpr int most_difference = 8;
constexpr int timed_runs = 10;

// ---- the child

/// Input tensors to compare on: the sample picture where it is there, and noise, always the same.
std::vector<std::vector<std::byte>> make_inputs(const model_file::ModelInfo& info,
                                                const std::filesystem::path& picture,
                                                std::size_t size) {
  std::vector<std::vector<std::byte>> inputs;
  std::vector<std::byte> noise(size);
  std::uint32_t state = 42;
  for (std::byte& value : noise) {
    state = (state * 1664525U) + 1013904223U;  // Numerical Recipes' generator
    value = static_cast<std::byte>(state >> 24U);
  }
  inputs.push_back(std::move(noise));
  const auto bytes = read_file(picture, max_picture_bytes);
  const auto decoded = bytes ? image::decode(*bytes) : std::unexpected(bytes.error());
  const auto transform = InputTransform::create(info.inputs.front(), info.normalization);
  if (!decoded || !transform) {
    return inputs;
  }
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(transform->width()) *
                                static_cast<std::size_t>(transform->height()) * 3);
  std::vector<std::byte> tensor(size);
  image::Resizer resizer;
  if (resizer.bilinear(*decoded, transform->width(), transform->height(), rgb) &&
      transform->apply(rgb, tensor)) {
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

/// One session's answers to all inputs, and the time of an inference.
struct Answers {
  std::vector<std::vector<std::byte>> outputs;  ///< of all inputs, and of all once more at the end
  double median_ms = 0;
  std::vector<std::string> operators;  ///< by name, in the order of execution
};

Result<Answers> answers_of(tflite::Session& session,
                           const std::vector<std::vector<std::byte>>& inputs) {
  Answers answers;
  const auto ask = [&]() -> Result<> {
    for (const auto& input : inputs) {
      std::ranges::copy(input, session.input(0).begin());
      if (auto done = session.invoke(); !done) {
        return done;
      }
      const auto output = session.output(0);
      answers.outputs.emplace_back(output.begin(), output.end());
    }
    return {};
  };
  if (auto done = ask(); !done) {
    return std::unexpected(std::move(done).error());
  }
  for (const auto& time : session.operator_times()) {
    answers.operators.push_back(time.name);
  }
  std::array<double, timed_runs> times{};
  for (double& time : times) {
    std::ranges::copy(inputs.front(), session.input(0).begin());
    const Clock::time_point begin = Clock::now();
    if (auto done = session.invoke(); !done) {
      return std::unexpected(done.error());
    }
    time = to_ms(Clock::now() - begin);
  }
  std::ranges::sort(times);
  answers.median_ms = times[timed_runs / 2];
  // A device that was lost while it was timed has said nothing and left the last answer there.
  if (auto done = ask(); !done) {
    return std::unexpected(std::move(done).error());
  }
  return answers;
}

std::size_t best_of(const std::vector<std::byte>& output) {
  return static_cast<std::size_t>(std::ranges::max_element(output) - output.begin());
}

/// Noise is the first of so many inputs.
Json compare(const Answers& cpu, const Answers& npu, std::size_t inputs) {
  const std::set<std::string> known(cpu.operators.begin(), cpu.operators.end());
  std::size_t partitions = 0;
  for (const std::string& name : npu.operators) {
    partitions += known.contains(name) ? 0U : 1U;  // a delegate's own name
  }
  int difference = 0;
  bool same_answer = true;
  for (std::size_t i = 0; i < cpu.outputs.size(); ++i) {
    for (std::size_t j = 0; j < cpu.outputs[i].size(); ++j) {
      difference = std::max(difference, std::abs(std::to_integer<int>(cpu.outputs[i][j]) -
                                                 std::to_integer<int>(npu.outputs[i][j])));
    }
    // Of noise nothing is the best; only the picture has an answer.
    same_answer =
        same_answer && (i % inputs == 0 || best_of(cpu.outputs[i]) == best_of(npu.outputs[i]));
  }
  const std::size_t left = npu.operators.size() - partitions;
  return {{"operators", cpu.operators.size()},
          {"delegated", cpu.operators.size() - left},
          {"partitions", partitions},
          {"max_difference", difference},
          {"same_answer", same_answer},
          {"cpu_ms", cpu.median_ms},
          {"npu_ms", npu.median_ms}};
}

Result<Json> try_library(const std::filesystem::path& library, const std::filesystem::path& path) {
  say(step_mark, "reading the built-in model");
  auto file = MappedFile::open(path, max_model_bytes);
  if (!file) {
    return std::unexpected(std::move(file).error());
  }
  const auto info = model_file::read_model(file->bytes());
  if (!info) {
    return std::unexpected(info.error());
  }
  const auto guarded = npu::guard(file->bytes(), library);
  if (!guarded) {
    return std::unexpected(guarded.error());
  }
  const auto model = tflite::Model::create(*std::move(file));
  if (!model) {
    return std::unexpected(model.error());
  }
  say(step_mark, "running it on the CPU");
  const auto cpu = tflite::Session::create(*model, {.profile = true});
  if (!cpu) {
    return std::unexpected(cpu.error());
  }
  const auto inputs =
      make_inputs(*info, path.parent_path() / "samples/cat.jpg", (*cpu)->input(0).size());
  const auto wanted = answers_of(**cpu, inputs);
  if (!wanted) {
    return std::unexpected(wanted.error());
  }
  if (!guarded->any()) {
    return fail(Code::failed_precondition,
                std::format("Mesa {} computes no operator of the built-in model right",
                            guarded->classification.mesa.text()));
  }
  say(step_mark, "loading the library");
  const auto delegate = tflite::Delegate::load(library);
  if (!delegate) {
    return std::unexpected(delegate.error());
  }
  say(step_mark, "handing it the model");
  const auto npu = tflite::Session::create(
      *model, {.profile = true, .delegations = {{*delegate, guarded->offered}}});
  if (!npu) {
    return std::unexpected(npu.error());
  }
  say(step_mark, "running the model on the NPU");
  const auto got = answers_of(**npu, inputs);
  if (!got) {
    return std::unexpected(got.error());
  }
  Json result = compare(*wanted, *got, inputs.size());
  say(result_mark, result.dump());
  return result;
}

// ---- the parent

/// The last line that is not one of our own.
std::string last_words(const std::string& words) {
  std::string out;
  for (std::size_t begin = 0; begin < words.size();) {
    const std::size_t end = std::min(words.find('\n', begin), words.size());
    const std::string line = words.substr(begin, end - begin);
    if (!line.empty() && !line.starts_with("gantry-npu ")) {
      out = line;
    }
    begin = end + 1;
  }
  return out.empty() ? "" : "; its last words: " + last_line(out);
}

void judge(Finding& finding, const Json& result) {
  const auto delegated = result.at("delegated").get<std::size_t>();
  const auto difference = result.at("max_difference").get<int>();
  const auto npu_ms = result.at("npu_ms").get<double>();
  const auto cpu_ms = result.at("cpu_ms").get<double>();
  finding.found = std::format(
      "{} of {} operators on the NPU in {} partition{}, {:.1f} ms (CPU: {:.1f} ms), largest "
      "difference {} of 256",
      delegated, result.at("operators").get<std::size_t>(),
      result.at("partitions").get<std::size_t>(),
      result.at("partitions").get<std::size_t>() == 1 ? "" : "s", npu_ms, cpu_ms, difference);
  finding.status = Status::failure;
  if (delegated == 0) {
    finding.why = "The library took no operator: everything ran on the CPU.";
  } else if (!result.at("same_answer").get<bool>() || difference > most_difference) {
    finding.why =
        "The NPU's answer is wrong, and nothing said so: a job that the kernel refused or that "
        "timed out (see its log), a device that went away, a layer that this Mesa computes "
        "wrongly, or a defect of the device.";
    finding.remedies = {{.where = "", .text = "sudo dmesg | grep -iE 'rocket|npu'"},
                        {.where = "", .text = "TEFLON_DEBUG=verbose gantry doctor"}};
  } else {
    finding.status = Status::ok;
  }
}

Finding begun() {
  return {.id = "live",
          .title = "Live test",
          .status = Status::skipped,
          .wanted = "the built-in model on the NPU, with the CPU's answer"};
}

}  // namespace

int npu_trial(std::span<char* const> arguments) {
  limit_this_child(120);
  if (arguments.size() != 2) {
    say(error_mark, "want a library and a model");
    return to_int(Exit::usage);
  }
  std::string reason;
  try {
    if (const auto done = try_library(arguments[0], arguments[1]); !done) {
      reason = done.error().message;
    }
  } catch (const std::exception& e) {
    reason = e.what();
  }
  if (!reason.empty()) {
    say(error_mark, reason);
  }
  // Not exit(): destructors of a library that made trouble may make more.
  _exit(reason.empty() ? to_int(Exit::good) : to_int(Exit::bad));
}

Finding live_test_skipped(std::string reason) {
  Finding finding = begun();
  finding.why = std::move(reason);
  return finding;
}

Finding live_test(const std::filesystem::path& library, const std::filesystem::path& model,
                  std::chrono::milliseconds limit, const std::filesystem::path& program) {
  Finding finding = begun();
  auto child = ChildProcess::start(program, {"npu-trial", library.string(), model.string()});
  if (!child) {
    finding.why = "no child process can be started: " + child.error().message;
    return finding;
  }
  const ChildEnd end = (*child)->wait(Deadline::after(limit));
  const std::string step = end.said(step_mark).value_or("starting");
  const auto result = end.said(result_mark);
  const Json parsed = result ? Json::parse(*result, nullptr, false) : Json();
  if (end.exited_with(0) && parsed.is_object()) {
    judge(finding, parsed);
    return finding;
  }
  if (end.exited_with(127) && end.words.empty()) {
    finding.why = "the program cannot be executed from itself";
    return finding;
  }
  finding.status = Status::failure;
  if (const auto error = end.said(error_mark)) {
    finding.found = std::format("{} failed: {}{}", step, printable(*error), last_words(end.words));
  } else if (end.was_late) {
    finding.found =
        std::format("{} did not end within {} s{}", step,
                    std::chrono::duration<double>(limit).count(), last_words(end.words));
    finding.why = "The child process that tried it was ended.";
  } else {
    finding.found = std::format("{} crashed: {}{}", step, end.text(), last_words(end.words));
    finding.why = "In a child process, so that nothing else was harmed.";
  }
  finding.remedies = {{.where = "", .text = "sudo dmesg | grep -iE 'rocket|npu'"},
                      {.where = "", .text = "TEFLON_DEBUG=verbose gantry doctor"}};
  return finding;
}

}  // namespace gantry::cli
