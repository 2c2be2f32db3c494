// The child of process_slot_test: a slot that adds one to each byte, and does whatever the first
// bytes of its input say. How it starts is its first argument.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/sandbox/channel.h"
#include "gantry/worker/serve.h"
#include "message.h"
#include "testing/test_orders.h"

namespace gantry::worker {
namespace {

using sandbox::most_message_bytes;
using sandbox::send_message;

[[noreturn]] void hang() {
  for (;;) {
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

void say(std::string_view text) {
  static_cast<void>(::send(slot_socket, text.data(), text.size(), MSG_NOSIGNAL));
}

class TestSlot : public dispatch::ExecutionSlot {
 public:
  explicit TestSlot(std::int32_t bytes)
      : inputs_{{.name = "in",
                 .dtype = DType::uint8,
                 .shape = {1, bytes},
                 .quantization = Quantization{.scale = 0.5F, .zero_point = 3}}},
        outputs_{{.name = "out", .dtype = DType::uint8, .shape = {1, bytes}, .quantization = {}},
                 {.name = "grows", .dtype = DType::int16, .shape = {-1}, .quantization = {}}},
        input_(static_cast<std::size_t>(bytes)),
        output_(input_.size()) {}

  [[nodiscard]] dispatch::Device device() const noexcept override { return dispatch::Device::npu; }
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  [[nodiscard]] std::span<std::byte> input(std::size_t /*index*/) override {
    return std::as_writable_bytes(std::span(input_));
  }
  [[nodiscard]] std::span<const std::byte> output(std::size_t index) const override {
    return index == 0 ? std::as_bytes(std::span(output_)) : std::as_bytes(std::span(grows_));
  }
  [[nodiscard]] bool is_broken() const noexcept override { return is_broken_; }

  [[nodiscard]] Result<> invoke() override {
    std::ranges::transform(input_, output_.begin(),
                           [](std::uint8_t value) { return static_cast<std::uint8_t>(value + 1); });
    grows_.assign(1, 7);
    Order order{};
    std::memcpy(&order, input_.data(), sizeof order);
    const auto result = obey(order);
    outputs_[1].shape = {static_cast<std::int32_t>(grows_.size())};
    return result;
  }

 private:
  Result<> obey(const Order& order) {
    switch (order.act) {
      case Act::answer:
        break;
      case Act::slow:
        std::this_thread::sleep_for(std::chrono::milliseconds(order.number));
        break;
      case Act::hang:
        hang();
      case Act::crash:
        print_line(stderr, "first words\nabout to crash");
        std::signal(SIGSEGV, SIG_DFL);  // the sanitizers' own handler is not what is tested
        std::raise(SIGSEGV);
        break;
      case Act::kill_itself:
        std::raise(SIGKILL);
        break;
      case Act::exit:
        _exit(7);
      case Act::garbage:
        say("this is no message");
        hang();
      case Act::too_large:
        say(std::string(most_message_bytes + 1, 'x'));
        hang();
      case Act::close_socket:
        ::shutdown(slot_socket, SHUT_RDWR);
        hang();
      case Act::fail:
        return worker_says("no such luck");
      case Act::fail_broken:
        is_broken_ = true;
        return worker_says("the device is gone");
      case Act::throw_something:
        throw std::runtime_error("thrown");
      case Act::grow:
        grows_.assign(order.number, 9);
        break;
      case Act::flood_words:
        for (std::uint32_t i = 0; i < order.number; ++i) {
          print_line(stderr, "word {}", i);
        }
        break;
      case Act::wrong_sequence:
        static_cast<void>(send_message(
            slot_socket, encode(Answer{.sequence = 12345, .error = {}, .outputs = {}})));
        hang();
      case Act::wrong_shape:
        lie({{.shape = {1, 5}, .bytes = input_.size()}, {.shape = {1}, .bytes = 2}});
      case Act::wrong_size:
        lie({{.shape = {1, 2'000'000'000}, .bytes = 2'000'000'000}, {.shape = {1}, .bytes = 2}});
      case Act::wrong_count:
        lie({});
      case Act::descriptors:
        static_cast<void>(send_message(slot_socket, encode(Ready{}), slot_socket));
        hang();
    }
    return {};
  }
  static Result<> worker_says(std::string what) {
    return gantry::fail(Code::unavailable, std::move(what));
  }
  [[noreturn]] void lie(std::vector<OutputState> outputs) {
    ++sequence_;  // each child is asked for one lie, as its first work
    static_cast<void>(send_message(
        slot_socket,
        encode(Answer{.sequence = sequence_, .error = {}, .outputs = std::move(outputs)})));
    hang();
  }

  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  std::vector<std::uint8_t> input_;
  std::vector<std::uint8_t> output_;
  std::vector<std::int16_t> grows_;
  std::uint64_t sequence_ = 0;
  bool is_broken_ = false;
};

/// A greeting that lies.
[[noreturn]] void greet(std::uint64_t input_capacity, std::uint64_t output_capacity,
                        std::uint32_t protocol = protocol_version) {
  const TensorSpec spec{
      .name = "in", .dtype = DType::uint8, .shape = {1, 4096}, .quantization = {}};
  Hello hello;
  hello.protocol = protocol;
  hello.inputs.push_back({.spec = spec, .capacity = input_capacity});
  hello.outputs.push_back({.spec = spec, .capacity = output_capacity});
  static_cast<void>(send_message(slot_socket, encode(hello)));
  hang();
}

int run(std::string_view how, std::int32_t bytes) {
  if (how == "exit") {
    print_line(stderr, "cannot go on");
    return 9;
  }
  if (how == "silent") {
    hang();
  }
  if (how == "close") {
    ::close(slot_socket);
    hang();
  }
  if (how == "garbage") {
    say("this is no message");
    hang();
  }
  if (how == "wrong_input_size") {
    greet(4095, 4096);
  }
  if (how == "wrong_output_size") {
    greet(4096, 4095);
  }
  if (how == "too_much") {
    greet(4096, std::uint64_t{1} << 63U);
  }
  if (how == "other_protocol") {
    greet(4096, 4096, protocol_version + 1);
  }
  serve(slot_socket, [&]() -> Result<MadeSlot> {
    if (how == "refuse") {
      return fail(Code::failed_precondition, "no slot today");
    }
    if (how == "throw") {
      throw std::runtime_error("thrown");
    }
    if (how == "long_details") {
      return MadeSlot{.slot = std::make_unique<TestSlot>(bytes),
                      .details = std::string(most_details_bytes + 1, 'x')};
    }
    return MadeSlot{.slot = std::make_unique<TestSlot>(bytes), .details = "made for a test"};
  });
}

}  // namespace
}  // namespace gantry::worker

// NOLINTNEXTLINE(bugprone-exception-escape): a crash is what some tests want
int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  const std::string how = argc > 1 ? arguments[1] : "";
  // After a repair: what a file holds, so that a test can change its mind.
  if (how == "file") {
    std::string line;
    std::getline(std::ifstream(arguments.at(2)) >> std::ws, line);
    const auto bytes = gantry::parse_int(line);
    return gantry::worker::run(bytes ? std::string("normal") : line,
                               static_cast<std::int32_t>(bytes.value_or(64)));
  }
  const auto bytes = argc > 2 ? gantry::parse_int(arguments[2]) : std::nullopt;
  return gantry::worker::run(how, static_cast<std::int32_t>(bytes.value_or(4096)));
}
