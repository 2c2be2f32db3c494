#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.h"
#include "gantry/api/response_json.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/cli/options.h"
#include "gantry/cli/terminal.h"
#include "gantry/image/decode.h"
#include "gantry/image/encode.h"
#include "gantry/inference/loaded_model.h"
#include "run/annotate.h"
#include "run/npy.h"
#include "run/output_path.h"
#include "settings/model_options.h"
#include "settings/npu_options.h"

namespace gantry::cli {
namespace {

constexpr std::string_view run_examples =
    R"(  gantry run cat.jpg                                # by the built-in model
  gantry run mobilenet_v1_1.0_224_quant.tflite cat.jpg
  gantry run --model mobilenet.tflite --labels imagenet.txt --top-k 3 photos/*.jpg
  gantry run detector.tflite street.jpg --threshold 0.4 --annotate street-boxes.png
  gantry run detector.tflite photos/*.jpg --annotate boxes/ --json > results.json
  curl -s https://example.org/cat.jpg | gantry run mobilenet.tflite -
  gantry run mobilenet.tflite cat.jpg --save-input cat.npy   # what the model really sees)";

struct RunOptions {
  ModelOptions model;
  NpuOptions npu;
  std::vector<std::string> arguments;
  std::int64_t top_k = 0;
  double threshold = -1;
  int threads = 1;
  bool json = false;
  std::filesystem::path annotate;
  std::filesystem::path save_input;
  std::filesystem::path save_output;

  void add_to(Options& options) {
    options.positionals(
        "[MODEL] IMAGE...", arguments,
        "the model, a file or the name of a pulled one [the built-in one, or --model], and "
        "picture files; - is stdin");
    options.group("Model");
    model.add_model_to(options, "the model, a .tflite file; then all arguments are pictures");
    model.add_to(options);
    options.integer("threads", threads, 1, 256, "threads of the inference [1]");
    options.group("NPU");
    npu.add_without_slots_to(options);
    options.group("Answer");
    options.integer("top-k", top_k, 1, inference::max_top_k,
                    "at most so many classes or boxes [5 classes, 100 boxes]");
    options.number("threshold", threshold, 0, 1,
                   "least probability [0 for classes, 0.5 for boxes]");
    options.flag("json", json, "one JSON document on stdout instead of text");
    options.group("Files");
    options.path("annotate", "OUT.png", annotate,
                 "draw boxes and labels into a copy; for several pictures OUT-1.png, OUT-2.png … "
                 "or into a folder");
    options.path("save-input", "FILE.npy", save_input,
                 "write the exact input tensor for numpy.load; several as above");
    options.path("save-output", "DIR", save_output,
                 "write the output tensors of a model that is neither classifier nor detector as "
                 ".npy files");
  }
};

Result<std::vector<std::byte>> read_image(const std::string& name) {
  if (name != "-") {
    return read_file(name, image::max_file_bytes);
  }
  std::vector<std::byte> bytes;
  std::array<char, 65536> piece{};
  while (std::cin.read(piece.data(), piece.size()), std::cin.gcount() > 0) {
    const auto* const data = reinterpret_cast<const std::byte*>(piece.data());
    bytes.insert(bytes.end(), data, data + std::cin.gcount());
    if (bytes.size() > image::max_file_bytes) {
      return fail(Code::out_of_range,
                  format_text("stdin: more than {}", human_bytes(image::max_file_bytes)));
    }
  }
  if (bytes.empty()) {
    return fail(Code::invalid_argument, "stdin: want a picture, got nothing");
  }
  return bytes;
}

/// "12.3 ms", with as many digits as help.
std::string ms(Clock::duration time) {
  const double value = to_ms(time);
  return value < 10 ? format_text("{:.2f} ms", value) : format_text("{:.1f} ms", value);
}

std::string label_of(const inference::Prediction& found) {
  return found.label.empty() ? format_text("class {}", found.class_id) : printable(found.label);
}

/// What a person sees for one picture.
std::string description(const std::string& name, const inference::Response& response) {
  const Terminal terminal = Terminal::of(STDOUT_FILENO);
  using enum Table::Align;
  std::string out =
      format_text("{}  {}\n", styled(terminal, Style::bold, printable(name)),
                  styled(terminal, Style::dim,
                         format_text("{}×{}", response.image_width, response.image_height)));
  const bool boxes = !response.predictions.empty() && response.predictions.front().box.has_value();
  Table table(boxes ? std::vector{right, left, left, right, right, right, right, right}
                    : std::vector{right, left, left, right});
  if (boxes) {
    table.row({"", "", "", "class", "x min", "y min", "x max", "y max"});
  } else if (!response.predictions.empty()) {
    table.row({"", "", "", "class"});
  }
  bool is_first = true;
  for (const inference::Prediction& found : response.predictions) {
    if (!std::exchange(is_first, false) && found.probability <= 0) {
      break;  // best first: what follows is nothing but the order of the classes
    }
    std::vector<std::string> cells = {percent(found.probability),
                                      styled(terminal, Style::green, bar(found.probability, 20)),
                                      label_of(found), format_text("{}", found.class_id)};
    if (found.box) {
      for (const double edge :
           {found.box->x_min, found.box->y_min, found.box->x_max, found.box->y_max}) {
        cells.push_back(format_text("{:.0f}", edge));
      }
    }
    table.row(std::move(cells));
  }
  out += table.text();
  for (const inference::RawOutput& output : response.raw_outputs) {
    out += format_text("  output {}: {}\n", in_quotes(output.spec.name), output.spec.description());
  }
  if (response.predictions.empty() && response.raw_outputs.empty()) {
    out += "  nothing found at this threshold\n";
  }
  const auto& t = response.timings;
  out += "  " +
         styled(terminal, Style::dim,
                format_text("on the {}: invoke {}, decode {}, resize {}, post-processing {}",
                            response.device == dispatch::Device::npu ? "NPU" : "CPU", ms(t.invoke),
                            ms(t.decode), ms(t.resize), ms(t.postprocess))) +
         "\n";
  return out;
}

Result<> save_annotated(const std::filesystem::path& path, std::span<const std::byte> bytes,
                        const image::DecodeOptions& decode, const inference::Response& response) {
  auto picture = image::decode(bytes, decode);
  if (!picture) {
    return std::unexpected(std::move(picture).error());
  }
  annotate(*picture, response);
  const auto png = image::encode_png(*picture);
  if (!png) {
    return std::unexpected(png.error());
  }
  return write_file(path, *png);
}

Result<> save_tensor(const std::filesystem::path& path, const TensorSpec& spec,
                     std::span<const std::byte> bytes) {
  const auto file = npy_file(spec.dtype, spec.shape, bytes);
  return file ? write_file(path, *file) : std::unexpected(file.error());
}

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class Run {
 public:
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() = default;
  Run(const RunOptions& options, std::vector<std::string> images, inference::LoadedModel& model)
      : options_(options), images_(std::move(images)), model_(model) {
    if (options_.top_k > 0) {
      request_.top_k = options_.top_k;
    }
    if (options_.threshold >= 0) {
      request_.threshold = options_.threshold;
    }
  }

  Exit all() {
    Exit exit = Exit::good;
    std::string results;  // of JSON
    Progress progress("pictures");
    for (std::size_t i = 0; i < images_.size(); ++i) {
      if (images_.size() > 1) {
        progress.show(static_cast<double>(i) / static_cast<double>(images_.size()), images_[i]);
      }
      auto response = one(i);
      if (!response) {
        exit = Exit::bad;
        progress.clear();
        const std::string name = images_[i] == "-" ? "stdin" : images_[i];
        const std::string& text = response.error().message;
        print_error("run",
                    text.starts_with(name) ? text : format_text("{}: {}", printable(name), text));
        results += format_text("{}\n{{\"file\":{},\"success\":false,\"error\":{},\"code\":{}}}",
                               i == 0 ? "" : ",", json_string(images_[i]), json_string(text),
                               json_string(code_name(response.error().code)));
      } else if (options_.json) {
        // The service's own text with one member more in front.
        results += format_text("{}\n{{\"file\":{},{}", i == 0 ? "" : ",", json_string(images_[i]),
                               api::response_json(*response).substr(1));
      } else {
        progress.clear();
        print_text("{}{}", i == 0 ? "" : "\n", description(images_[i], *response));
      }
    }
    progress.clear();
    if (options_.json) {
      print_text("{{\"model\":{},\"sha256\":\"{}\",\"cpu_backend\":{},\"results\":[{}\n]}}\n",
                 json_string(model_.name()), model_.sha256(),
                 json_string(backend::cpu_backend_name(model_.cpu_report())), results);
    }
    return exit;
  }

 private:
  Result<inference::Response> one(std::size_t index) {
    const std::string& name = images_[index];
    auto bytes = read_image(name);
    if (!bytes) {
      return std::unexpected(std::move(bytes).error());
    }
    inference::Request request;
    request.image = *std::move(bytes);
    request.options = request_;
    auto response = model_.infer(request);
    if (!response) {
      return response;
    }
    if (const Result<> saved = save(index, request.image, *response); !saved) {
      return std::unexpected(saved.error());
    }
    return response;
  }

  Result<> save(std::size_t index, std::span<const std::byte> bytes,
                const inference::Response& response) {
    const auto path = [&](const std::filesystem::path& wanted, std::string_view extension) {
      return output_path(wanted, images_[index], index, images_.size(), extension);
    };
    if (!options_.annotate.empty()) {
      if (Result<> saved = save_annotated(path(options_.annotate, ".png"), bytes,
                                          model_.config().decode, response);
          !saved) {
        return saved;
      }
    }
    if (!options_.save_input.empty()) {
      const auto tensor = model_.input_tensor(bytes);
      if (!tensor) {
        return std::unexpected(tensor.error());
      }
      if (Result<> saved =
              save_tensor(path(options_.save_input, ".npy"), model_.info().inputs.front(), *tensor);
          !saved) {
        return saved;
      }
    }
    if (!options_.save_output.empty()) {
      for (std::size_t i = 0; i < response.raw_outputs.size(); ++i) {
        const auto& output = response.raw_outputs[i];
        const auto file = path(options_.save_output / "", format_text(".output-{}.npy", i));
        if (Result<> saved = save_tensor(file, output.spec, output.bytes); !saved) {
          return saved;
        }
      }
    }
    return {};
  }

  const RunOptions& options_;
  std::vector<std::string> images_;
  inference::LoadedModel& model_;
  inference::Options request_;
};

/// Folders that outputs go to exist before the work begins, or it does not begin.
Result<> make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? fail(Code::invalid_argument, format_text("{}: {}", path.string(), error.message()))
               : Result<>{};
}

}  // namespace

int run(std::span<char* const> arguments) {
  RunOptions settings;
  Options options("run",
                  "Say what is in pictures: labels with probabilities, or boxes.\n\n"
                  "A picture that cannot be read does not stop the others; the exit code is then "
                  "1, and 3 if the\n"
                  "model cannot be loaded.",
                  std::string(run_examples));
  settings.add_to(options);
  if (const auto exit = options.parse(arguments)) {
    return to_int(*exit);
  }
  std::vector<std::string> images = std::move(settings.arguments);
  // A model named on the command line by --model wins; one from the environment or the config file,
  // and the built-in one, give way to a first argument that is a model.
  const bool first_is_model = !images.empty() && !options.is_on_command_line("model") &&
                              looks_like_model(images.front(), settings.model.models_dir);
  if (first_is_model) {
    settings.model.model = images.front();
    images.erase(images.begin());
  }
  if (images.empty()) {
    return to_int(options.wrong_usage(
        "which picture? Want at least one picture file (behind the model), or - for stdin"));
  }
  if (const auto exit = settings.model.bind("run")) {
    return to_int(*exit);
  }
  if (const auto exit = settings.model.resolve("run")) {
    return to_int(*exit);
  }
  for (const std::filesystem::path& wanted : {settings.annotate, settings.save_input}) {
    const std::filesystem::path folder = wanted.has_filename() ? wanted.parent_path() : wanted;
    if (!folder.empty()) {
      if (const Result<> made = make_folder(folder); !made) {
        print_error("run", made.error().message, "Name a folder that can be written to.");
        return to_int(Exit::no_result);
      }
    }
  }
  if (!settings.save_output.empty()) {
    if (const Result<> made = make_folder(settings.save_output); !made) {
      print_error("run", made.error().message, "Name a folder that can be written to.");
      return to_int(Exit::no_result);
    }
  }

  auto config = settings.model.config();
  config.slots = 1;
  config.threads_per_slot = settings.threads;
  config.warm_up = false;
  config.device = settings.npu.wanted();
  config.npu_slots = 1;  // pictures come one after the other
  config.npu = backend::make_npu_factory(settings.npu.settings);
  auto model = inference::LoadedModel::load(std::move(config));
  if (!model) {
    print_error("run", model.error().message, model_next_step(model.error()));
    return to_int(Exit::no_result);
  }
  if (const Result<> takes_pictures = (*model)->validate({}); !takes_pictures) {
    print_error(
        "run", takes_pictures.error().message,
        format_text("`gantry bench {}` measures any model.", settings.model.model.string()));
    return to_int(Exit::no_result);
  }
  return to_int(Run(settings, std::move(images), **model).all());
}

}  // namespace gantry::cli
