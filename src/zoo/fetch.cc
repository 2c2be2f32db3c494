#include "gantry/zoo/fetch.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "files.h"
#include "gantry/base/file.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/base/unique_fd.h"
#include "toml_fields.h"

namespace gantry::zoo {
namespace {

constexpr long max_redirects = 5;
constexpr long least_bytes_per_second = 512;
constexpr std::size_t max_origin_bytes = 16384;
/// A try that brings so much counts as progress, and the count of retries begins anew.
constexpr std::uint64_t worthwhile_bytes = 65536;

/// Where a partial file came from: what makes it safe to go on with.
struct Origin {
  std::string url;
  std::string etag;      ///< strong ones only: a weak one does not promise the same bytes
  std::string modified;  ///< Last-Modified
  std::optional<std::uint64_t> total;

  [[nodiscard]] const std::string& validator() const { return etag.empty() ? modified : etag; }
};

std::filesystem::path origin_path(const std::filesystem::path& part) {
  return part.string() + ".origin";
}

Result<> write_origin(const std::filesystem::path& part, const Origin& origin) {
  toml::table table{{"url", origin.url}};
  if (!origin.etag.empty()) {
    table.insert("etag", origin.etag);
  }
  if (!origin.modified.empty()) {
    table.insert("modified", origin.modified);
  }
  if (origin.total) {
    table.insert("bytes", static_cast<std::int64_t>(*origin.total));
  }
  return write_toml(origin_path(part), table);
}

/// Empty if there is none, or none that can be read: then the download begins anew.
std::optional<Origin> read_origin(const std::filesystem::path& part) {
  const auto text = read_text_file(origin_path(part), max_origin_bytes);
  if (!text) {
    return std::nullopt;
  }
  const auto table = parse_toml(*text, "origin");
  if (!table) {
    return std::nullopt;
  }
  Fields fields(*table, "origin");
  Origin origin{.url = fields.text("url"),
                .etag = fields.text_or("etag", {}),
                .modified = fields.text_or("modified", {}),
                .total = std::nullopt};
  constexpr std::int64_t most = std::int64_t{1} << 50U;
  if (const auto total = fields.integer("bytes", 0, most)) {
    origin.total = static_cast<std::uint64_t>(*total);
  }
  return fields.finish() ? std::optional(std::move(origin)) : std::nullopt;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blank);
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;
};
/// "bytes 100-199/200" or "bytes 100-199/*". Source: RFC 9110, section 14.4.
std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  if (!text.starts_with(unit)) {
    return std::nullopt;
  }
  text.remove_prefix(unit.size());
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = parse_int(text.substr(0, dash));
  const auto total = parse_int(text.substr(slash + 1));
  if (!first || *first < 0 || (!total && text.substr(slash + 1) != "*") || (total && *total < 0)) {
    return std::nullopt;
  }
  ContentRange range{.first = static_cast<std::uint64_t>(*first), .total = std::nullopt};
  if (total) {
    range.total = static_cast<std::uint64_t>(*total);
  }
  return range;
}

struct FreeEasy {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

/// How one try ended.
struct Outcome {
  enum class Next : std::uint8_t {
    done,
    again,      ///< the rest may come with another try
    from_zero,  ///< what is there is of no use
    give_up,
  };
  Next next = Next::done;
  Error error{Code::unavailable, {}};
};

/// One request, with its answer written to the partial file.
class Try {
 public:
  Try(const std::string& url, const std::filesystem::path& part,
      std::optional<std::uint64_t> expected, const FetchSettings& settings)
      : url_(url), part_(part), expected_(expected), settings_(settings) {}
  Try(const Try&) = delete;
  Try& operator=(const Try&) = delete;
  ~Try() = default;

  Outcome run() {
    if (Result<> opened = open_part(); !opened) {
      return hopeless(std::move(opened).error());
    }
    if (origin_.total && have_ == *origin_.total && have_ > 0) {
      return {};  // the last try had ended with the last byte
    }
    prepare();
    const CURLcode code = curl_easy_perform(easy_.get());
    if (outcome_) {
      return *std::move(outcome_);
    }
    if (code == CURLE_OK && !began_) {
      begin();  // an empty body
      if (outcome_) {
        return *std::move(outcome_);
      }
    }
    return code == CURLE_OK ? ended() : broken(code);
  }

  /// Bytes in the partial file now, and those that were there before.
  [[nodiscard]] std::uint64_t have() const { return have_; }
  [[nodiscard]] std::uint64_t resumed_from() const { return resumed_from_; }
  [[nodiscard]] std::uint64_t gained() const { return gained_; }

 private:
  static Outcome hopeless(Error error) { return {Outcome::Next::give_up, std::move(error)}; }
  [[nodiscard]] Outcome problem(Outcome::Next next, Code code, std::string_view what) const {
    return {next, Error{code, format_text("{}: {}", url_, what)}};
  }

  Result<> open_part() {
    constexpr mode_t readable_by_all = 0644;
    file_.reset(
        ::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, readable_by_all));
    struct stat status{};
    if (!file_ || ::fstat(file_.get(), &status) != 0) {
      return std::unexpected(file_error(part_, "opened"));
    }
    have_ = static_cast<std::uint64_t>(status.st_size);
    const auto origin = read_origin(part_);
    const bool is_usable = have_ > 0 && origin && origin->url == url_ &&
                           !origin->validator().empty() &&
                           (!origin->total || have_ <= *origin->total);
    if (!is_usable) {
      return start_from_zero();
    }
    origin_ = *origin;
    resumed_from_ = have_;
    if (::lseek(file_.get(), 0, SEEK_END) < 0) {
      return std::unexpected(file_error(part_, "read"));
    }
    return {};
  }

  Result<> start_from_zero() {
    origin_ = {};
    have_ = 0;
    resumed_from_ = 0;
    if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) < 0) {
      return std::unexpected(file_error(part_, "emptied"));
    }
    return {};
  }

  void prepare() {
    CURL* const easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(easy, CURLOPT_USERAGENT, settings_.user_agent.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR,
                     url_.starts_with("https:") ? "https" : "https,http");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, max_redirects);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(settings_.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, least_bytes_per_second);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(std::max<std::int64_t>(1, settings_.stall_timeout.count())));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason_.data());
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Try::on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Try::on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    if (!settings_.ca_file.empty()) {
      curl_easy_setopt(easy, CURLOPT_CAINFO, settings_.ca_file.c_str());
    }
    if (have_ > 0) {
      range_ = format_text("{}-", have_);
      curl_easy_setopt(easy, CURLOPT_RANGE, range_.c_str());
      headers_to_send_.reset(
          curl_slist_append(nullptr, ("If-Range: " + origin_.validator()).c_str()));
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_to_send_.get());
    }
  }

  static std::size_t on_header(char* data, std::size_t /*one*/, std::size_t size, void* self) {
    static_cast<Try*>(self)->header(std::string_view(data, size));
    return size;
  }
  static std::size_t on_body(char* data, std::size_t /*one*/, std::size_t size, void* self) {
    return static_cast<Try*>(self)->body(std::as_bytes(std::span(data, size)))
               ? size
               : CURL_WRITEFUNC_ERROR;
  }

  void header(std::string_view line) {
    if (line.starts_with("HTTP/")) {
      headers_.clear();  // of a redirect
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      headers_[lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
    }
  }
  [[nodiscard]] std::string received(const std::string& name) const {
    const auto found = headers_.find(name);
    return found == headers_.end() ? std::string() : found->second;
  }
  [[nodiscard]] std::string strong_etag() const {
    std::string etag = received("etag");
    return etag.starts_with('"') ? etag : std::string();
  }

  /// Between the header and the first byte of the answer: is it what was asked for?
  void begin() {
    began_ = true;
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_off_t length = -1;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    using enum Outcome::Next;
    if (status == 206 && have_ > 0) {
      const auto range = parse_content_range(received("content-range"));
      const bool is_other =
          !strong_etag().empty() && !origin_.etag.empty() && strong_etag() != origin_.etag;
      if (!range || range->first != have_ || is_other ||
          (range->total && origin_.total && *range->total != *origin_.total)) {
        outcome_ = problem(from_zero, Code::unavailable,
                           "the server's answer does not go on where the partial file ends");
        return;
      }
      origin_.total = range->total ? range->total : origin_.total;
    } else if (status == 416 && have_ > 0) {
      outcome_ = problem(from_zero, Code::unavailable,
                         "the server says that the partial file is longer than the whole");
      return;
    } else if (status == 200) {
      if (have_ > 0) {
        note(
            "the server starts from the beginning: the file there has changed, or it knows no "
            "ranges");
      }
      if (Result<> emptied = start_from_zero(); !emptied) {
        outcome_ = hopeless(std::move(emptied).error());
        return;
      }
      origin_ = {.url = url_,
                 .etag = strong_etag(),
                 .modified = received("last-modified"),
                 .total = std::nullopt};
      if (length >= 0) {
        origin_.total = static_cast<std::uint64_t>(length);
      }
    } else {
      outcome_ = refused(status);
      return;
    }
    if (lower(received("content-type")).starts_with("text/html")) {
      outcome_ = problem(Outcome::Next::give_up, Code::invalid_argument,
                         "want a file, found a web page (text/html)");
      return;
    }
    if (origin_.total && expected_ && *origin_.total != *expected_) {
      outcome_ = problem(
          Outcome::Next::give_up, Code::invalid_argument,
          format_text("want {} bytes, the server announces {}", *expected_, *origin_.total));
      return;
    }
    if (origin_.total && *origin_.total > limit()) {
      outcome_ = too_large();
      return;
    }
    if (Result<> written = write_origin(part_, origin_); !written) {
      outcome_ = hopeless(std::move(written).error());
    }
  }

  [[nodiscard]] std::uint64_t limit() const { return expected_.value_or(settings_.max_bytes); }
  [[nodiscard]] Outcome too_large() const {
    return expected_ ? problem(Outcome::Next::give_up, Code::invalid_argument,
                               format_text("want {} bytes, the server sends more", *expected_))
                     : problem(Outcome::Next::give_up, Code::out_of_range,
                               format_text("want at most {}, the server sends more",
                                           human_bytes(settings_.max_bytes)));
  }

  bool body(std::span<const std::byte> bytes) {
    if (!began_) {
      begin();
    }
    if (outcome_) {
      return false;
    }
    if (have_ + bytes.size() > limit()) {
      outcome_ = too_large();
      return false;
    }
    if (Result<> written = write_all(file_.get(), bytes, part_); !written) {
      outcome_ = hopeless(std::move(written).error());
      return false;
    }
    have_ += bytes.size();
    gained_ += bytes.size();
    if (settings_.on_progress) {
      settings_.on_progress(have_, origin_.total ? origin_.total : expected_);
    }
    return true;
  }

  [[nodiscard]] Outcome refused(long status) const {
    const std::string what = format_text("the server answers {}", status);
    switch (status) {
      case 404:
      case 410:
        return problem(Outcome::Next::give_up, Code::not_found, what);
      case 408:
      case 425:
      case 429:
      case 500:
      case 502:
      case 503:
      case 504:
        return problem(Outcome::Next::again, Code::unavailable, what);
      default:
        return problem(Outcome::Next::give_up, Code::unavailable, what);
    }
  }

  /// libcurl is content. Is everything there?
  [[nodiscard]] Outcome ended() const {
    const auto whole = expected_ ? expected_ : origin_.total;
    if (whole && have_ < *whole) {
      return problem(Outcome::Next::again, Code::unavailable,
                     format_text("want {} bytes, got {}", *whole, have_));
    }
    return {};
  }

  [[nodiscard]] Outcome broken(CURLcode code) const {
    const std::string why = reason_.front() != '\0' ? printable_reason() : curl_easy_strerror(code);
    using enum Outcome::Next;
    switch (code) {
      case CURLE_PARTIAL_FILE:
      case CURLE_RECV_ERROR:
      case CURLE_SEND_ERROR:
      case CURLE_GOT_NOTHING:
      case CURLE_OPERATION_TIMEDOUT:
      case CURLE_HTTP2:
      case CURLE_HTTP2_STREAM:
        return problem(again, Code::unavailable, why);
      case CURLE_COULDNT_RESOLVE_PROXY:
      case CURLE_COULDNT_RESOLVE_HOST:
      case CURLE_COULDNT_CONNECT:
        return problem(Outcome::Next::give_up, Code::unavailable, "no connection: " + why);
      case CURLE_TOO_MANY_REDIRECTS:
        return problem(Outcome::Next::give_up, Code::unavailable,
                       format_text("want at most {} redirects, found more", max_redirects));
      case CURLE_UNSUPPORTED_PROTOCOL:
        return problem(Outcome::Next::give_up, Code::unavailable,
                       format_text("redirected to what is not followed (want {}): {}",
                                   url_.starts_with("https:") ? "https" : "http or https", why));
      case CURLE_PEER_FAILED_VERIFICATION:
        return problem(Outcome::Next::give_up, Code::failed_precondition,
                       "the server's certificate is not trusted: " + why);
      default:
        return problem(Outcome::Next::give_up, Code::unavailable, why);
    }
  }
  /// Servers have a say in this text.
  [[nodiscard]] std::string printable_reason() const {
    std::string text = reason_.substr(0, reason_.find('\0'));
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
    return text;
  }

  void note(const std::string& text) const {
    if (settings_.on_note) {
      settings_.on_note(text);
    }
  }

  const std::string& url_;
  const std::filesystem::path& part_;
  std::optional<std::uint64_t> expected_;
  const FetchSettings& settings_;

  UniqueFd file_;
  Origin origin_;
  std::uint64_t have_ = 0;
  std::uint64_t resumed_from_ = 0;
  std::uint64_t gained_ = 0;
  bool began_ = false;
  std::optional<Outcome> outcome_;  ///< decided in a callback, which ends the transfer
  std::map<std::string, std::string, std::less<>> headers_;
  std::string range_;
  std::string reason_ = std::string(CURL_ERROR_SIZE, '\0');
  // Last: libcurl may read what is above until it is gone.
  std::unique_ptr<curl_slist, FreeList> headers_to_send_;
  std::unique_ptr<CURL, FreeEasy> easy_{curl_easy_init()};
};

/// Once in the process, before the first handle.
bool prepare_libcurl() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

}  // namespace

Result<Fetched> fetch(const std::string& url, const std::filesystem::path& part,
                      std::optional<std::uint64_t> expected_bytes, const FetchSettings& settings) {
  if (!prepare_libcurl()) {
    return fail(Code::internal, "libcurl does not start");
  }
  std::optional<std::uint64_t> resumed_from;
  int failures = 0;
  auto delay = settings.retry_delay;
  for (bool started_over = false;;) {
    Try attempt(url, part, expected_bytes, settings);
    const Outcome outcome = attempt.run();
    // Bytes of an earlier call count until some try throws them away.
    resumed_from = std::min(resumed_from.value_or(attempt.resumed_from()), attempt.resumed_from());
    switch (outcome.next) {
      case Outcome::Next::done:
        return Fetched{.bytes = attempt.have(), .resumed_from = *resumed_from};
      case Outcome::Next::give_up:
        return std::unexpected(outcome.error);
      case Outcome::Next::from_zero: {
        std::error_code ignored;
        std::filesystem::remove(part, ignored);
        std::filesystem::remove(origin_path(part), ignored);
        if (std::exchange(started_over, true)) {
          return std::unexpected(outcome.error);
        }
        break;
      }
      case Outcome::Next::again:
        if (attempt.gained() >= worthwhile_bytes) {
          failures = 0;
          delay = settings.retry_delay;
        }
        if (failures++ >= settings.retries) {
          return std::unexpected(outcome.error);
        }
        std::this_thread::sleep_for(delay);
        delay *= 2;
        break;
    }
    if (settings.on_note) {
      settings.on_note(outcome.error.message + "; trying again");
    }
  }
}

}  // namespace gantry::zoo
