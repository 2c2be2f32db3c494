#include "control.h"

#include <nlohmann/json.hpp>

#include "gantry/base/text.h"

namespace gantry::emulator {
namespace {

const char* mode_name(Mode mode) {
  switch (mode) {
    case Mode::exact:
      return "exact";
    case Mode::quirks:
      return "quirks";
    case Mode::timing:
      return "timing";
  }
  return "";
}

}  // namespace

std::string Control::status() const {
  const auto now = device_.status();
  const nlohmann::json json = {
      {"mode", mode_name(settings_.mode())},
      {"faults", settings_.fault_names()},
      {"clock_hz", settings_.clock_hz()},
      {"time_scale", settings_.time_scale()},
      {"files", now.files},
      {"buffers", now.buffers},
      {"submits", now.submits},
      {"jobs", now.jobs},
      {"tasks", now.tasks},
      {"macs", now.macs},
      {"dropped", now.dropped},
      {"lost", now.lost},
      {"timeouts", now.timeouts},
      {"failed", now.failed},
      {"busy_seconds", now.busy_seconds},
      {"last_failure", now.last_failure},
  };
  return json.dump();
}

std::string Control::answer(std::string_view line) {
  if (line == "status") {
    return "ok " + status();
  }
  if (line == "vanish") {
    device_.vanish();
    return answer("fault absent");
  }
  constexpr std::string_view temperature = "temperature ";
  if (line.starts_with(temperature)) {
    const auto celsius = parse_double(line.substr(temperature.size()));
    if (!celsius || *celsius < -50 || *celsius > 200) {
      return "error want a temperature in degrees Celsius";
    }
    root_.set_temperature(*celsius);
    return "ok";
  }
  if (const auto done = settings_.apply(line); !done) {
    return "error " + done.error().message;
  }
  root_.set_clock(settings_.clock_hz());
  root_.show_node(!settings_.is_set(FaultKind::absent), !settings_.is_set(FaultKind::eacces));
  return "ok";
}

}  // namespace gantry::emulator
