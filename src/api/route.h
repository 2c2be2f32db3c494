#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gantry::api {

/// The paths of the API; `other` stands for every other path.
enum class Route : std::uint8_t { root, infer, health, live, ready, metrics, openapi, other };

struct RouteInfo {
  Route route;
  std::string_view path;
  std::string_view allow;  ///< methods, as the Allow header lists them
  std::string_view does;   ///< for `GET /`
};

inline constexpr std::string_view reading = "GET, HEAD, OPTIONS";
inline constexpr std::array<RouteInfo, 7> routes{{
    {Route::root, "/", reading, "this description; a page for browsers"},
    {Route::infer, "/infer", "POST, OPTIONS", "a picture in, classes or boxes out"},
    {Route::health, "/health", reading, "is the service well, and which models it has"},
    {Route::live, "/health/live", reading, "200 while the process lives"},
    {Route::ready, "/health/ready", reading, "200 while requests are taken, else 503"},
    {Route::metrics, "/metrics", reading, "metrics in Prometheus' text format"},
    {Route::openapi, "/openapi.json", reading, "this API as an OpenAPI document"},
}};
inline constexpr std::size_t route_count = routes.size() + 1;

[[nodiscard]] constexpr Route route_of(std::string_view path) noexcept {
  for (const RouteInfo& info : routes) {
    if (info.path == path) {
      return info.route;
    }
  }
  return Route::other;
}
/// The route's path; "other" for other.
[[nodiscard]] constexpr std::string_view route_name(Route route) noexcept {
  return route == Route::other ? "other" : routes[static_cast<std::size_t>(route)].path;
}

}  // namespace gantry::api
