#include "gantry/worker/process_slot.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "gantry/base/error.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/sandbox/channel.h"
#include "gantry/sandbox/poll_time.h"
#include "gantry/sandbox/process.h"
#include "gantry/worker/serve.h"
#include "message.h"
#include "shared_memory.h"

namespace gantry::worker {
namespace {

using sandbox::end_limit;
using sandbox::poll_time;
using sandbox::receive_message;
using sandbox::send_message;

constexpr std::size_t alignment = 64;

/// What comes of waiting for a child.
enum class Trouble : std::uint8_t {
  closed,    ///< it ended, or closed its socket
  late,      ///< nothing came in time
  nonsense,  ///< what came is none of the messages, or not the one that was due
  stopped,   ///< we were asked to stop waiting
};
struct Failed {
  Trouble trouble;
  std::string what;
};

bool same(const TensorSpec& a, const TensorSpec& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape &&
         a.quantization == b.quantization;
}

/// Readable once a stop is requested.
class StopFd {
 public:
  explicit StopFd(const std::stop_token& stop)
      : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(stop, Signal{fd_.get()}) {}
  [[nodiscard]] int get() const noexcept { return fd_.get(); }

 private:
  struct Signal {
    int fd;
    void operator()() const noexcept { eventfd_write(fd, 1); }
  };
  UniqueFd fd_;
  std::stop_callback<Signal> callback_;
};

}  // namespace

struct ProcessSlot::Impl {
  /// Starts a child and gets it ready. What was there of another one is replaced.
  Result<> start(const std::stop_token& stop);
  Result<Hello> shake_hands(Deadline deadline, int stop_fd);
  /// Plans the memory for what the child said about its tensors.
  [[nodiscard]] Result<Memory> lay_out(const Hello& hello) const;
  std::expected<FromChild, Failed> receive(Deadline deadline, int stop_fd);
  Result<> take_outputs(const Answer& answer);
  Result<> invoke();
  /// Ends the child and says why.
  Error give_up(const Failed& failed);
  /// As callers see it; broken_reason() and repair() say it without the name, since a pool knows
  /// which slot it means.
  [[nodiscard]] Error named(Error error) const {
    return {.code = error.code, .message = format_text("{}: {}", config.name, error.message)};
  }

  ProcessSlotConfig config;
  sandbox::Process process;
  UniqueFd socket;
  SharedMemory memory;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::vector<TensorSpec> first_outputs;  ///< as the child said at first; shapes may change
  std::vector<std::span<std::byte>> input_bytes;
  std::vector<std::span<std::byte>> output_capacity;
  std::vector<std::size_t> output_sizes;
  std::string details;
  std::uint64_t sequence = 0;
  bool is_started = false;            ///< once it was whole
  std::optional<std::string> broken;  ///< why
};

Error ProcessSlot::Impl::give_up(const Failed& failed) {
  std::string how;
  if (failed.trouble == Trouble::closed) {
    // A process closes its files a moment before its end can be seen.
    const bool by_itself = process.wait(Deadline::after(end_limit));
    const bool gone = process.end(Deadline::after(end_limit));
    how = by_itself && gone ? "its process " + sandbox::how_it_ended(*process.status())
                            : "its process closed its connection; it was ended";
  } else {
    const bool gone = process.end(Deadline::after(end_limit));
    how = format_text("its process {}; it {}", failed.what,
                      gone ? "was ended" : "cannot be ended, its device may hold it");
  }
  process.read_words();
  if (const std::string words = sandbox::last_line(process.words()); !words.empty()) {
    how += format_text("; last words: {}", in_quotes(words, 200));
  }
  socket.reset();
  broken = how;
  return {.code = failed.trouble == Trouble::stopped ? Code::cancelled : Code::unavailable,
          .message = std::move(how)};
}

std::expected<FromChild, Failed> ProcessSlot::Impl::receive(Deadline deadline, int stop_fd) {
  for (;;) {
    // poll() leaves out what is negative.
    std::array<pollfd, 4> waited{pollfd{.fd = socket.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = process.pidfd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = process.words_fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = stop_fd, .events = POLLIN, .revents = 0}};
    const int ready = poll(waited.data(), waited.size(), poll_time(deadline));
    if (ready < 0 && errno != EINTR) {
      return std::unexpected(Failed{Trouble::nonsense, errno_text(errno)});
    }
    if (ready <= 0) {
      if (deadline.has_passed()) {
        return std::unexpected(Failed{Trouble::late, {}});
      }
      continue;
    }
    if (waited[0].revents != 0) {
      auto received = receive_message(socket.get(), true);
      if (!received && received.error().code == Code::resource_exhausted) {
        continue;  // nothing there after all
      }
      if (!received) {
        // A child that is killed with unread messages resets the connection.
        return std::unexpected(
            received.error().code == Code::unavailable
                ? Failed{Trouble::closed, {}}
                : Failed{Trouble::nonsense, "spoke nonsense: " + received.error().message});
      }
      if (received->bytes.empty()) {
        return std::unexpected(Failed{Trouble::closed, {}});
      }
      auto message = parse_from_child(received->bytes);
      if (!message) {
        return std::unexpected(
            Failed{Trouble::nonsense, "spoke nonsense: " + message.error().message});
      }
      return *std::move(message);
    }
    // What it said before it ended has been read.
    if (waited[1].revents != 0) {
      return std::unexpected(Failed{Trouble::closed, {}});
    }
    if (waited[3].revents != 0) {
      return std::unexpected(Failed{Trouble::stopped, "was not waited for"});
    }
    if (waited[2].revents != 0) {
      process.read_words();
      if (deadline.has_passed()) {  // or who writes without end would never be late
        return std::unexpected(Failed{Trouble::late, {}});
      }
    }
  }
}

Result<Memory> ProcessSlot::Impl::lay_out(const Hello& hello) const {
  Memory plan;
  std::uint64_t total = 0;
  const auto place = [&](const TensorInfo& tensor, std::string_view what) -> Result<> {
    // Outputs may grow into what is reserved beyond their first size.
    const std::optional<std::size_t> known = tensor.spec.byte_size();
    const bool fits =
        what == "input" ? known == tensor.capacity : known.value_or(0) <= tensor.capacity;
    if (!fits) {
      return fail(Code::internal, format_text("its process says that {} {} ({}) takes {} bytes",
                                              what, in_quotes(tensor.spec.name),
                                              tensor.spec.description(), tensor.capacity));
    }
    if (tensor.capacity > config.most_tensor_bytes ||
        total > config.most_tensor_bytes - tensor.capacity) {
      return fail(Code::out_of_range, format_text("its tensors take more than {} together",
                                                  human_bytes(config.most_tensor_bytes)));
    }
    plan.offsets.push_back(total);
    total = (total + tensor.capacity + alignment - 1) / alignment * alignment;
    return {};
  };
  for (const TensorInfo& input : hello.inputs) {
    if (auto placed = place(input, "input"); !placed) {
      return std::unexpected(std::move(placed.error()));
    }
  }
  for (const TensorInfo& output : hello.outputs) {
    if (auto placed = place(output, "output"); !placed) {
      return std::unexpected(std::move(placed.error()));
    }
  }
  plan.bytes = std::max<std::uint64_t>(total, alignment);
  return plan;
}

Result<Hello> ProcessSlot::Impl::shake_hands(Deadline deadline, int stop_fd) {
  const auto late = [&](Failed failed) {
    if (failed.trouble == Trouble::late) {
      failed.what = format_text("was not ready within {} ms", config.start_timeout.count());
    }
    return std::unexpected(give_up(failed));
  };
  auto first = receive(deadline, stop_fd);
  if (!first) {
    return late(std::move(first.error()));
  }
  if (auto* const failure = std::get_if<Failure>(&*first)) {
    process.end(Deadline::after(end_limit));
    broken = failure->error.message;
    return fail(failure->error.code, failure->error.message);
  }
  auto* const hello = std::get_if<Hello>(&*first);
  if (hello == nullptr) {
    return late({Trouble::nonsense, "spoke nonsense: no greeting"});
  }
  if (is_started && !(std::ranges::equal(hello->inputs, inputs, same, &TensorInfo::spec) &&
                      std::ranges::equal(hello->outputs, first_outputs, same, &TensorInfo::spec))) {
    return fail(Code::failed_precondition, "its new process has other tensors than the first");
  }
  auto plan = lay_out(*hello);
  if (!plan) {
    return std::unexpected(std::move(plan.error()));
  }
  auto shared = SharedMemory::create(plan->bytes);
  if (!shared) {
    return std::unexpected(std::move(shared.error()));
  }
  memory = *std::move(shared);
  if (!send_message(socket.get(), encode(*plan), memory.fd())) {
    return late({Trouble::closed, {}});
  }
  input_bytes.clear();
  output_capacity.clear();
  output_sizes.clear();
  for (std::size_t i = 0; i < plan->offsets.size(); ++i) {
    const bool is_input = i < hello->inputs.size();
    const auto& tensor = is_input ? hello->inputs[i] : hello->outputs[i - hello->inputs.size()];
    const auto bytes = memory.bytes().subspan(plan->offsets[i], tensor.capacity);
    (is_input ? input_bytes : output_capacity).push_back(bytes);
    if (!is_input) {
      output_sizes.push_back(tensor.spec.byte_size().value_or(0));
    }
  }
  auto second = receive(deadline, stop_fd);
  if (!second) {
    return late(std::move(second.error()));
  }
  if (!std::holds_alternative<Ready>(*second)) {
    return late({Trouble::nonsense, "spoke nonsense: not that it is ready"});
  }
  return std::move(*hello);
}

Result<> ProcessSlot::Impl::start(const std::stop_token& stop) {
  // Its memory is shared with the device: no second process beside one that does not end.
  if (!process.end(Deadline::after(end_limit))) {
    return fail(Code::unavailable, "its process cannot be ended, its device may hold it");
  }
  process = sandbox::Process();
  auto channel = sandbox::make_channel();
  if (!channel) {
    return std::unexpected(std::move(channel.error()));
  }
  socket = std::move(channel->first);
  {
    const UniqueFd theirs = std::move(channel->second);
    sandbox::Launch launch{.program = config.program, .arguments = config.arguments};
    static_assert(slot_socket == sandbox::first_descriptor);
    launch.descriptors.push_back(theirs.get());
    for (const SealedBytes& file : config.files) {
      launch.descriptors.push_back(file.fd());
    }
    auto started = sandbox::Process::start(launch);
    if (!started) {
      return fail(started.error().code,
                  format_text("its process cannot be started: {}", started.error().message));
    }
    process = *std::move(started);
  }
  const StopFd stop_fd(stop);
  auto hello = shake_hands(Deadline::after(config.start_timeout), stop_fd.get());
  if (!hello) {
    process.end(Deadline::after(end_limit));
    return std::unexpected(std::move(hello.error()));
  }
  std::vector<TensorSpec> new_inputs;
  std::vector<TensorSpec> new_outputs;
  for (TensorInfo& input : hello->inputs) {
    new_inputs.push_back(std::move(input.spec));
  }
  for (TensorInfo& output : hello->outputs) {
    new_outputs.push_back(std::move(output.spec));
  }
  inputs = std::move(new_inputs);
  outputs = new_outputs;
  first_outputs = std::move(new_outputs);
  details = std::move(hello->details);
  is_started = true;
  broken.reset();
  return {};
}

Result<> ProcessSlot::Impl::take_outputs(const Answer& answer) {
  const auto nonsense = [&](std::string what) {
    return std::unexpected(give_up({Trouble::nonsense, "spoke nonsense: " + std::move(what)}));
  };
  if (answer.outputs.size() != outputs.size()) {
    return nonsense(format_text("{} outputs", answer.outputs.size()));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const OutputState& state = answer.outputs[i];
    const DType dtype = first_outputs[i].dtype;
    const TensorSpec now{.name = {}, .dtype = dtype, .shape = state.shape, .quantization = {}};
    const std::optional<std::size_t> size = now.byte_size();
    if ((dtype_size(dtype) != 0 && size != state.bytes) ||
        state.bytes > output_capacity[i].size()) {
      return nonsense(
          format_text("output {} ({}) takes {} bytes", i, now.description(), state.bytes));
    }
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    outputs[i].shape = answer.outputs[i].shape;
    output_sizes[i] = answer.outputs[i].bytes;
  }
  return {};
}

Result<> ProcessSlot::Impl::invoke() {
  if (broken) {
    return fail(Code::unavailable, *broken);
  }
  const Invoke request{.sequence = ++sequence};
  if (!send_message(socket.get(), encode(request))) {
    return std::unexpected(give_up({Trouble::closed, {}}));
  }
  auto message = receive(Deadline::after(config.hang_limit), -1);
  if (!message) {
    if (message.error().trouble == Trouble::late) {
      message.error().what = format_text("did not answer within {} ms", config.hang_limit.count());
    }
    return std::unexpected(give_up(message.error()));
  }
  auto* const answer = std::get_if<Answer>(&*message);
  if (answer == nullptr || answer->sequence != request.sequence) {
    return std::unexpected(
        give_up({Trouble::nonsense, "spoke nonsense: no answer to what it was asked"}));
  }
  if (answer->error) {
    if (answer->is_broken) {
      process.end(Deadline::after(end_limit));
      broken = answer->error->message;
    }
    return std::unexpected(std::move(*answer->error));
  }
  return take_outputs(*answer);
}

ProcessSlot::ProcessSlot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProcessSlot::~ProcessSlot() = default;

Result<std::unique_ptr<ProcessSlot>> ProcessSlot::start(ProcessSlotConfig config) {
  auto impl = std::make_unique<Impl>();
  impl->config = std::move(config);
  if (auto started = impl->start({}); !started) {
    return std::unexpected(impl->named(std::move(started.error())));
  }
  return std::unique_ptr<ProcessSlot>(new ProcessSlot(std::move(impl)));
}

dispatch::Device ProcessSlot::device() const noexcept { return impl_->config.device; }
const std::vector<TensorSpec>& ProcessSlot::inputs() const { return impl_->inputs; }
const std::vector<TensorSpec>& ProcessSlot::outputs() const { return impl_->outputs; }
std::span<std::byte> ProcessSlot::input(std::size_t index) { return impl_->input_bytes[index]; }
std::span<const std::byte> ProcessSlot::output(std::size_t index) const {
  return impl_->output_capacity[index].first(impl_->output_sizes[index]);
}
const std::string& ProcessSlot::details() const noexcept { return impl_->details; }
int ProcessSlot::process_id() const noexcept {
  return impl_->process.has_ended() ? -1 : impl_->process.pid();
}

Result<> ProcessSlot::invoke() {
  auto done = impl_->invoke();
  return done ? done : std::unexpected(impl_->named(std::move(done.error())));
}

bool ProcessSlot::is_broken() const noexcept {
  if (impl_->broken) {
    return true;
  }
  // Nobody is asked anything now: whatever there is to read, or its end, is none of a whole slot.
  std::array<pollfd, 2> looked{
      pollfd{.fd = impl_->socket.get(), .events = POLLIN, .revents = 0},
      pollfd{.fd = impl_->process.pidfd(), .events = POLLIN, .revents = 0}};
  return poll(looked.data(), looked.size(), 0) > 0;
}

std::string ProcessSlot::broken_reason() const {
  if (impl_->broken) {
    return *impl_->broken;
  }
  return is_broken() ? "its process ended, or spoke unasked, while it had nothing to do" : "";
}

Result<> ProcessSlot::repair(const std::stop_token& stop) {
  impl_->broken = broken_reason();
  return impl_->start(stop);
}

}  // namespace gantry::worker
