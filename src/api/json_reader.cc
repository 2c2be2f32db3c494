#include "json_reader.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstring>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::api {
namespace {

constexpr std::size_t max_depth = 64;
/// Longer names are none of ours; they are passed on as empty.
constexpr std::size_t max_name = 256;

/// Bytes that a string can hold as they are and that need no second look.
constexpr auto plain = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x20; c < 0x80; ++c) {
    table[c] = c != '"' && c != '\\';
  }
  return table;
}();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// -1 if it is none.
int hex_value(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

constexpr bool is_high_surrogate(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
constexpr bool is_low_surrogate(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

/// Four hexadecimal digits, known to be such.
std::uint32_t code_unit(const char* digits) {
  std::uint32_t unit = 0;
  for (int i = 0; i < 4; ++i) {
    unit = unit << 4U | static_cast<std::uint32_t>(hex_value(digits[i]));
  }
  return unit;
}

/// Writes UTF-8; returns where it ends.
char* put_utf8(char* out, std::uint32_t point) {
  const auto put = [&out](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0U | point >> 6U);
    put(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    put(0xE0U | point >> 12U);
    put(0x80U | (point >> 6U & 0x3FU));
    put(0x80U | (point & 0x3FU));
  } else {
    put(0xF0U | point >> 18U);
    put(0x80U | (point >> 12U & 0x3FU));
    put(0x80U | (point >> 6U & 0x3FU));
    put(0x80U | (point & 0x3FU));
  }
  return out;
}

/// What an escape of one letter stands for; zero if there is no such escape.
char escaped_letter(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

class Reader {
 public:
  Reader(std::string_view text,
         const std::function<Result<>(std::string_view, const JsonValue&)>& member)
      : text_(text), member_(member) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() = default;

  Result<> read();

 private:
  /// What has to come next.
  enum class Want : std::uint8_t { value, value_or_end, name, name_or_end, comma_or_end };

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }
  [[nodiscard]] bool in_object() const { return objects_[depth_ - 1]; }
  bool take(char c) {
    if (at_end() || text_[at_] != c) {
      return false;
    }
    ++at_;
    return true;
  }
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  [[nodiscard]] std::unexpected<Error> unexpected(std::string_view wanted) const {
    return fail(Code::invalid_argument,
                format_text("not JSON at byte {}: want {}, found {}", at_, wanted,
                            at_end() ? "the end" : in_quotes(text_.substr(at_, 1))));
  }

  Result<Want> step(Want want);
  Result<Want> read_name();
  Result<Want> read_value();
  Result<JsonValue> read_scalar();
  Result<std::string_view> read_string();
  Result<> read_escape();
  Result<std::string_view> read_number();
  Result<> read_digits();

  std::string_view text_;
  const std::function<Result<>(std::string_view, const JsonValue&)>& member_;
  std::size_t at_ = 0;
  std::bitset<max_depth> objects_;  // by depth: an object, else an array
  std::size_t depth_ = 0;
  std::string name_;  // of the outermost object's present member
};

Result<> Reader::read() {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text_.starts_with(byte_order_mark)) {
    at_ = byte_order_mark.size();
  }
  auto want = Want::value;
  do {
    skip_space();
    const auto next = step(want);
    if (!next) {
      return std::unexpected(next.error());
    }
    want = *next;
  } while (depth_ > 0);
  skip_space();
  return at_end() ? Result<>() : unexpected("nothing more");
}

Result<Reader::Want> Reader::step(Want want) {
  switch (want) {
    case Want::value_or_end:
      if (take(']')) {
        --depth_;
        return Want::comma_or_end;
      }
      return read_value();
    case Want::value:
      return read_value();
    case Want::name_or_end:
      if (take('}')) {
        --depth_;
        return Want::comma_or_end;
      }
      return read_name();
    case Want::name:
      return read_name();
    case Want::comma_or_end:
      if (take(in_object() ? '}' : ']')) {
        --depth_;
        return Want::comma_or_end;
      }
      if (take(',')) {
        return in_object() ? Want::name : Want::value;
      }
      return unexpected(in_object() ? "a comma or \"}\"" : "a comma or \"]\"");
  }
  return fail(Code::internal, "a state that JSON does not have");
}

Result<Reader::Want> Reader::read_name() {
  if (peek() != '"') {
    return unexpected("a member's name");
  }
  const auto name = read_string();
  if (!name) {
    return std::unexpected(name.error());
  }
  if (depth_ == 1) {
    name_ = name->size() <= max_name ? unescaped(*name) : std::string();
  }
  skip_space();
  if (!take(':')) {
    return unexpected("a colon");
  }
  return Want::value;
}

Result<Reader::Want> Reader::read_value() {
  const char first = peek();
  if (depth_ == 0 && first != '{') {
    const auto found = first == '['
                           ? Result<JsonValue>({.kind = JsonValue::Kind::array, .text = {}})
                           : read_scalar();
    return found ? fail(Code::invalid_argument,
                        format_text("want an object, found {}", found->description()))
                 : std::unexpected(found.error());
  }
  if (first == '{' || first == '[') {
    const auto kind = first == '{' ? JsonValue::Kind::object : JsonValue::Kind::array;
    if (depth_ == 1) {
      if (auto taken = member_(name_, {.kind = kind, .text = {}}); !taken) {
        return std::unexpected(std::move(taken.error()));
      }
    }
    if (depth_ == max_depth) {
      return fail(Code::invalid_argument,
                  format_text("nested deeper than {} at byte {}", max_depth, at_));
    }
    ++at_;
    objects_[depth_++] = first == '{';
    return first == '{' ? Want::name_or_end : Want::value_or_end;
  }
  const auto value = read_scalar();
  if (!value) {
    return std::unexpected(value.error());
  }
  if (depth_ == 1) {
    if (auto taken = member_(name_, *value); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  return Want::comma_or_end;
}

Result<JsonValue> Reader::read_scalar() {
  using enum JsonValue::Kind;
  if (peek() == '"') {
    return read_string().transform(
        [](std::string_view text) { return JsonValue{.kind = string, .text = text}; });
  }
  if (peek() == '-' || is_digit(peek())) {
    return read_number().transform(
        [](std::string_view text) { return JsonValue{.kind = number, .text = text}; });
  }
  for (const std::string_view word : {"null", "true", "false"}) {
    if (text_.substr(at_).starts_with(word)) {
      at_ += word.size();
      return JsonValue{.kind = word == "null" ? null : boolean, .text = word};
    }
  }
  return unexpected("a value");
}

Result<std::string_view> Reader::read_string() {
  const std::size_t begin = ++at_;
  bool is_ascii = true;
  for (;;) {
    while (!at_end() && plain[static_cast<unsigned char>(text_[at_])]) {
      ++at_;
    }
    if (at_end()) {
      return unexpected("the end of a string");
    }
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte == '"') {
      break;
    }
    if (byte == '\\') {
      ++at_;
      if (auto escape = read_escape(); !escape) {
        return std::unexpected(std::move(escape.error()));
      }
    } else if (byte < 0x20) {
      return unexpected("no control characters in a string");
    } else {
      is_ascii = false;
      ++at_;
    }
  }
  const std::string_view text = text_.substr(begin, at_ - begin);
  if (!is_ascii && !is_utf8(text)) {
    at_ = begin;
    return fail(Code::invalid_argument,
                format_text("not JSON: the string at byte {} is not UTF-8", begin));
  }
  ++at_;
  return text;
}

Result<> Reader::read_escape() {
  if (!take('u')) {
    if (at_end() || escaped_letter(peek()) == '\0') {
      return unexpected("an escape");
    }
    ++at_;
    return {};
  }
  const auto read_unit = [this]() -> Result<std::uint32_t> {
    for (int i = 0; i < 4; ++i) {
      if (at_end() || hex_value(peek()) < 0) {
        return unexpected("four hexadecimal digits");
      }
      ++at_;
    }
    return code_unit(text_.data() + at_ - 4);
  };
  const auto unit = read_unit();
  if (!unit) {
    return std::unexpected(unit.error());
  }
  if (is_low_surrogate(*unit)) {
    return unexpected("no second half of a surrogate pair without its first");
  }
  if (!is_high_surrogate(*unit)) {
    return {};
  }
  if (!take('\\') || !take('u')) {
    return unexpected("the second half of a surrogate pair");
  }
  const auto second = read_unit();
  if (!second) {
    return std::unexpected(second.error());
  }
  return is_low_surrogate(*second) ? Result<>()
                                   : unexpected("the second half of a surrogate pair before here");
}

Result<> Reader::read_digits() {
  if (!is_digit(peek())) {
    return unexpected("a digit");
  }
  while (is_digit(peek())) {
    ++at_;
  }
  return {};
}

Result<std::string_view> Reader::read_number() {
  const std::size_t begin = at_;
  take('-');
  // Nothing follows a zero that leads.
  auto read = take('0') ? Result<>() : read_digits();
  if (read && take('.')) {
    read = read_digits();
  }
  if (read && (take('e') || take('E'))) {
    if (!take('+')) {
      take('-');
    }
    read = read_digits();
  }
  if (!read) {
    return std::unexpected(std::move(read.error()));
  }
  return text_.substr(begin, at_ - begin);
}

}  // namespace

std::string JsonValue::description() const {
  constexpr std::size_t enough = 40;
  switch (kind) {
    case Kind::object:
      return "an object";
    case Kind::array:
      return "an array";
    case Kind::string:
      return text.size() <= enough ? in_quotes(unescaped(text)) : in_quotes(text, enough);
    case Kind::null:
    case Kind::boolean:
    case Kind::number:
      return text.size() <= enough ? std::string(text) : in_quotes(text, enough);
  }
  return {};
}

Result<> read_json_object(
    std::string_view text,
    const std::function<Result<>(std::string_view name, const JsonValue& value)>& member) {
  return Reader(text, member).read();
}

std::size_t unescape(char* raw, std::size_t size) {
  const char* const end = raw + size;
  const auto* from = static_cast<const char*>(std::memchr(raw, '\\', size));
  if (from == nullptr) {
    return size;
  }
  char* out = raw + (from - raw);
  while (from != end) {
    if (*from != '\\') {
      *out++ = *from++;
      continue;
    }
    const char letter = from[1];
    from += 2;
    if (letter != 'u') {
      *out++ = escaped_letter(letter);
      continue;
    }
    std::uint32_t point = code_unit(from);
    from += 4;
    if (is_high_surrogate(point)) {
      point = 0x10000U + ((point - 0xD800U) << 10U) + (code_unit(from + 2) - 0xDC00U);
      from += 6;
    }
    out = put_utf8(out, point);  // never longer than its escape
  }
  return static_cast<std::size_t>(out - raw);
}

std::string unescaped(std::string_view raw) {
  std::string text(raw);
  text.resize(unescape(text.data(), text.size()));
  return text;
}

}  // namespace gantry::api
