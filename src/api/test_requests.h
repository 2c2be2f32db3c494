#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/http/message.h"

namespace gantry::api {

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A POST /infer with this body; no Content-Type if it is empty.
inline http::Request infer_request(std::string_view content_type, std::string_view body) {
  http::Request request;
  request.method = "POST";
  request.target = request.path = "/infer";
  request.id = "test";
  request.peer = "127.0.0.1:1";
  request.started = Clock::now();
  if (!content_type.empty()) {
    request.headers.emplace_back("content-type", content_type);
  }
  request.body = bytes_of(body);
  return request;
}

}  // namespace gantry::api
