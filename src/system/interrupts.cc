#include "gantry/system/interrupts.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <ranges>
#include <string_view>

#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::system {
namespace {

/// A large server has thousands of interrupts and hundreds of processors.
constexpr std::size_t most_interrupts_bytes = std::size_t{16} << 20U;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (const auto part : line | std::views::split(' ')) {
    if (!std::string_view(part).empty()) {
      words.emplace_back(part);
    }
  }
  return words;
}

/// The columns of the head: "           CPU0       CPU1". Offline processors have none.
std::vector<int> processors_of(std::string_view head) {
  std::vector<int> cpus;
  for (const std::string_view word : words_of(head)) {
    const auto number =
        word.starts_with("CPU") ? parse_int(word.substr(3)) : std::optional<std::int64_t>{};
    if (!number) {
      return {};
    }
    cpus.push_back(static_cast<int>(*number));
  }
  return cpus;
}

/// The line of an NPU core: " 69:  12  0  GICv3 142 Level     fdab9000.iommu, fdab0000.npu".
std::optional<CoreInterrupts> core_of(std::string_view line, const std::vector<int>& cpus) {
  const auto words = words_of(line);
  if (words.size() < cpus.size() + 2 || !words[0].ends_with(':')) {
    return std::nullopt;
  }
  const auto number = parse_int(words[0].substr(0, words[0].size() - 1));
  const auto name = std::ranges::find_if(
      words.begin() + 1 + std::ssize(cpus), words.end(),
      [](std::string_view word) { return word.ends_with(".npu") || word.ends_with(".npu,"); });
  if (!number || name == words.end()) {
    return std::nullopt;
  }
  CoreInterrupts core{.core = std::string(name->substr(0, name->find(','))),
                      .interrupt = static_cast<int>(*number),
                      .per_cpu = {},
                      .cpus = cpus};
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const auto count = parse_int(words[i + 1]);
    if (!count || *count < 0) {
      return std::nullopt;
    }
    core.per_cpu.push_back(static_cast<std::uint64_t>(*count));
  }
  return core;
}

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace

std::uint64_t CoreInterrupts::total() const { return sum(per_cpu); }
std::uint64_t NpuWork::total() const { return sum(tasks); }

std::vector<CoreInterrupts> read_npu_interrupts(const Root& root) {
  std::vector<CoreInterrupts> cores;
  const std::string text = root.read("/proc/interrupts", most_interrupts_bytes).value_or("");
  std::vector<int> cpus;
  for (const auto part : text | std::views::split('\n')) {
    const std::string_view line(part);
    if (cpus.empty()) {
      cpus = processors_of(line);
    } else if (auto core = core_of(line, cpus)) {
      cores.push_back(*std::move(core));
    }
  }
  std::ranges::sort(cores, {}, &CoreInterrupts::core);
  return cores;
}

std::optional<NpuWork> work_between(const std::vector<CoreInterrupts>& before,
                                    const std::vector<CoreInterrupts>& after) {
  if (after.empty() || !std::ranges::equal(before, after, std::ranges::equal_to{},
                                           &CoreInterrupts::core, &CoreInterrupts::core)) {
    return std::nullopt;
  }
  NpuWork work;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const std::uint64_t earlier = before[i].total();
    const std::uint64_t later = after[i].total();
    // The kernel's counters have 32 bits on some processors, and a CPU that goes offline takes its
    // column along.
    work.tasks.push_back(later >= earlier ? later - earlier : later);
  }
  return work;
}

std::string work_text(const NpuWork& work, std::uint64_t inferences) {
  if (work.total() == 0 || inferences == 0) {
    return "no task";
  }
  std::vector<std::string> cores;
  for (std::size_t i = 0; i < work.tasks.size(); ++i) {
    if (work.tasks[i] > 0) {
      cores.push_back(std::to_string(i));
    }
  }
  std::string named = cores.front();
  for (std::size_t i = 1; i < cores.size(); ++i) {
    named += (i + 1 == cores.size() ? " and " : ", ") + cores[i];
  }
  const double each = static_cast<double>(work.total()) / static_cast<double>(inferences);
  return format_text("{:.4g} task{} an inference on core{} {}", each, each == 1 ? "" : "s",
                     cores.size() == 1 ? "" : "s", named);
}

}  // namespace gantry::system
