#include "settings/model_options.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>

#include "gantry/base/format.h"
#include "gantry/cli/parse.h"
#include "gantry/cli/terminal.h"
#include "gantry/zoo/manifest.h"
#include "gantry/zoo/store.h"
#include "settings/builtin_model.h"
#include "settings/models_dir.h"

namespace gantry::cli {

void ModelOptions::add_to(Options& options) {
  add_models_dir_to(options, models_dir);
  options.path(
      "labels", "FILE", labels,
      "names of the classes, one a line [a file beside the model, else what the model carries]");
  options.add(
      "mean", "X[,X,X]",
      "input = (sample - mean) / std, for all channels or R,G,B [as the model says]",
      [this](std::string_view text) -> Result<> {
        return parse_float_list(text).transform([this](auto list) { mean = std::move(list); });
      });
  options.add("std", "X[,X,X]", "the other half of --mean [1 if only --mean is given]",
              [this](std::string_view text) -> Result<> {
                return parse_float_list(text).and_then([this](auto list) -> Result<> {
                  if (std::ranges::any_of(list, [](float value) { return value <= 0; })) {
                    return fail(Code::invalid_argument, "want numbers above 0");
                  }
                  stddev = std::move(list);
                  return {};
                });
              });
  options.flag("no-orientation", no_orientation,
               "take pictures as stored: do not turn them by their EXIF orientation");
  options.flag("dct-scaling", dct_scaling,
               "decode a JPEG much larger than the model's input at 1/2, 1/4 or 1/8 of its size: "
               "faster, with slightly other pixels");
  options.add(
      "max-pixels", "N", "refuse pictures with more pixels, before decoding them [67M]",
      [this](std::string_view text) -> Result<> {
        return parse_count(text).transform([this](std::int64_t count) { max_pixels = count; });
      });
  options.integer("max-side", max_side, 1, 1 << 20,
                  "refuse pictures wider or higher than that [32768]");
  add_trial_to(options);
}

void ModelOptions::add_model_to(Options& options, const std::string& help) {
  options.add("model", "FILE", help, [this](std::string_view text) -> Result<> {
    if (text.empty()) {  // a script's variable that is not set, and no wish for the built-in model
      return fail(Code::invalid_argument, "want a model, got \"\"");
    }
    model = text;
    return {};
  });
}

void ModelOptions::add_trial_to(Options& options) {
  options.add(
      "cpus", "big|all|LIST",
      "CPUs to run on: where there are big cores and little ones the big ones, all, or those "
      "of a list such as 4-7 [big]",
      [this](std::string_view text) -> Result<> {
        if (text == "big" || text == "all") {
          cpus = text == "big" ? Cpus::big : Cpus::all;
          return {};
        }
        return parse_cpu_list(text).transform([this](CpuList list) {
          cpus = Cpus::listed;
          cpu_list = std::move(list);
        });
      });
  options.add("cpu-backend", "auto|xnnpack|tflite",
              "whose kernels compute on the CPU: XNNPACK's where they are there and right, else "
              "TensorFlow Lite's; or one of the two [auto]",
              [this](std::string_view text) -> Result<> {
                using enum backend::CpuBackendWanted;
                for (const auto wanted : {automatic, xnnpack, tflite}) {
                  if (text == backend::cpu_backend_wanted_name(wanted)) {
                    cpu_backend = wanted;
                    return {};
                  }
                }
                return fail(Code::invalid_argument,
                            format_text("want auto, xnnpack or tflite, found \"{}\"", text));
              });
  options.flag("no-trial", no_trial,
               "load the model without running it once in a child process first");
  options.duration("trial-timeout", trial_timeout,
                   "time for that child; then the model is refused [30s]");
}

std::optional<Exit> ModelOptions::bind(std::string_view command) const {
  if (cpus == Cpus::all) {
    return std::nullopt;
  }
  const auto bound = run_on(cpus == Cpus::big ? big_cpus(allowed_cpus()) : cpu_list);
  // What nobody asked for is done where it can be.
  if (!bound && cpus == Cpus::listed) {
    print_error(command, "--cpus: " + bound.error().message,
                "`lscpu --extended` lists the CPUs of this machine.");
    return Exit::no_result;
  }
  return std::nullopt;
}

std::optional<Exit> ModelOptions::resolve(std::string_view command) {
  const std::string word = model.string();
  std::error_code error;
  if (word.empty() || (word == builtin_name && !std::filesystem::exists(model, error))) {
    const auto folder = builtin_folder();
    if (folder.empty()) {
      print_error(command, "the built-in model is not installed beside this program",
                  "Name a model: a .tflite file, or one that `gantry models list` knows.");
      return Exit::no_result;
    }
    name = builtin_name;
    model = builtin_model(folder);
    return std::nullopt;
  }
  if (!zoo::is_model_name(word) || std::filesystem::exists(model, error)) {
    return std::nullopt;
  }
  const auto root = models_dir_or_default(models_dir);
  if (!root) {
    return std::nullopt;  // then it can only be a file
  }
  if (auto installed = zoo::find_installed(word, *root)) {
    name = word;
    model = *std::move(installed);
    return std::nullopt;
  }
  const auto manifest = zoo::Manifest::builtin();
  if (!manifest || manifest->find(word) == nullptr) {
    return std::nullopt;
  }
  print_error(command,
              format_text("{}: no file of that name, and the model is not installed below {}", word,
                          root->string()),
              format_text("gantry models pull {}", word));
  return Exit::no_result;
}

inference::ModelConfig ModelOptions::config() const {
  inference::ModelConfig config;
  config.name = name;
  config.path = model;
  config.labels = labels;
  config.decode = {.limits = {.max_pixels = max_pixels, .max_side = max_side},
                   .apply_orientation = !no_orientation,
                   .dct_scaling = dct_scaling};
  if (!mean.empty() || !stddev.empty()) {
    config.normalization =
        InputTransform::Normalization{.mean = mean.empty() ? std::vector{0.0F} : mean,
                                      .stddev = stddev.empty() ? std::vector{1.0F} : stddev};
  }
  config.cpu_backend = cpu_backend;
  config.trial = trial();
  return config;
}

backend::Trial ModelOptions::trial() const {
  return no_trial ? backend::Trial() : backend::trial_in_child(cpu_backend, trial_timeout);
}

bool looks_like_model(const std::string& word, const std::filesystem::path& models_dir) {
  const std::filesystem::path path(word);
  if (path.extension() == ".tflite") {
    return true;
  }
  std::error_code error;
  if (zoo::is_model_name(word) && !std::filesystem::exists(path, error)) {
    const auto root = models_dir_or_default(models_dir);
    const auto manifest = zoo::Manifest::builtin();
    return word == builtin_name || (manifest && manifest->find(word) != nullptr) ||
           (root && zoo::find_installed(word, *root));
  }
  std::array<char, 8> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), head.size());
  // A flatbuffer's file identifier stands behind the root offset.
  return file.gcount() == 8 && std::string_view(head.data() + 4, 4) == "TFL3";
}

std::string model_next_step(const Error& error) {
  switch (error.code) {
    case Code::not_found:
      return "Check the path of the model and of its labels.";
    case Code::invalid_argument:
      return "Want a whole TensorFlow Lite model that this build can run.";
    case Code::deadline_exceeded:
      return "Give it more time with --trial-timeout, or, if you trust the model, leave the trial "
             "out "
             "with --no-trial.";
    case Code::cancelled:
    case Code::resource_exhausted:
    case Code::failed_precondition:
    case Code::out_of_range:
    case Code::unimplemented:
    case Code::internal:
    case Code::unavailable:
      return {};
  }
  return {};
}

}  // namespace gantry::cli
