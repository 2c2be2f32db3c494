#pragma once

#include <string>
#include <string_view>

#include "gantry/cli/terminal.h"
#include "gantry/inference/loaded_model.h"

namespace gantry::cli {

/// The text for people once the service is ready: where the model runs, a command to try it, the
/// page, how to stop. `example` is the picture in that command; empty: a sample of the built-in
/// model, if that model is served.
[[nodiscard]] std::string ready_text(const std::string& url, const inference::LoadedModel& model,
                                     double start_ms, Terminal terminal, std::string_view example);

/// `text` as one word of a POSIX shell: unchanged, or in single quotes.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace gantry::cli
