#include "multipart.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::api {
namespace {

constexpr std::size_t max_parts = 32;
constexpr std::size_t max_part_header_bytes = std::size_t{8} << 10U;
constexpr std::size_t max_boundary = 70;  // RFC 2046, section 5.1.1

constexpr std::string_view line_end = "\r\n";

std::unexpected<Error> malformed(std::string message) {
  return fail(Code::invalid_argument, "multipart body: " + std::move(message));
}

/// memmem and not string_view::find: linear whatever the body is made of.
std::size_t find(std::string_view text, std::string_view what, std::size_t from) {
  if (from >= text.size()) {  // nothing to find there, and an empty view's data() may be null
    return std::string_view::npos;
  }
  const void* const found =
      memmem(text.data() + from, text.size() - from, what.data(), what.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

/// A line with the boundary.
struct Delimiter {
  std::size_t
      begin;        ///< of the line end before it, which belongs to it; 0 at the start of the body
  std::size_t end;  ///< behind its own line end
  bool is_last;     ///< "--boundary--"
};

/// Finds boundary lines one after another.
class Delimiters {
 public:
  Delimiters(std::string_view body, std::string_view boundary)
      : body_(body), mark_(format_text("\r\n--{}", boundary)) {}

  /// The first one at or behind `from`, where a line begins or its line end stands.
  [[nodiscard]] std::optional<Delimiter> next(std::size_t from) {
    const std::string_view bare = std::string_view(mark_).substr(line_end.size());
    if (from == 0 && body_.starts_with(bare)) {
      if (const auto found = read(0, bare.size())) {
        return found;
      }
    }
    for (std::size_t at = find(body_, mark_, from); at != std::string_view::npos;
         at = find(body_, mark_, at + mark_.size())) {
      if (const auto found = read(at, at + mark_.size())) {
        return found;
      }
    }
    return std::nullopt;
  }

  /// A boundary line ended in LF alone: worth a better message.
  [[nodiscard]] bool saw_bare_line_feed() const { return saw_bare_line_feed_; }

 private:
  /// Empty if what follows the mark makes it no delimiter, as where one boundary is the beginning
  /// of another.
  std::optional<Delimiter> read(std::size_t begin, std::size_t behind_mark) {
    std::string_view rest = body_.substr(behind_mark);
    if (rest.starts_with("--")) {
      return Delimiter{.begin = begin, .end = behind_mark + 2, .is_last = true};
    }
    const std::size_t padding = std::min(rest.find_first_not_of(" \t"), rest.size());
    rest.remove_prefix(padding);
    if (rest.starts_with(line_end)) {
      return Delimiter{
          .begin = begin, .end = behind_mark + padding + line_end.size(), .is_last = false};
    }
    saw_bare_line_feed_ = saw_bare_line_feed_ || rest.starts_with('\n');
    return std::nullopt;
  }

  std::string_view body_;
  std::string mark_;
  bool saw_bare_line_feed_ = false;
};

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

/// Reads the header lines of part `number`.
Result<FormPart> read_part_header(std::string_view header, std::size_t number) {
  FormPart part;
  bool has_disposition = false;
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(line_end), header.size());
    const std::string_view line = header.substr(0, end);
    header.remove_prefix(std::min(end + line_end.size(), header.size()));
    if (std::ranges::any_of(line, is_control)) {
      return malformed(format_text("part {}: a control character in {}", number, in_quotes(line)));
    }
    const std::size_t colon = line.find_first_of(": \t");
    if (colon == std::string_view::npos || colon == 0 || line[colon] != ':') {
      return malformed(
          format_text("part {}: want \"Name: value\", found {}", number, in_quotes(line)));
    }
    const std::string name = lower_case(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "content-transfer-encoding") {
      part.transfer_encoding = lower_case(value);
    }
    if (name != "content-disposition") {
      continue;
    }
    const auto disposition = parse_header_value(value);
    if (!disposition) {
      return malformed(
          format_text("part {}: Content-Disposition {}", number, disposition.error().message));
    }
    const auto field = disposition->parameter("name");
    if (has_disposition || disposition->value != "form-data" || !field) {
      return malformed(
          format_text("part {}: want one \"Content-Disposition: form-data; name=…\", found {}",
                      number, in_quotes(line)));
    }
    has_disposition = true;
    part.name = *field;
  }
  if (!has_disposition) {
    return malformed(format_text("part {} has no Content-Disposition", number));
  }
  return part;
}

}  // namespace

Result<std::string> form_boundary(const HeaderValue& content_type) {
  const auto boundary = content_type.parameter("boundary");
  if (!boundary) {
    return fail(Code::invalid_argument,
                "Content-Type multipart/form-data has no boundary parameter; let your HTTP client "
                "set this header");
  }
  const bool fits = !boundary->empty() && boundary->size() <= max_boundary;
  if (!fits || boundary->back() == ' ' ||
      boundary->find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "'()+_,-./:=? ") != std::string_view::npos) {
    return fail(Code::invalid_argument,
                format_text("multipart boundary: want 1 to {} characters of RFC 2046, found {}",
                            max_boundary, in_quotes(*boundary)));
  }
  return std::string(*boundary);
}

Result<std::vector<FormPart>> parse_multipart(std::span<const std::byte> body,
                                              std::string_view boundary) {
  const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
  Delimiters delimiters(text, boundary);
  auto delimiter = delimiters.next(0);
  if (!delimiter) {
    return malformed(delimiters.saw_bare_line_feed()
                         ? "lines must end in CRLF, found a bare LF"
                         : format_text("the boundary {} is nowhere in it", in_quotes(boundary)));
  }
  std::vector<FormPart> parts;
  while (!delimiter->is_last) {
    const std::size_t number = parts.size() + 1;
    if (parts.size() == max_parts) {
      return malformed(format_text("more than {} parts", max_parts));
    }
    // The empty line that ends the header, sought from the line end of the boundary on: a header
    // may be empty.
    const std::size_t header_begin = delimiter->end;
    const std::size_t window = max_part_header_bytes + 2 * line_end.size();
    const std::size_t header_end =
        text.substr(header_begin - line_end.size(), window).find("\r\n\r\n");
    if (header_end == std::string_view::npos) {
      return malformed(format_text(
          "part {}: no empty line within {} bytes ends its header; is the body cut short?", number,
          max_part_header_bytes));
    }
    const std::size_t header_size = header_end == 0 ? 0 : header_end - line_end.size();
    auto part = read_part_header(text.substr(header_begin, header_size), number);
    if (!part) {
      return std::unexpected(std::move(part.error()));
    }
    const std::size_t content_begin = header_begin + header_end + line_end.size();
    // An empty part may share its line end with the boundary.
    delimiter = delimiters.next(content_begin - line_end.size());
    if (!delimiter) {
      return malformed(
          format_text("part {} ({}) does not end in the boundary: the body is cut short", number,
                      in_quotes(part->name)));
    }
    const std::size_t content_end = std::max(delimiter->begin, content_begin);
    part->content = body.subspan(content_begin, content_end - content_begin);
    parts.push_back(*std::move(part));
  }
  return parts;
}

}  // namespace gantry::api
