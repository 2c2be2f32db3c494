#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::npu {

/// A Mesa release series: what the rules depend on.
struct MesaVersion {
  std::int32_t major = 0;
  std::int32_t minor = 0;
  friend constexpr auto operator<=>(const MesaVersion&, const MesaVersion&) = default;
  [[nodiscard]] std::string text() const;  ///< "26.1"; "unknown"
};

/// The version of a library that does not say it: the rules of every version apply.
inline constexpr MesaVersion unknown_mesa{};

inline constexpr MesaVersion mesa_25_3{25, 3};  ///< the first with the rocket driver
inline constexpr MesaVersion mesa_26_1{26, 1};
inline constexpr MesaVersion mesa_26_2{26, 2};  ///< the last that was examined
/// The version that is assumed if none is named and none is found: Debian 14's.
inline constexpr MesaVersion default_mesa = mesa_26_1;

/// "26.1" or "26.1.6-1". Empty for anything else.
[[nodiscard]] std::optional<MesaVersion> parse_mesa_version(std::string_view text);

/// A libteflon.so and the version it carries.
struct InstalledMesa {
  std::filesystem::path library;
  std::string release;  ///< "26.1.6-1"
  MesaVersion version;
};
/// Reads Mesa's version from the delegate's bytes, where it is a separate string. Empty if there is
/// none. Source: Debian's libteflon.so of 26.1.6 and 26.2.6.
[[nodiscard]] std::optional<std::string> mesa_release_in(std::string_view library);
/// The Mesa version of the delegate `library`; unknown_mesa if the file cannot be read or does not
/// say its version.
[[nodiscard]] MesaVersion mesa_version_of(const std::filesystem::path& library);
/// The Mesa release of the libteflon.so `library`. Empty if the file cannot be read or does not say
/// its version. system::find_teflon() finds such a file.
[[nodiscard]] std::optional<InstalledMesa> mesa_in(const std::filesystem::path& library);

}  // namespace gantry::npu
