#include "message.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "gantry/base/format.h"

namespace gantry::worker {
namespace {

constexpr std::uint32_t magic = 0x4b525747;  // "GWRK"

enum class Kind : std::uint32_t { hello = 1, failure, ready, answer, memory, invoke };

class Writer {
 public:
  explicit Writer(Kind kind) {
    number(magic);
    number(std::to_underlying(kind));
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  void number(T value) {
    const auto* const first = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof value);
  }
  void text(std::string_view text, std::size_t most) {
    text = text.substr(0, most);
    number(static_cast<std::uint32_t>(text.size()));
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void shape(const Shape& shape) {
    number(static_cast<std::uint32_t>(shape.size()));
    for (const std::int32_t extent : shape) {
      number(extent);
    }
  }
  void error(const Error& error) {
    number(std::to_underlying(error.code));
    text(error.message, most_text_bytes);
  }
  void tensors(const std::vector<TensorInfo>& tensors) {
    number(static_cast<std::uint32_t>(tensors.size()));
    for (const TensorInfo& tensor : tensors) {
      text(tensor.spec.name, most_text_bytes);
      number(std::to_underlying(tensor.spec.dtype));
      shape(tensor.spec.shape);
      number(static_cast<std::uint8_t>(tensor.spec.quantization.has_value()));
      if (tensor.spec.quantization) {
        number(tensor.spec.quantization->scale);
        number(tensor.spec.quantization->zero_point);
      }
      number(tensor.capacity);
    }
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Reads until something is wrong; what comes after that is zero and empty, and finish() says it.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <class T>
    requires std::is_arithmetic_v<T>
  T number() {
    T value{};
    if (left_.size() < sizeof value) {
      wrong("it is cut short");
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof value);
    left_ = left_.subspan(sizeof value);
    return value;
  }
  bool flag() {
    const auto value = number<std::uint8_t>();
    if (value > 1) {
      wrong("a flag is neither 0 nor 1");
    }
    return value == 1;
  }
  /// A count of things that take at least `least_bytes` each.
  std::size_t count(std::size_t most, std::size_t least_bytes, std::string_view what) {
    const auto value = number<std::uint32_t>();
    if (value > most || value > left_.size() / least_bytes) {
      wrong(format_text("{} {}, more than it may or does hold", value, what));
      return 0;
    }
    return value;
  }
  std::string text(std::size_t most) {
    const std::size_t size = count(most, 1, "bytes of text");
    std::string text(size, '\0');
    std::ranges::copy(left_.first(size), std::as_writable_bytes(std::span(text)).begin());
    left_ = left_.subspan(size);
    return text;
  }
  Shape shape() {
    Shape shape(count(most_dimensions, sizeof(std::int32_t), "dimensions"));
    for (std::int32_t& extent : shape) {
      extent = number<std::int32_t>();
      if (extent < -1) {
        wrong("an extent is negative");
      }
    }
    return shape;
  }
  Error error() {
    const auto code = code_from(number<std::uint8_t>());
    if (!code) {
      wrong("its error code is unknown");
    }
    return {.code = code.value_or(Code::internal), .message = text(most_text_bytes)};
  }
  std::vector<TensorInfo> tensors() {
    constexpr std::size_t least_bytes = 18;
    std::vector<TensorInfo> tensors(count(most_tensors, least_bytes, "tensors"));
    for (TensorInfo& tensor : tensors) {
      tensor.spec.name = text(most_text_bytes);
      const auto dtype = number<std::uint8_t>();
      if (dtype > std::to_underlying(DType::other)) {
        wrong("its dtype is unknown");
      } else {
        tensor.spec.dtype = DType{dtype};
      }
      tensor.spec.shape = shape();
      if (flag()) {
        tensor.spec.quantization = {.scale = number<float>(), .zero_point = number<std::int32_t>()};
      }
      tensor.capacity = number<std::uint64_t>();
    }
    return tensors;
  }
  void wrong(std::string why) {
    if (why_.empty()) {
      why_ = std::move(why);
    }
    left_ = {};
  }
  template <class Message>
  Result<Message> finish(Message message) {
    if (why_.empty() && !left_.empty()) {
      wrong(format_text("{} bytes are left over", left_.size()));
    }
    if (!why_.empty()) {
      return fail(Code::invalid_argument, why_);
    }
    return message;
  }
  Kind kind() {
    if (number<std::uint32_t>() != magic) {
      wrong("it does not begin as a message does");
    }
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): callers compare it
    return Kind{number<std::uint32_t>()};
  }

 private:
  std::span<const std::byte> left_;
  std::string why_;
};

std::vector<std::byte> encode_one(const Hello& hello) {
  Writer out(Kind::hello);
  out.number(hello.protocol);
  out.tensors(hello.inputs);
  out.tensors(hello.outputs);
  out.text(hello.details, most_details_bytes);
  return out.take();
}
std::vector<std::byte> encode_one(const Failure& failure) {
  Writer out(Kind::failure);
  out.error(failure.error);
  return out.take();
}
std::vector<std::byte> encode_one(const Ready& /*ready*/) { return Writer(Kind::ready).take(); }
std::vector<std::byte> encode_one(const Answer& answer) {
  Writer out(Kind::answer);
  out.number(answer.sequence);
  out.number(static_cast<std::uint8_t>(answer.error.has_value()));
  if (answer.error) {
    out.error(*answer.error);
    out.number(static_cast<std::uint8_t>(answer.is_broken));
    return out.take();
  }
  out.number(static_cast<std::uint32_t>(answer.outputs.size()));
  for (const OutputState& output : answer.outputs) {
    out.shape(output.shape);
    out.number(output.bytes);
  }
  return out.take();
}
std::vector<std::byte> encode_one(const Memory& memory) {
  Writer out(Kind::memory);
  out.number(memory.bytes);
  out.number(static_cast<std::uint32_t>(memory.offsets.size()));
  for (const std::uint64_t offset : memory.offsets) {
    out.number(offset);
  }
  return out.take();
}
std::vector<std::byte> encode_one(const Invoke& invoke) {
  Writer out(Kind::invoke);
  out.number(invoke.sequence);
  return out.take();
}

Hello read_hello(Reader& in) {
  Hello hello;
  hello.protocol = in.number<std::uint32_t>();
  if (hello.protocol != protocol_version) {
    // The rest may mean anything.
    in.wrong(format_text("it speaks version {} of the protocol, not {}", hello.protocol,
                         protocol_version));
    return hello;
  }
  hello.inputs = in.tensors();
  hello.outputs = in.tensors();
  hello.details = in.text(most_details_bytes);
  return hello;
}

Answer read_answer(Reader& in) {
  Answer answer;
  answer.sequence = in.number<std::uint64_t>();
  if (in.flag()) {
    answer.error = in.error();
    answer.is_broken = in.flag();
    return answer;
  }
  constexpr std::size_t least_bytes = 12;
  answer.outputs.resize(in.count(most_tensors, least_bytes, "outputs"));
  for (OutputState& output : answer.outputs) {
    output.shape = in.shape();
    output.bytes = in.number<std::uint64_t>();
  }
  return answer;
}

}  // namespace

std::vector<std::byte> encode(const FromChild& message) {
  return std::visit([](const auto& one) { return encode_one(one); }, message);
}
std::vector<std::byte> encode(const FromParent& message) {
  return std::visit([](const auto& one) { return encode_one(one); }, message);
}

Result<FromChild> parse_from_child(std::span<const std::byte> bytes) {
  Reader in(bytes);
  FromChild message;
  switch (in.kind()) {
    case Kind::hello:
      message = read_hello(in);
      break;
    case Kind::failure:
      message = Failure{in.error()};
      break;
    case Kind::ready:
      message = Ready{};
      break;
    case Kind::answer:
      message = read_answer(in);
      break;
    case Kind::memory:
    case Kind::invoke:
    default:
      in.wrong("a child does not say such things");
  }
  return in.finish(std::move(message));
}

Result<FromParent> parse_from_parent(std::span<const std::byte> bytes) {
  Reader in(bytes);
  FromParent message;
  switch (in.kind()) {
    case Kind::memory: {
      Memory memory{.bytes = in.number<std::uint64_t>(), .offsets = {}};
      memory.offsets.resize(in.count(2 * most_tensors, sizeof(std::uint64_t), "offsets"));
      for (std::uint64_t& offset : memory.offsets) {
        offset = in.number<std::uint64_t>();
      }
      message = std::move(memory);
      break;
    }
    case Kind::invoke:
      message = Invoke{.sequence = in.number<std::uint64_t>()};
      break;
    case Kind::hello:
    case Kind::failure:
    case Kind::ready:
    case Kind::answer:
    default:
      in.wrong("a parent does not say such things");
  }
  return in.finish(std::move(message));
}

}  // namespace gantry::worker
