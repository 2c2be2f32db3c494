#include "gantry/inference/loaded_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <thread>
#include <utility>

#include "gantry/base/cpu.h"
#include "gantry/base/format.h"
#include "gantry/image/scaled_decode.h"

namespace gantry::inference {
namespace {

using backend::DevicePolicy;
using backend::DeviceWanted;

constexpr std::int32_t default_classes = 5;
constexpr std::int32_t default_boxes = 100;
constexpr double default_box_threshold = 0.5;

/// What a worker thread keeps between requests, so that a request allocates little. One per thread
/// and not one per request: the coefficient tables of its resizer are worth keeping, and a thread
/// works on one request at a time.
struct Scratch {
  image::ScaledDecoder decoder;
  std::vector<std::uint8_t> rgb;
};
Scratch& scratch() {
  thread_local Scratch mine;
  return mine;
}

Result<model_file::Labels> load_labels(const ModelConfig& config,
                                       const model_file::ModelInfo& info) {
  std::filesystem::path path = config.labels;
  if (path.empty()) {
    path = model_file::find_label_file(config.path);
  }
  if (path.empty()) {
    return model_file::Labels(info.labels);
  }
  return model_file::Labels::read(path);
}

/// How many classes the model tells apart; 0 if that can't be known.
std::size_t class_count(const model_file::ModelInfo& info) {
  if (info.task == model_file::Task::detection) {
    return info.detection.class_count;
  }
  if (info.task != model_file::Task::classification) {
    return 0;
  }
  const Shape& shape = info.outputs.front().shape;
  return shape.empty() ? 0 : static_cast<std::size_t>(std::max(shape.back(), 0));
}

void choose_slots(ModelConfig& config) {
  if (config.slots == 0) {
    const std::size_t cores = config.cores != 0 ? config.cores : available_cores();
    config.slots =
        std::max<std::size_t>(1, cores / static_cast<std::size_t>(config.threads_per_slot));
  }
}

/// The values of a float32 output; empty if it is something else.
std::span<const float> floats(const dispatch::ExecutionSlot& slot, std::size_t index) {
  if (index >= slot.outputs().size() || slot.outputs()[index].dtype != DType::float32) {
    return {};
  }
  const auto bytes = slot.output(index);
  // TensorFlow Lite aligns tensors to 64 bytes.
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

class Stopwatch {
 public:
  /// Time since the last lap, or since construction.
  Clock::duration lap() {
    const auto now = Clock::now();
    return now - std::exchange(last_, now);
  }

 private:
  Clock::time_point last_ = Clock::now();
};

}  // namespace

Result<std::shared_ptr<LoadedModel>> LoadedModel::load(ModelConfig config) {
  const auto path = config.path;
  auto model = std::shared_ptr<LoadedModel>(new LoadedModel());
  if (config.name.empty()) {
    config.name = path.stem().string();
  }
  choose_slots(config);
  auto checked = backend::check_model(path, config.trial, config.max_file_bytes);
  if (!checked) {
    return std::unexpected(std::move(checked.error()));
  }
  model->sha256_ = checked->file.sha256();
  model->info_ = checked->info;
  model->config_ = std::move(config);
  if (auto made = model->make_ends(path); !made) {
    return std::unexpected(std::move(made.error()));
  }
  if (auto taken = model->take_npu(checked->file); !taken) {
    return std::unexpected(backend::about(path, std::move(taken.error())));
  }

  // Where only the NPU is wanted nothing else is ever asked.
  if (model->config_.device != DeviceWanted::npu) {
    if (auto made = model->make_cpu_slots(*checked); !made) {
      return std::unexpected(backend::about(path, std::move(made.error())));
    }
  }
  return model;
}

Result<> LoadedModel::make_ends(const std::filesystem::path& path) {
  auto labels = load_labels(config_, info_);
  if (!labels) {
    return std::unexpected(std::move(labels.error()));
  }
  labels_ = std::move(*labels);
  if (const std::size_t classes = class_count(info_); classes != 0) {
    labels_ = std::move(labels_).fitted_to(classes);
  }
  if (info_.task != model_file::Task::raw) {
    const TensorSpec& input = info_.inputs.front();
    // The metadata's mean and stddev speak of the float model: a quantised input's scale and zero
    // point contain them already, and adding half steps on top would change pixels. So does
    // TensorFlow Lite's Task Library.
    auto normalization = config_.normalization;
    if (!normalization && input.dtype == DType::float32) {
      normalization = info_.normalization;
    }
    auto transform = InputTransform::create(input, std::move(normalization));
    if (!transform) {
      return std::unexpected(backend::about(path, std::move(transform.error())));
    }
    transform_ = std::move(*transform);
  }
  return {};
}

LoadedModel::~LoadedModel() = default;

Result<> LoadedModel::take_npu(const model_file::ModelFile& file) {
  backend::NpuSlots npu;
  if (config_.device == DeviceWanted::cpu) {
    npu.report.reason = "the CPU was asked for";
  } else if (!config_.npu) {
    npu.report.reason = "this program was given no NPU";
  } else {
    npu = config_.npu(file, config_.npu_slots);
    if (npu.slots.empty() && npu.report.reason.empty()) {
      npu.report.reason = "no slot could be made";
    }
  }
  npu_report_ = std::move(npu.report);
  if (npu_report_.operators_npu + npu_report_.operators_cpu == 0) {
    npu_report_.operators_cpu = info_.operators.size();  // nobody came so far as to place them
  }
  if (npu.slots.empty() && config_.device == DeviceWanted::npu) {
    return fail(
        Code::failed_precondition,
        format_text("cannot run on the NPU, and is not to run elsewhere: {}", npu_report_.reason));
  }
  policy_ = std::make_unique<backend::DevicePolicy>(config_.device, !npu.slots.empty());
  if (!npu.slots.empty()) {
    npu_slots_ = std::make_unique<dispatch::SlotPool>(
        std::move(npu.slots),
        dispatch::SlotPoolConfig{.observer = [this](const dispatch::SlotEvent& event) {
          if (event.kind == dispatch::SlotEvent::Kind::broken) {
            note_broken(event.reason);
          }
          if (config_.on_slot_event) {
            config_.on_slot_event(event);
          }
          update_policy();
        }});
    npu_pool_ = npu_slots_.get();
    update_policy();
  }
  return {};
}

Result<> LoadedModel::make_cpu_slots(const backend::CheckedModel& model) {
  auto loaded = backend::load_on_cpu(model, config_.cpu_backend);
  if (!loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  auto slots = loaded->backend.made_by([this](const backend::CpuBackend& backend) {
    return backend.slots(config_.slots, {.threads = config_.threads_per_slot}, config_.warm_up);
  });
  if (!slots) {
    return std::unexpected(std::move(slots.error()));
  }
  cpu_report_ = loaded->backend.report();
  cpu_slots_ = std::make_unique<dispatch::SlotPool>(*std::move(slots));
  return {};
}

dispatch::Device LoadedModel::device() const {
  return policy_->target().value_or(dispatch::Device::npu);
}

void LoadedModel::update_policy() {
  const dispatch::SlotPool* const pool = npu_pool_;
  if (pool == nullptr) {
    return;  // a slot broke while the pool was being made
  }
  const auto changed = policy_->update([pool] { return pool->usable(); });
  if (!changed || !config_.on_device_change) {
    return;
  }
  std::string reason;
  if (*changed != DevicePolicy::State::on_npu) {
    const std::scoped_lock lock(failures_mutex_);
    reason = last_failure_;
  }
  config_.on_device_change(
      {.state = *changed, .reason = std::move(reason), .usable = pool->usable()});
}

void LoadedModel::note_failure(const Error& error) {
  const std::scoped_lock lock(failures_mutex_);
  ++failures_[error.code];
  last_failure_ = error.message;
}

void LoadedModel::note_broken(const std::string& reason) {
  if (!reason.empty()) {
    const std::scoped_lock lock(failures_mutex_);
    last_failure_ = reason;
  }
}

NpuStatus LoadedModel::npu_status() const {
  NpuStatus status;
  status.retries = retries_;
  status.moves_away = policy_->moves_away();
  if (npu_slots_ != nullptr) {
    status.slots = npu_slots_->size();
    status.usable = npu_slots_->usable();
    status.busy = npu_slots_->busy();
    status.restarts = npu_slots_->repairs();
  }
  const std::scoped_lock lock(failures_mutex_);
  status.failures = failures_;
  status.last_failure = last_failure_;
  return status;
}

Result<dispatch::SlotPool::Lease> LoadedModel::acquire(Deadline deadline) {
  for (;;) {
    const auto target = policy_->target();
    if (!target) {
      const std::scoped_lock lock(failures_mutex_);
      return fail(Code::unavailable,
                  format_text("the NPU does not work at the moment, and model \"{}\" is not to "
                              "run elsewhere; its last failure: {}",
                              config_.name, last_failure_.empty() ? "unknown" : last_failure_));
    }
    if (*target == dispatch::Device::cpu) {
      return cpu_slots_->acquire(deadline);
    }
    auto lease = npu_slots_->acquire(deadline);
    if (lease || lease.error().code != Code::unavailable) {
      return lease;
    }
    update_policy();  // the last slot broke, and whoever tells the policy was not here yet
  }
}

Result<> LoadedModel::validate(const Options& options) const {
  if (!transform_) {
    std::string found;
    for (const auto& input : info_.inputs) {
      found += (found.empty() ? "" : ", ") + input.description();
    }
    return fail(
        Code::failed_precondition,
        format_text(
            "model \"{}\" takes no picture: want one input [1,height,width,1 or 3], found {}",
            config_.name, found.empty() ? "no input" : found));
  }
  if (options.top_k && (*options.top_k < 1 || *options.top_k > max_top_k)) {
    return fail(Code::invalid_argument,
                format_text("top_k: want 1 to {}, found {}", max_top_k, *options.top_k));
  }
  if (options.threshold &&
      (std::isnan(*options.threshold) || *options.threshold < 0.0 || *options.threshold > 1.0)) {
    return fail(Code::invalid_argument,
                format_text("threshold: want 0 to 1, found {}", *options.threshold));
  }
  return {};
}

Result<> LoadedModel::prepare(std::span<const std::byte> image, const image::DecodeOptions& options,
                              Response& response) const {
  auto& [decoder, rgb] = scratch();
  const auto width = static_cast<std::size_t>(transform_->width());
  const auto height = static_cast<std::size_t>(transform_->height());
  rgb.resize(width * height * 3);
  const auto report =
      decoder.decode(image, options, transform_->width(), transform_->height(), rgb);
  if (!report) {
    return std::unexpected(report.error());
  }
  response.timings.decode = report->decode;
  response.timings.resize = report->resize;
  response.image_width = report->source_width;
  response.image_height = report->source_height;
  return {};
}

Result<std::vector<std::byte>> LoadedModel::input_tensor(std::span<const std::byte> image) const {
  if (auto valid = validate({}); !valid) {
    return std::unexpected(std::move(valid.error()));
  }
  Response unused;
  if (auto prepared = prepare(image, config_.decode, unused); !prepared) {
    return std::unexpected(std::move(prepared.error()));
  }
  const auto size = info_.inputs.front().byte_size();
  std::vector<std::byte> tensor(size.value_or(0));
  if (auto applied = transform_->apply(scratch().rgb, tensor); !applied) {
    return std::unexpected(std::move(applied.error()));
  }
  return tensor;
}

Result<Response> LoadedModel::infer(const Request& request, Clock::duration waited) {
  if (auto valid = validate(request.options); !valid) {
    return std::unexpected(std::move(valid.error()));
  }
  const auto nobody_waits = [&]() -> Result<> {
    if (request.cancelled.stop_requested()) {
      return fail(Code::cancelled, "the client hung up");
    }
    if (request.deadline.has_passed()) {
      return fail(Code::deadline_exceeded, "the request's time ran out before it was computed");
    }
    return {};
  };
  if (auto late = nobody_waits(); !late) {
    return std::unexpected(std::move(late.error()));
  }
  Response response;
  response.model = config_.name;
  response.version = config_.version;
  if (auto prepared = prepare(request.image, config_.decode, response); !prepared) {
    return std::unexpected(std::move(prepared.error()));
  }

  response.timings.queue = waited;
  for (bool is_retry = false;; is_retry = true) {
    Stopwatch watch;
    auto lease = is_retry && cpu_slots_ != nullptr ? cpu_slots_->acquire(request.deadline)
                                                   : acquire(request.deadline);
    if (!lease) {
      return std::unexpected(std::move(lease.error()));
    }
    response.timings.queue += watch.lap();
    if (auto late = nobody_waits(); !late) {
      return std::unexpected(std::move(late.error()));
    }
    bool has_failed = false;
    auto result = compute(**lease, request.options, response, has_failed);
    if (!has_failed || (*lease)->device() == dispatch::Device::cpu) {
      return result;
    }
    note_failure(result.error());
    if (is_retry || !nobody_waits()) {
      return result;
    }
    ++retries_;
    response.timings.queue += watch.lap();
  }  // the slot goes back here, before another is waited for
}

std::optional<Result<Response>> LoadedModel::infer_if_small(const Request& request) {
  constexpr std::size_t small_file = 4096;
  constexpr std::int32_t small_side = 64;
  constexpr std::int64_t small_input = std::int64_t{128} * 128;
  if (request.image.size() > small_file || !validate(request.options) ||
      std::int64_t{transform_->width()} * transform_->height() > small_input) {
    return std::nullopt;
  }
  auto options = config_.decode;
  options.limits.max_side = std::min(options.limits.max_side, small_side);
  // Never the NPU: what lives below it may hang, and the calling thread must not.
  if (policy_->target() != dispatch::Device::cpu) {
    return std::nullopt;
  }
  auto lease = cpu_slots_->try_acquire();
  if (!lease) {
    return std::nullopt;
  }
  Response response;
  response.model = config_.name;
  response.version = config_.version;
  if (!prepare(request.image, options, response)) {
    return std::nullopt;  // infer() says what is wrong with it, if it is not just too large
  }
  bool has_failed = false;
  return compute(**lease, request.options, std::move(response), has_failed);
}

Result<Response> LoadedModel::compute(dispatch::ExecutionSlot& slot, const Options& options,
                                      Response response, bool& has_failed) const {
  Stopwatch watch;
  response.device = slot.device();
  if (auto applied = transform_->apply(scratch().rgb, slot.input(0)); !applied) {
    return std::unexpected(std::move(applied.error()));
  }
  response.timings.resize += watch.lap();
  if (auto invoked = slot.invoke(); !invoked) {
    has_failed = true;
    return std::unexpected(std::move(invoked.error()));
  }
  response.timings.invoke = watch.lap();
  auto processed = postprocess(slot, options, response);
  response.timings.postprocess = watch.lap();
  if (!processed) {
    return std::unexpected(std::move(processed.error()));
  }
  return response;
}

Result<> LoadedModel::postprocess(const dispatch::ExecutionSlot& slot, const Options& options,
                                  Response& response) const {
  const auto top_k = [&](std::int32_t normal) {
    return static_cast<std::int32_t>(options.top_k.value_or(normal));
  };
  const auto prediction = [&](const postprocess::Class& found) {
    return Prediction{.class_id = found.class_id,
                      .label = std::string(labels_.name(static_cast<std::size_t>(found.class_id))),
                      .score = found.score,
                      .probability = found.probability,
                      .box = {}};
  };
  switch (info_.task) {
    case model_file::Task::classification: {
      const TensorSpec& spec = slot.outputs().front();
      response.shape = spec.shape;
      auto classes =
          postprocess::classify(spec, slot.output(0),
                                {.top_k = top_k(default_classes),
                                 .threshold = options.threshold.value_or(0.0),
                                 .softmax = info_.activation == model_file::Activation::softmax});
      if (!classes) {
        return std::unexpected(std::move(classes.error()));
      }
      for (const auto& found : *classes) {
        response.predictions.push_back(prediction(found));
      }
      return {};
    }
    case model_file::Task::detection: {
      const auto& outputs = info_.detection;
      response.shape = slot.outputs().at(outputs.boxes).shape;
      const auto count = floats(slot, outputs.count);
      auto detections =
          postprocess::detect({.boxes = floats(slot, outputs.boxes),
                               .classes = floats(slot, outputs.classes),
                               .scores = floats(slot, outputs.scores),
                               .count = count.empty() ? 0.0F : count.front()},
                              {.top_k = top_k(default_boxes),
                               .threshold = options.threshold.value_or(default_box_threshold)});
      if (!detections) {
        return std::unexpected(std::move(detections.error()));
      }
      const double width = response.image_width;
      const double height = response.image_height;
      for (const auto& found : *detections) {
        Prediction& added = response.predictions.emplace_back(prediction(found.best));
        added.box = Box{.x_min = found.x_min * width,
                        .y_min = found.y_min * height,
                        .x_max = found.x_max * width,
                        .y_max = found.y_max * height};
      }
      return {};
    }
    case model_file::Task::raw_image:
    case model_file::Task::raw:
      for (std::size_t i = 0; i < slot.outputs().size(); ++i) {
        const auto bytes = slot.output(i);
        response.raw_outputs.push_back(
            {.spec = slot.outputs()[i], .bytes = {bytes.begin(), bytes.end()}});
      }
      if (!response.raw_outputs.empty()) {
        response.shape = response.raw_outputs.front().spec.shape;
      }
      return {};
  }
  return fail(Code::internal, "a task that postprocess does not know");
}

}  // namespace gantry::inference
