#include "gantry/measure/timing.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <format>
#include <latch>
#include <map>
#include <thread>
#include <utility>

#include "gantry/base/file.h"
#include "gantry/image/decode.h"
#include "gantry/image/resize.h"
#include "gantry/measure/statistics.h"
#include "gantry/tensor/tensor.h"

namespace gantry::measure {
namespace {

void fill_random(std::mt19937_64& random, DType dtype, std::span<std::byte> out) {
  switch (dtype) {
    case DType::uint8:
    case DType::int8:
    case DType::uint16:
    case DType::int16: {
      std::size_t i = 0;
      while (i < out.size()) {
        const std::uint64_t bits = random();
        const std::size_t piece = std::min(sizeof(bits), out.size() - i);
        std::memcpy(out.data() + i, &bits, piece);
        i += piece;
      }
      return;
    }
    case DType::float32: {
      std::uniform_real_distribution<float> value(-1.0F, 1.0F);
      for (std::size_t i = 0; i + sizeof(float) <= out.size(); i += sizeof(float)) {
        const float real = value(random);
        std::memcpy(out.data() + i, &real, sizeof(real));
      }
      return;
    }
    case DType::uint32:
    case DType::int32:
    case DType::uint64:
    case DType::int64:
    case DType::float16:
    case DType::float64:
    case DType::boolean:
    case DType::string:
    case DType::other:
      std::ranges::fill(out, std::byte{0});
      return;
  }
}

template <class Target>
void fill_inputs(Target& target, const std::vector<std::byte>& tensor, std::mt19937_64& random) {
  for (std::size_t i = 0; i < target.inputs().size(); ++i) {
    const std::span<std::byte> input = target.input(i);
    if (i == 0 && !tensor.empty()) {
      std::ranges::copy_n(tensor.begin(),
                          static_cast<std::ptrdiff_t>(std::min(tensor.size(), input.size())),
                          input.begin());
    } else {
      fill_random(random, target.inputs()[i].dtype, input);
    }
  }
}

template <class Target>
Result<std::vector<double>> time_each(Target& target, Input& input, Extent extent,
                                      const OnProgress& on_progress) {
  std::vector<double> samples;
  const Clock::time_point begun = Clock::now();
  const auto share_done = [&] {
    return extent.time > Clock::duration::zero()
               ? to_seconds(Clock::now() - begun) / to_seconds(extent.time)
               : static_cast<double>(samples.size()) / static_cast<double>(extent.runs);
  };
  for (;;) {
    const double done = samples.empty() ? 0 : share_done();
    if (done >= 1) {
      break;
    }
    if (on_progress) {
      on_progress(done);
    }
    input.fill(target);
    const Clock::time_point start = Clock::now();
    const Result<> invoked = target.invoke();
    const Clock::time_point end = Clock::now();
    if (!invoked) {
      return std::unexpected(invoked.error());
    }
    samples.push_back(to_ms(end - start));
  }
  return samples;
}

/// Each of `targets` invoked by a thread of its own, again and again for `time`.
template <class Target>
Result<Throughput> invoke_all(const std::vector<Target*>& targets, std::uint64_t seed,
                              Clock::duration time, const OnProgress& on_progress) {
  struct Slot {
    Target* target;
    std::vector<double> invoke_ms;
    Result<> outcome;
  };
  std::vector<Slot> all;
  for (Target* const target : targets) {
    Input(seed + all.size()).fill(*target);
    if (Result<> warm = target->invoke(); !warm) {
      return std::unexpected(std::move(warm).error());
    }
    all.push_back({.target = target, .invoke_ms = {}, .outcome = {}});
  }
  std::latch ready(static_cast<std::ptrdiff_t>(all.size()) + 1);
  std::atomic<bool> end = false;
  std::vector<std::jthread> workers;
  workers.reserve(all.size());
  for (Slot& slot : all) {
    workers.emplace_back([&slot, &ready, &end] {
      ready.arrive_and_wait();
      while (!end.load(std::memory_order_relaxed) && slot.outcome) {
        const Clock::time_point start = Clock::now();
        slot.outcome = slot.target->invoke();
        slot.invoke_ms.push_back(to_ms(Clock::now() - start));
      }
    });
  }
  ready.arrive_and_wait();
  const Clock::time_point begun = Clock::now();
  while (Clock::now() - begun < time) {
    if (on_progress) {
      on_progress(to_seconds(Clock::now() - begun) / to_seconds(time));
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(std::chrono::milliseconds(50), time));
  }
  end.store(true, std::memory_order_relaxed);
  workers.clear();  // joins: each finishes the invoke it is in
  const double seconds = to_seconds(Clock::now() - begun);

  Throughput result;
  for (Slot& slot : all) {
    if (!slot.outcome) {
      return std::unexpected(slot.outcome.error());
    }
    result.invoke_ms.insert(result.invoke_ms.end(), slot.invoke_ms.begin(), slot.invoke_ms.end());
  }
  result.per_second = static_cast<double>(result.invoke_ms.size()) / seconds;
  return result;
}

}  // namespace

void Input::fill(tflite::Session& session) { fill_inputs(session, tensor_, random_); }
void Input::fill(dispatch::ExecutionSlot& slot) { fill_inputs(slot, tensor_, random_); }

Result<Subject> load_subject(const std::filesystem::path& path, int threads,
                             backend::CpuBackendWanted wanted, const backend::Trial& trial) {
  auto checked = backend::check_model(path, trial);
  if (!checked) {
    return std::unexpected(std::move(checked).error());
  }
  auto loaded = backend::load_on_cpu(*checked, wanted);
  if (!loaded) {
    return std::unexpected(std::move(loaded).error());
  }
  const auto begun = Clock::now();
  auto session = loaded->backend.made_by([threads](const backend::CpuBackend& backend) {
    return backend.session({.threads = threads});
  });
  if (!session) {
    return std::unexpected(backend::about(path, std::move(session).error()));
  }
  return Subject{.file = std::move(checked->file),
                 .info = std::move(checked->info),
                 .backend = std::move(loaded->backend),
                 .session = *std::move(session),
                 .read = checked->read,
                 .create = loaded->create,
                 .allocate = Clock::now() - begun};
}

Result<std::vector<double>> time_invokes(tflite::Session& session, Input& input, Extent extent,
                                         const OnProgress& on_progress) {
  return time_each(session, input, extent, on_progress);
}

Result<std::vector<double>> time_invokes(dispatch::ExecutionSlot& slot, Input& input, Extent extent,
                                         const OnProgress& on_progress) {
  return time_each(slot, input, extent, on_progress);
}

Result<Throughput> time_slots(const backend::CpuBackend& backend, std::int64_t slots, int threads,
                              std::uint64_t seed, Clock::duration time,
                              const OnProgress& on_progress) {
  std::vector<std::unique_ptr<tflite::Session>> sessions;
  std::vector<tflite::Session*> targets;
  for (std::int64_t i = 0; i < slots; ++i) {
    auto session = backend.session({.threads = threads});
    if (!session) {
      return std::unexpected(std::move(session).error());
    }
    targets.push_back(session->get());
    sessions.push_back(*std::move(session));
  }
  return invoke_all(targets, seed, time, on_progress);
}

Result<Throughput> time_slots(std::span<const std::unique_ptr<dispatch::ExecutionSlot>> slots,
                              std::uint64_t seed, Clock::duration time,
                              const OnProgress& on_progress) {
  std::vector<dispatch::ExecutionSlot*> targets;
  for (const auto& slot : slots) {
    targets.push_back(slot.get());
  }
  return invoke_all(targets, seed, time, on_progress);
}

Result<std::vector<OperatorCost>> time_operators(const backend::CpuBackend& backend, int threads,
                                                 Input& input, std::int64_t runs) {
  auto session = backend.session({.threads = threads, .profile = true});
  if (!session) {
    return std::unexpected(std::move(session).error());
  }
  for (std::int64_t i = 0; i <= runs; ++i) {
    input.fill(**session);
    if (Result<> invoked = (*session)->invoke(); !invoked) {
      return std::unexpected(std::move(invoked).error());
    }
    if (i == 0) {
      (*session)->reset_operator_times();  // the first one warms up
    }
  }
  std::vector<OperatorCost> costs;
  for (const tflite::OperatorTime& time : (*session)->operator_times()) {
    costs.push_back({.index = time.index,
                     .name = time.name,
                     .ms = to_ms(time.total) / static_cast<double>(runs)});
  }
  return costs;
}

std::vector<OperatorCost> by_type(std::span<const OperatorCost> operators) {
  std::map<std::string, OperatorCost> sums;
  for (const OperatorCost& cost : operators) {
    OperatorCost& sum = sums[cost.name];
    sum.name = cost.name;
    sum.index += 1;
    sum.ms += cost.ms;
  }
  std::vector<OperatorCost> sorted;
  sorted.reserve(sums.size());
  for (const auto& [name, sum] : sums) {
    sorted.push_back(sum);
  }
  std::ranges::stable_sort(sorted, std::ranges::greater{}, &OperatorCost::ms);
  return sorted;
}

Result<ImageCost> time_image(const std::filesystem::path& path, const model_file::ModelInfo& info,
                             int runs) {
  if (info.task == model_file::Task::raw || info.inputs.empty()) {
    return fail(Code::failed_precondition, "--image: the model takes no picture");
  }
  auto transform = InputTransform::create(info.inputs.front(), info.normalization);
  if (!transform) {
    return std::unexpected(std::move(transform).error());
  }
  const auto bytes = read_file(path, image::max_file_bytes);
  if (!bytes) {
    return std::unexpected(backend::about(path, bytes.error()));
  }
  ImageCost cost;
  image::Resizer resizer;
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(transform->width()) *
                                static_cast<std::size_t>(transform->height()) * 3);
  cost.tensor.resize(info.inputs.front().byte_size().value_or(0));
  std::vector<double> decode;
  std::vector<double> resize;
  for (int i = 0; i < runs; ++i) {
    const Clock::time_point start = Clock::now();
    const auto picture = image::decode(*bytes);
    if (!picture) {
      return std::unexpected(backend::about(path, picture.error()));
    }
    const Clock::time_point decoded = Clock::now();
    Result<> done = resizer.bilinear(*picture, transform->width(), transform->height(), rgb);
    if (done) {
      done = transform->apply(rgb, cost.tensor);
    }
    if (!done) {
      return std::unexpected(backend::about(path, std::move(done).error()));
    }
    decode.push_back(to_ms(decoded - start));
    resize.push_back(to_ms(Clock::now() - decoded));
    cost.width = picture->width;
    cost.height = picture->height;
  }
  cost.decode_ms = summarise(decode).p50;
  cost.resize_ms = summarise(resize).p50;
  return cost;
}

}  // namespace gantry::measure
