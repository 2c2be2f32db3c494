// The first byte says how the rest is cut into reads; then what a connection does with them,
// without its socket.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "body.h"
#include "header_scan.h"
#include "request_parser.h"
#include "target.h"

namespace {

using namespace gantry::http;

constexpr std::size_t max_header = 4096;
constexpr std::size_t max_body = 65536;

void must(bool fact) {
  if (!fact) {
    std::abort();
  }
}

void read_chunked(RequestParser& parser, std::string_view bytes, std::size_t step,
                  const std::shared_ptr<BodyBudget>& budget) {
  BodyReader body(max_body, budget);
  body.begin_chunked();
  std::string waiting;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    waiting += bytes.substr(at, step);
    const auto fed = parser.feed_chunked(waiting, body);
    must(fed.used <= waiting.size());
    must(body.size() <= max_body);
    if (fed.complete || fed.problem) {
      return;
    }
    waiting.erase(0, fed.used);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::size_t step = std::size_t{data[0]} + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  HeaderScan scan;
  bool complete = false;
  for (std::size_t seen = 0; !complete && !scan.problem() && seen < bytes.size();) {
    seen = std::min(seen + step, bytes.size());
    complete = scan.scan(bytes.substr(0, seen));
  }
  if (complete && scan.size() <= max_header) {
    RequestParser parser(max_header);
    Request request;
    Head head;
    const auto problem = parser.parse_head(bytes.substr(0, scan.size()), request, head);
    must(!problem || problem->status >= 400);
    must(request.id.empty() || is_request_id(request.id));
    if (!problem) {
      must(!request.method.empty() && !request.path.empty() && !request.path.contains('\0'));
      must(!(head.chunked && head.content_length));
      if (head.chunked) {
        const auto budget = std::make_shared<BodyBudget>(max_body);
        read_chunked(parser, bytes.substr(scan.size()), step, budget);
        must(budget->used() == 0);
      }
    }
  }
  const auto target = parse_target("GET", bytes);
  must(!target || !target->path.empty());
  return 0;
}
