#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bench_report.h"
#include "commands.h"
#include "gantry/base/cpu.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/parse.h"
#include "gantry/cli/terminal.h"
#include "gantry/measure/machine.h"
#include "gantry/measure/timing.h"
#include "settings/model_options.h"
#include "settings/models_dir.h"
#include "settings/npu_options.h"

namespace gantry::cli {
namespace {

constexpr std::string_view bench_examples =
    R"(  gantry bench mobilenet_v1_1.0_224_quant.tflite                 # 10 runs, verdict against 50 ms
  gantry bench mobilenet.tflite --runs 200 --threads 1,2,4
  gantry bench mobilenet.tflite --slots 1,2,3 --seconds 5        # how throughput grows
  gantry bench mobilenet.tflite --image cat.jpg --profile        # where the time goes
  gantry bench mobilenet.tflite --runs 100 --json=before.json
  gantry bench compare before.json after.json)";

constexpr std::string_view compare_examples =
    R"(  gantry bench m.tflite --runs 100 --json=before.json
  gantry bench m.tflite --runs 100 --json=after.json
  gantry bench compare before.json after.json)";

struct BenchOptions {
  std::vector<std::string> arguments;
  ModelOptions model;  ///< its path and trial
  NpuOptions npu;
  std::int64_t runs = 10;
  std::chrono::milliseconds seconds{0};
  std::int64_t warm_up = 3;
  std::vector<std::int64_t> threads = {1};
  std::vector<std::int64_t> slots;
  std::filesystem::path image;
  bool profile = false;
  std::uint64_t seed = 42;
  double target_ms = measure::plan_limit_ms;
  bool json = false;
  std::filesystem::path json_file;

  void add_to(Options& options) {
    options.positionals(
        "[MODEL]", arguments,
        "the model: a .tflite file, or the name of a pulled one [the built-in one]");
    options.group("Model and input");
    model.add_model_to(options, "the same as MODEL");
    options.path("image", "FILE", image,
                 "feed this picture instead of random values, and time its decoding");
    options.integer("seed", seed, 0, INT64_MAX, "of the random input [42]");
    model.add_trial_to(options);
    add_models_dir_to(options, model.models_dir);
    options.group("Measurement");
    options.integer("runs", runs, 1, 10'000'000, "invokes to time [10]");
    options.duration("seconds", seconds,
                     "time invokes for so long instead; also each line of --slots [2s there]");
    options.integer("warm-up", warm_up, 0, 1'000'000,
                    "invokes after the first one that do not count [3]");
    options.add("threads", "N[,N...]",
                "threads of one inference; several make a table, the first is used elsewhere [1]",
                [this](std::string_view text) -> Result<> {
                  return parse_int_list(text, 1, 256).transform([this](auto list) {
                    threads = std::move(list);
                  });
                });
    options.add("slots", "N[,N...]", "measure throughput with so many inferences at the same time",
                [this](std::string_view text) -> Result<> {
                  return parse_int_list(text, 1, 256).transform([this](auto list) {
                    slots = std::move(list);
                  });
                });
    options.flag("profile", profile, "time each operator of the CPU, in extra runs");
    options.group("NPU");
    npu.add_without_slots_to(options);
    options.flag("no-npu-proof", npu.settings.without_proof,
                 "measure also an NPU that computes nothing or wrong, as the emulated one in "
                 "timing mode");
    options.group("Answer");
    options.add(
        "target", "TIME", "the average must be below, else exit code 1; 0: no verdict [50ms]",
        [this](std::string_view text) -> Result<> {
          return parse_duration(text).transform([this](auto time) { target_ms = to_ms(time); });
        });
    options.flag_or_value("json", "FILE",
                          "one JSON document on stdout instead of text; with =FILE both",
                          [this](std::string_view text) -> Result<> {
                            if (const auto on = parse_switch(text)) {
                              json = *on;
                            } else {
                              json_file = text;
                            }
                            return {};
                          });
  }
};

BenchReport::SlotsRow slots_row(const std::vector<BenchReport::SlotsRow>& before,
                                std::int64_t count, const measure::Throughput& measured) {
  const auto base_slots = static_cast<double>(before.empty() ? count : before.front().slots);
  const double base = before.empty() ? measured.per_second : before.front().per_second;
  const double speed_up = measured.per_second / base;
  return {.slots = count,
          .per_second = measured.per_second,
          .speed_up = speed_up,
          .efficiency = speed_up * base_slots / static_cast<double>(count),
          .invoke_ms = measure::summarise(measured.invoke_ms)};
}

/// The same model on the NPU, if there is one. Errors: failed_precondition if --device=npu wants
/// one and there is none.
Result<> measure_npu(const BenchOptions& settings, const model_file::ModelFile& model,
                     measure::Input input, Progress& progress, BenchReport& report) {
  if (settings.npu.wanted() == backend::DeviceWanted::cpu) {
    return {};
  }
  progress.show(0, "the proof on the NPU");
  std::vector<std::int64_t> counts = settings.slots;
  if (counts.empty()) {
    counts = {1, 2, 3};
  }
  backend::NpuSettings options = settings.npu.settings;
  options.timed_runs = 10;
  BenchReport::Npu& npu = *(report.npu = BenchReport::Npu{});
  const auto factory =
      backend::make_npu_factory(options, [&npu](const backend::ProofResult& proof) {
        npu.in_process_ms = proof.invoke_ms;
        npu.delegate_ms = proof.delegate_ms;
      });
  auto made = factory(model, static_cast<std::size_t>(std::ranges::max(counts)));
  npu.found = std::move(made.report);
  if (!npu.is_measured()) {
    return settings.npu.wanted() == backend::DeviceWanted::npu
               ? fail(Code::failed_precondition,
                      format_text("cannot run on the NPU: {}", npu.found.reason))
               : Result<>();
  }
  const auto on_progress = [&](double share) { progress.show(share, "NPU"); };
  if (settings.warm_up > 0) {
    if (auto warm = measure::time_invokes(*made.slots.front(), input, {.runs = settings.warm_up});
        !warm) {
      return std::unexpected(std::move(warm).error());
    }
  }
  auto samples = measure::time_invokes(
      *made.slots.front(), input, {.runs = settings.runs, .time = settings.seconds}, on_progress);
  if (!samples) {
    return std::unexpected(std::move(samples).error());
  }
  npu.samples_ms = *std::move(samples);
  npu.invoke_ms = measure::summarise(npu.samples_ms);
  for (const std::int64_t count : counts) {
    const Clock::duration time =
        settings.seconds.count() > 0 ? settings.seconds : std::chrono::seconds(2);
    const auto row =
        measure::time_slots(std::span(made.slots).first(static_cast<std::size_t>(count)),
                            settings.seed, time, on_progress);
    if (!row) {
      return std::unexpected(row.error());
    }
    npu.slots_table.push_back(slots_row(npu.slots_table, count, *row));
  }
  return {};
}

std::string inputs_of(const model_file::ModelInfo& info) {
  std::string out;
  for (const TensorSpec& input : info.inputs) {
    out += (out.empty() ? "" : ", ") + input.description();
  }
  return out.empty() ? "none" : out;
}

/// Everything is measured here; the order is such that what is measured later does not disturb what
/// came before.
Result<BenchReport> measure_all(const BenchOptions& settings) {
  BenchReport report;
  report.model = settings.model.model.string();
  report.tensorflow_lite = tflite::runtime_version();
  report.cpu = measure::cpu_name();
  report.cores = available_cores();
  report.accel_node = measure::accel_node();
  report.threads = settings.threads.front();
  report.warm_up = settings.warm_up;
  report.target_ms = settings.target_ms;
  const auto threads = static_cast<int>(report.threads);

  const backend::Trial trial = settings.model.trial();
  report.before = measure::memory_of_this_process();
  auto subject =
      measure::load_subject(settings.model.model, threads, settings.model.cpu_backend, trial);
  if (!subject) {
    return std::unexpected(std::move(subject).error());
  }
  report.model_bytes = subject->info.file_bytes;
  report.cpu_backend = subject->backend.report();
  report.task = model_file::task_name(subject->info.task);
  report.input = inputs_of(subject->info);
  report.read_ms = to_ms(subject->read);
  report.create_ms = to_ms(subject->create);
  report.allocate_ms = to_ms(subject->allocate);

  const auto make_input = [&]() -> measure::Input {
    return report.image ? measure::Input(report.image->tensor) : measure::Input(settings.seed);
  };
  report.fed = format_text("random values, seed {}", settings.seed);
  if (!settings.image.empty()) {
    auto image = measure::time_image(settings.image, subject->info, 20);
    if (!image) {
      return std::unexpected(std::move(image).error());
    }
    report.image = *std::move(image);
    report.fed = settings.image.string();
  }

  measure::Input input = make_input();
  auto first = measure::time_invokes(*subject->session, input, {.runs = 1});
  if (!first) {
    return std::unexpected(std::move(first).error());
  }
  report.first_ms = first->front();
  report.after = measure::memory_of_this_process();

  Progress progress("measuring");
  const auto timed = [&](tflite::Session& session,
                         std::string_view note) -> Result<std::vector<double>> {
    if (settings.warm_up > 0) {
      if (auto warm = measure::time_invokes(session, input, {.runs = settings.warm_up},
                                            [&](double) { progress.show(0, "warming up"); });
          !warm) {
        return warm;
      }
    }
    return measure::time_invokes(session, input, {.runs = settings.runs, .time = settings.seconds},
                                 [&](double share) { progress.show(share, note); });
  };
  auto samples = timed(*subject->session, "");
  if (!samples) {
    return std::unexpected(std::move(samples).error());
  }
  report.samples_ms = *std::move(samples);
  report.invoke_ms = measure::summarise(report.samples_ms);
  report.after.peak = measure::memory_of_this_process().peak;

  if (settings.threads.size() > 1) {
    for (const std::int64_t count : settings.threads) {
      auto session = subject->backend.session({.threads = static_cast<int>(count)});
      if (!session) {
        return std::unexpected(std::move(session).error());
      }
      auto times = timed(**session, format_text("{} threads", count));
      if (!times) {
        return std::unexpected(std::move(times).error());
      }
      report.threads_table.push_back({.threads = count, .invoke_ms = measure::summarise(*times)});
    }
  }
  for (const std::int64_t count : settings.slots) {
    const Clock::duration time =
        settings.seconds.count() > 0 ? settings.seconds : std::chrono::seconds(2);
    const auto row = measure::time_slots(
        subject->backend, count, threads, settings.seed, time,
        [&](double share) { progress.show(share, format_text("{} slots", count)); });
    if (!row) {
      return std::unexpected(row.error());
    }
    report.slots_table.push_back(slots_row(report.slots_table, count, *row));
  }
  if (auto done = measure_npu(settings, subject->file, make_input(), progress, report); !done) {
    return std::unexpected(std::move(done).error());
  }
  if (settings.profile) {
    progress.show(0, "operators");
    auto operators = measure::time_operators(
        subject->backend, threads, input,
        std::max<std::int64_t>(10, std::min<std::int64_t>(settings.runs, 100)));
    if (!operators) {
      return std::unexpected(std::move(operators).error());
    }
    report.operators = *std::move(operators);
  }
  return report;
}

Result<BenchReport> read_report(const std::string& path) {
  const auto text = read_text_file(path, std::size_t{1} << 30U);
  if (!text) {
    return std::unexpected(text.error());
  }
  auto report = bench_report_from_json(*text);
  if (!report) {
    return fail(report.error().code, format_text("{}: {}", path, report.error().message));
  }
  return report;
}

}  // namespace

int bench(std::span<char* const> arguments) {
  if (!arguments.empty() && std::string_view(arguments.front()) == "compare") {
    return bench_compare(arguments.subspan(1));
  }
  BenchOptions settings;
  Options options(
      "bench",
      "How fast is a model on this machine? `gantry bench compare A B` compares two results.\n\n"
      "The exit code is 1 if the average is not below --target.",
      std::string(bench_examples));
  settings.add_to(options);
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  if (settings.arguments.size() > 1) {
    return to_int(options.wrong_usage(format_text("want one model, got {} and {}",
                                                  in_quotes(settings.arguments[0]),
                                                  in_quotes(settings.arguments[1]))));
  }
  if (!settings.arguments.empty()) {
    if (options.is_on_command_line("model")) {
      return to_int(options.wrong_usage("want one model, got both MODEL and --model"));
    }
    if (settings.arguments.front().empty()) {
      return to_int(options.wrong_usage("want a model, got \"\""));
    }
    settings.model.model = settings.arguments.front();
  }

  if (const auto exit = settings.model.bind("bench")) {
    return to_int(*exit);
  }
  if (const auto exit = settings.model.resolve("bench")) {
    return to_int(*exit);
  }
  const auto report = measure_all(settings);
  if (!report) {
    print_error("bench", report.error().message, model_next_step(report.error()));
    return to_int(Exit::no_result);
  }
  print_text("{}", settings.json ? to_json(*report) : to_text(*report));
  if (!settings.json_file.empty()) {
    const std::string text = to_json(*report);
    if (const Result<> written = write_file(settings.json_file, std::as_bytes(std::span(text)));
        !written) {
      print_error("bench", written.error().message);
      return to_int(Exit::no_result);
    }
  }
  return to_int(report->meets_target() ? Exit::good : Exit::bad);
}

int bench_compare(std::span<char* const> arguments) {
  std::vector<std::string> files;
  bool json = false;
  Options options(
      "bench compare",
      "Compare two results that `gantry bench --json=FILE` wrote: is B faster than A?\n\n"
      "The exit code is 1 if B is slower than A beyond the spread of both.",
      std::string(compare_examples));
  options.positionals("A.json B.json", files, "before and after");
  options.flag("json", json, "one JSON document on stdout instead of text");
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  if (files.size() != 2) {
    return to_int(options.wrong_usage(format_text("want two files, got {}", files.size())));
  }
  const auto a = read_report(files[0]);
  const auto b = read_report(files[1]);
  if (!a || !b) {
    print_error("bench compare", (a ? b.error() : a.error()).message,
                "`gantry bench MODEL --json=FILE` writes such files.");
    return to_int(Exit::no_result);
  }
  for (const std::string& difference : differences(*a, *b)) {
    print_warning("bench compare", difference);
  }
  print_text("{}", json ? comparison_json(*a, *b) : comparison_text(*a, *b));
  return to_int(measure::compare(a->invoke_ms, b->invoke_ms).change == measure::Change::slower
                    ? Exit::bad
                    : Exit::good);
}

}  // namespace gantry::cli
