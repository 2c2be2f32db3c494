#include "gantry/worker/serve.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <variant>

#include "gantry/base/format.h"
#include "gantry/sandbox/channel.h"
#include "gantry/sandbox/child.h"
#include "message.h"
#include "shared_memory.h"

namespace gantry::worker {
namespace {

using sandbox::leave;
using sandbox::most_message_bytes;
using sandbox::receive_message;
using sandbox::send_message;

/// Reserved for an output at least: TensorFlow Lite's dynamic tensors have a size, or the right
/// one, only after an invoke.
constexpr std::size_t least_output_bytes = std::size_t{64} << 10U;

[[noreturn]] void report_failure(int socket, Error error) {
  static_cast<void>(send_message(socket, encode(Failure{std::move(error)})));
  leave(1);
}

Result<Hello> introduce(const MadeSlot& made) {
  Hello hello;
  hello.details = made.details;
  if (made.details.size() > most_details_bytes) {
    return fail(Code::internal, format_text("{} bytes of details, {} are allowed",
                                            made.details.size(), most_details_bytes));
  }
  for (const TensorSpec& spec : made.slot->inputs()) {
    const auto size = spec.byte_size();
    if (!size) {
      return fail(Code::failed_precondition,
                  format_text("input \"{}\" has no fixed size: {}", spec.name, spec.description()));
    }
    hello.inputs.push_back({.spec = spec, .capacity = *size});
  }
  for (const TensorSpec& spec : made.slot->outputs()) {
    hello.outputs.push_back(
        {.spec = spec, .capacity = std::max(spec.byte_size().value_or(0), least_output_bytes)});
  }
  return hello;
}

struct Tensors {
  std::vector<std::span<std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
};

Result<Tensors> locate(const Hello& hello, const Memory& memory, std::span<std::byte> bytes) {
  Tensors tensors;
  if (memory.offsets.size() != hello.inputs.size() + hello.outputs.size()) {
    return fail(Code::internal, "the parent gave memory for other tensors");
  }
  for (std::size_t i = 0; i < memory.offsets.size(); ++i) {
    const bool is_input = i < hello.inputs.size();
    const std::uint64_t capacity =
        is_input ? hello.inputs[i].capacity : hello.outputs[i - hello.inputs.size()].capacity;
    if (memory.offsets[i] > bytes.size() || capacity > bytes.size() - memory.offsets[i]) {
      return fail(Code::internal, "the parent gave too little memory");
    }
    (is_input ? tensors.inputs : tensors.outputs)
        .push_back(bytes.subspan(memory.offsets[i], capacity));
  }
  return tensors;
}

Result<Answer> invoke(dispatch::ExecutionSlot& slot, const Tensors& shared) {
  for (std::size_t i = 0; i < shared.inputs.size(); ++i) {
    const auto input = slot.input(i);
    if (input.size() != shared.inputs[i].size()) {
      return fail(Code::internal, format_text("input {} has {} bytes and should have {}", i,
                                              input.size(), shared.inputs[i].size()));
    }
    std::ranges::copy(shared.inputs[i], input.begin());
  }
  if (auto invoked = slot.invoke(); !invoked) {
    return std::unexpected(std::move(invoked.error()));
  }
  Answer answer;
  for (std::size_t i = 0; i < shared.outputs.size(); ++i) {
    const auto output = slot.output(i);
    const TensorSpec& spec = slot.outputs()[i];
    if (output.size() > shared.outputs[i].size()) {
      return fail(Code::resource_exhausted,
                  format_text("output \"{}\" has {} bytes; {} are reserved", spec.name,
                              output.size(), shared.outputs[i].size()));
    }
    std::ranges::copy(output, shared.outputs[i].begin());
    answer.outputs.push_back({.shape = spec.shape, .bytes = output.size()});
  }
  return answer;
}

}  // namespace

void serve(int socket, const MakeSlot& make_slot) {
  sandbox::leave_no_core();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    std::signal(signal, SIG_IGN);
  }
  sandbox::end_with_parent(socket);

  const auto made = sandbox::without_exceptions([&]() -> Result<MadeSlot> { return make_slot(); });
  if (!made) {
    report_failure(socket, made.error());
  }
  dispatch::ExecutionSlot& slot = *made->slot;
  auto hello = introduce(*made);
  if (!hello) {
    report_failure(socket, hello.error());
  }
  const auto greeting = encode(*hello);
  if (greeting.size() > most_message_bytes) {
    report_failure(socket, {.code = Code::out_of_range,
                            .message = "the model's tensors take too long to describe"});
  }
  SharedMemory memory;
  Tensors tensors;
  // What the parent says is as it should be, or there is no sense in going on.
  for (auto sent = send_message(socket, greeting); sent;) {
    auto received = receive_message(socket);
    if (!received) {
      break;
    }
    if (received->bytes.empty()) {
      leave(0);
    }
    const auto message = parse_from_parent(received->bytes);
    if (!message) {
      break;
    }
    if (const auto* const given = std::get_if<Memory>(&*message)) {
      auto opened = SharedMemory::open(std::move(received->fd), given->bytes);
      auto located = opened ? locate(*hello, *given, opened->bytes())
                            : Result<Tensors>(std::unexpected(std::move(opened.error())));
      if (!located) {
        report_failure(socket, located.error());
      }
      memory = *std::move(opened);
      tensors = *std::move(located);
      sent = send_message(socket, encode(Ready{}));
      continue;
    }
    const auto sequence = std::get<Invoke>(*message).sequence;
    auto answer = sandbox::without_exceptions([&] { return invoke(slot, tensors); });
    if (!answer) {
      answer = Answer{.sequence = sequence,
                      .error = std::move(answer.error()),
                      .is_broken = slot.is_broken(),
                      .outputs = {}};
    }
    answer->sequence = sequence;
    sent = send_message(socket, encode(*std::move(answer)));
  }
  leave(1);
}

}  // namespace gantry::worker
