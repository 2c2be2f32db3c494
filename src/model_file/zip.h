#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "gantry/base/error.h"

namespace gantry::model_file {

/// Reads one file of the zip archive that is appended to `bytes`: files are packed into a model in
/// this way.
///
/// Reads stored and deflated entries and checks the CRC. Takes the last archive in `bytes`. As with
/// unzip, offsets count from the beginning of the archive, wherever that is.
/// Errors:  not_found if there is no archive or no such file in it; invalid_argument if either is
///          damaged; unimplemented for other compression, encryption and zip64; out_of_range above
///          `max_bytes`.
/// Source:  PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.16.
[[nodiscard]] Result<std::string> read_zipped_file(std::span<const std::byte> bytes,
                                                   std::string_view name, std::size_t max_bytes);

}  // namespace gantry::model_file
