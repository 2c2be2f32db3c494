#include "infer_json.h"

#include <cstdint>
#include <format>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base64.h"
#include "gantry/base/text.h"
#include "header_value.h"

namespace gantry::api {
namespace {

using nlohmann::json;

enum class Member : std::uint8_t { other, image, model, version, top_k, threshold };

Member member_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Member>, 5> members{
      {{"image", Member::image},
       {"model", Member::model},
       {"version", Member::version},
       {"top_k", Member::top_k},
       {"threshold", Member::threshold}}};
  for (const auto& [known, member] : members) {
    if (name == known) {
      return member;
    }
  }
  return Member::other;
}

/// nlohmann's events, of which only the members of the outermost object matter. Each returns false
/// to stop.
class Reader final : public json::json_sax_t {
 public:
  explicit Reader(InferInput& input) : input_(input) {}

  [[nodiscard]] std::optional<std::string>& image() { return image_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool null() override {
    return is_ignored() || member_ != Member::image ? begin_value("null") : wrong("null");
  }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return integer(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return std::in_range<std::int64_t>(value)
               ? integer(static_cast<std::int64_t>(value))
               : number(static_cast<double>(value), std::to_string(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    return number(value, quoted(text, 40));
  }
  bool string(string_t& value) override;
  bool binary(binary_t& /*value*/) override { return false; }  // BSON and CBOR only
  bool start_object(std::size_t /*elements*/) override { return open("an object"); }
  bool start_array(std::size_t /*elements*/) override { return open("an array"); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (depth_ == 1) {
      member_ = member_named(name);
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& /*error*/) override {
    // The library's own text repeats the last token whole, however long it is.
    const std::string_view token = last_token;
    constexpr std::size_t enough = 20;
    return stop(std::format("not JSON at byte {}, behind {}", position,
                            quoted(token.substr(token.size() - std::min(enough, token.size())))));
  }

 private:
  static constexpr int max_depth = 64;

  bool stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool take(Result<> result) { return result || stop(std::move(result.error().message)); }
  [[nodiscard]] bool is_ignored() const { return depth_ != 1 || member_ == Member::other; }
  bool begin_value(std::string_view found) {
    return depth_ > 0 || stop(std::format("want an object, found {}", found));
  }
  bool open(std::string_view found) {
    if (depth_ == 0 ? found != "an object" : !is_ignored()) {
      return depth_ == 0 ? begin_value(found) : wrong(found);
    }
    return ++depth_ <= max_depth || stop(std::format("nested deeper than {}", max_depth));
  }
  bool close() {
    --depth_;
    return true;
  }
  bool scalar(std::string_view found) { return is_ignored() ? begin_value(found) : wrong(found); }
  bool wrong(std::string_view found);
  bool integer(std::int64_t value);
  bool number(double value, std::string_view text);

  InferInput& input_;
  std::optional<std::string> image_;
  Member member_ = Member::other;
  int depth_ = 0;
  std::string problem_;
};

bool Reader::wrong(std::string_view found) {
  const auto say = [&](std::string_view name, std::string_view wanted) {
    return stop(std::format("{}: want {}, found {}", name, wanted, found));
  };
  switch (member_) {
    case Member::image:
      return say("image", "a string of base64");
    case Member::model:
      return say("model", "a string");
    case Member::version:
      return say("version", "a string or an integer");
    case Member::top_k:
      return say("top_k", "an integer");
    case Member::threshold:
      return say("threshold", "a number");
    case Member::other:
      return true;
  }
  return true;
}

bool Reader::string(string_t& value) {
  const std::string found = quoted(value, 40);
  if (is_ignored()) {
    return begin_value(found);
  }
  switch (member_) {
    case Member::image:
      if (image_) {
        return stop("two members named image: want one");
      }
      image_ = std::move(value);
      return true;
    case Member::model:
      input_.model = value;
      return true;
    case Member::version:
      input_.version = value;
      return true;
    case Member::top_k:
    case Member::threshold:
    case Member::other:
      return wrong(found);
  }
  return true;
}

bool Reader::integer(std::int64_t value) {
  if (!is_ignored()) {
    if (member_ == Member::version) {
      input_.version = std::to_string(value);
      return true;
    }
    if (member_ == Member::top_k) {
      return take(set_top_k(input_, value));
    }
  }
  return number(static_cast<double>(value), std::to_string(value));
}

bool Reader::number(double value, std::string_view text) {
  if (!is_ignored() && member_ == Member::threshold) {
    return take(set_threshold(input_, value));
  }
  return scalar(text);
}

}  // namespace

Result<std::string_view> base64_text(std::string_view text) {
  constexpr std::string_view scheme = "data:";
  if (lower_case(text.substr(0, scheme.size())) != scheme) {
    return text;
  }
  const std::size_t comma = text.find(',');
  const std::string_view head = text.substr(0, comma);
  if (comma == std::string_view::npos || !lower_case(head).ends_with(";base64")) {
    return fail(Code::invalid_argument,
                std::format("want data:…;base64,… found {}", quoted(head, 40)));
  }
  return text.substr(comma + 1);
}

Result<> read_infer_json(std::vector<std::byte> body, InferInput& input) {
  Reader reader(input);
  const char* const begin = reinterpret_cast<const char*>(body.data());
  if (!json::sax_parse(begin, begin + body.size(), &reader)) {
    return fail(Code::invalid_argument, "JSON body: " + reader.problem());
  }
  if (!reader.image()) {
    return fail(Code::invalid_argument,
                "JSON body: no member \"image\"; want the picture there, in base64");
  }
  const auto text = base64_text(*reader.image());
  if (!text) {
    return fail(text.error().code, "JSON body: image: " + text.error().message);
  }
  const auto size = decode_base64(*text, body);
  if (!size) {
    return fail(size.error().code, "JSON body: image: " + size.error().message);
  }
  body.resize(*size);
  input.image = std::move(body);
  return {};
}

}  // namespace gantry::api
