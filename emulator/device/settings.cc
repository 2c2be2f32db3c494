#include "gantry/emulator_device/settings.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::emulator {
namespace {

constexpr std::array<std::pair<FaultKind, std::string_view>, 9> names = {{
    {FaultKind::absent, "absent"},
    {FaultKind::eacces, "eacces"},
    {FaultKind::vanish, "vanish"},
    {FaultKind::lose_job, "lose-job"},
    {FaultKind::wrong_channel, "wrong-channel"},
    {FaultKind::slow, "slow"},
    {FaultKind::hang, "hang"},
    {FaultKind::submit_error, "submit-error"},
    {FaultKind::create_error, "create-error"},
}};

constexpr std::array<std::pair<std::string_view, int>, 8> errors = {{
    {"EINVAL", EINVAL},
    {"ENOMEM", ENOMEM},
    {"EFAULT", EFAULT},
    {"EIO", EIO},
    {"ENODEV", ENODEV},
    {"EACCES", EACCES},
    {"EBUSY", EBUSY},
    {"EINTR", EINTR},
}};

std::unexpected<Error> unknown(std::string_view what, std::string_view found) {
  return fail(Code::invalid_argument, format_text("{}: {}", what, in_quotes(found)));
}

/// Cuts `text` at the first `mark`; what is behind it is empty if there is none.
std::pair<std::string_view, std::string_view> cut(std::string_view text, char mark) {
  const auto at = text.find(mark);
  return at == std::string_view::npos ? std::pair{text, std::string_view{}}
                                      : std::pair{text.substr(0, at), text.substr(at + 1)};
}

std::optional<FaultKind> kind_of(std::string_view name) {
  const auto* found = std::ranges::find(names, name, &decltype(names)::value_type::second);
  return found == names.end() ? std::nullopt : std::optional(found->first);
}

std::optional<std::int64_t> default_value(FaultKind kind) {
  switch (kind) {
    case FaultKind::submit_error:
      return EINVAL;
    case FaultKind::create_error:
      return ENOMEM;
    case FaultKind::slow:
      return std::nullopt;  // must be said
    default:
      return 0;
  }
}

Result<std::int64_t> parse_value(FaultKind kind, std::string_view text) {
  if (kind == FaultKind::submit_error || kind == FaultKind::create_error) {
    const auto* found = std::ranges::find(errors, text, &decltype(errors)::value_type::first);
    if (found == errors.end()) {
      return unknown("unknown error", text);
    }
    return found->second;
  }
  const auto value = parse_int(text);
  const bool has_value = kind == FaultKind::slow || kind == FaultKind::wrong_channel;
  if (!value || *value < 0 || *value > 3'600'000 || !has_value) {
    return unknown("a fault's value", text);
  }
  return *value;
}

Result<> parse_option(std::string_view text, Fault& fault) {
  const auto [name, number] = cut(text, '=');
  const auto value = parse_int(number);
  const bool is_every = name == "every";
  if (!value || *value < (is_every ? 1 : 0)) {
    return unknown("a fault's option", text);
  }
  const auto count = static_cast<std::uint64_t>(*value);
  if (name == "after") {
    fault.after = count;
  } else if (is_every) {
    fault.every = count;
  } else if (name == "count") {
    fault.count = count;
  } else {
    return unknown("a fault's option", text);
  }
  return {};
}

std::optional<Mode> mode_of(std::string_view name) {
  if (name == "exact") {
    return Mode::exact;
  }
  if (name == "quirks") {
    return Mode::quirks;
  }
  if (name == "timing") {
    return Mode::timing;
  }
  return std::nullopt;
}

}  // namespace

std::string_view fault_name(FaultKind kind) {
  return std::ranges::find(names, kind, &decltype(names)::value_type::first)->second;
}

Result<Fault> Fault::parse(std::string_view text) {
  auto [what, options] = cut(text, ':');
  const auto [name, value] = cut(what, '=');
  const auto kind = kind_of(name);
  if (!kind) {
    return unknown("unknown fault", name);
  }
  Fault fault{.kind = *kind};
  if (what.size() != name.size()) {
    const auto parsed = parse_value(*kind, value);
    if (!parsed) {
      return std::unexpected(parsed.error());
    }
    fault.value = *parsed;
  } else if (const auto usual = default_value(*kind)) {
    fault.value = *usual;
  } else {
    return unknown("this fault needs a value (slow=MILLISECONDS)", text);
  }
  while (!options.empty()) {
    const auto [option, rest] = cut(options, ',');
    if (const auto parsed = parse_option(option, fault); !parsed) {
      return std::unexpected(parsed.error());
    }
    options = rest;
  }
  return fault;
}

Result<> Settings::apply(std::string_view command) {
  const auto [verb, rest] = cut(command, ' ');
  if (verb == "mode") {
    const auto mode = mode_of(rest);
    if (!mode) {
      return unknown("unknown mode", rest);
    }
    mode_ = *mode;
  } else if (verb == "fault") {
    const auto fault = Fault::parse(rest);
    if (!fault) {
      return std::unexpected(fault.error());
    }
    const std::scoped_lock lock(mutex_);
    std::erase_if(faults_, [&](const Armed& armed) { return armed.fault.kind == fault->kind; });
    faults_.push_back({.fault = *fault});
  } else if (verb == "clear") {
    const auto kind = kind_of(rest);
    if (!rest.empty() && !kind) {
      return unknown("unknown fault", rest);
    }
    const std::scoped_lock lock(mutex_);
    std::erase_if(faults_, [&](const Armed& armed) { return !kind || armed.fault.kind == *kind; });
  } else if (verb == "clock-mhz" || verb == "time-scale") {
    const auto value = parse_double(rest);
    if (!value || *value < 0.001 || *value > 100'000) {
      return unknown("a number from 0.001 to 100000", rest);
    }
    if (verb == "clock-mhz") {
      clock_hz_ = *value * 1e6;
    } else {
      time_scale_ = *value;
    }
  } else {
    return unknown("unknown command", verb);
  }
  return {};
}

std::optional<std::int64_t> Settings::strikes(FaultKind kind) {
  const std::scoped_lock lock(mutex_);
  for (auto& armed : faults_) {
    if (armed.fault.kind != kind || armed.is_over()) {
      continue;
    }
    const std::uint64_t occasion = armed.occasions++;
    if (occasion < armed.fault.after ||
        (occasion - armed.fault.after + 1) % armed.fault.every != 0) {
      continue;
    }
    ++armed.strikes;
    return armed.fault.value;
  }
  return std::nullopt;
}

bool Settings::is_set(FaultKind kind) const {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(faults_, [&](const Armed& armed) {
    return armed.fault.kind == kind && !armed.is_over() && armed.occasions >= armed.fault.after;
  });
}

std::vector<std::string> Settings::fault_names() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> set;
  for (const auto& armed : faults_) {
    if (!armed.is_over()) {
      set.emplace_back(fault_name(armed.fault.kind));
    }
  }
  return set;
}

}  // namespace gantry::emulator
