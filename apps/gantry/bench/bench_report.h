#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/backend/npu_slots.h"
#include "gantry/base/error.h"
#include "gantry/measure/machine.h"
#include "gantry/measure/statistics.h"
#include "gantry/measure/timing.h"

namespace gantry::cli {

/// The results of one run of `gantry bench`.
struct BenchReport {
  std::string model;  ///< path as given
  std::string task;
  std::string input;  ///< "uint8 [1,224,224,3]", all inputs
  std::string fed;    ///< "random, seed 42" or the picture's name
  std::uint64_t model_bytes = 0;
  std::string tensorflow_lite;
  backend::CpuReport cpu_backend;
  std::string cpu;
  std::size_t cores = 0;
  std::string accel_node;  ///< empty: none
  std::int64_t threads = 1;
  std::int64_t warm_up = 0;
  double read_ms = 0, create_ms = 0, allocate_ms = 0;
  double first_ms = 0;
  std::vector<double> samples_ms;
  measure::Summary invoke_ms;                 ///< of the samples
  double target_ms = measure::plan_limit_ms;  ///< 0: no verdict
  measure::Memory before, after;
  struct ThreadsRow {
    std::int64_t threads = 1;
    measure::Summary invoke_ms;
  };
  std::vector<ThreadsRow> threads_table;
  struct SlotsRow {
    std::int64_t slots = 1;
    double per_second = 0;
    double speed_up = 1;    ///< compared with the first row
    double efficiency = 1;  ///< speed-up per slot
    measure::Summary invoke_ms;
  };
  std::vector<SlotsRow> slots_table;
  /// The same model on the NPU.
  struct Npu {
    backend::NpuReport found;  ///< if there is a found.reason, nothing of the following is measured
    std::vector<double> samples_ms;
    measure::Summary
        invoke_ms;  ///< of the samples: one slot, the way to its process and back included
    double in_process_ms = 0;  ///< median of an invoke inside such a process
    double delegate_ms = 0;    ///< the delegate's part of it: conversions, NPU and waiting
    std::vector<SlotsRow> slots_table;
    [[nodiscard]] bool is_measured() const { return found.reason.empty(); }
  };
  std::optional<Npu> npu;  ///< empty: not looked for
  std::vector<measure::OperatorCost> operators;
  std::optional<measure::ImageCost> image;

  /// The NPU's times if they were measured, else the CPU's: the device that a service would use.
  [[nodiscard]] const measure::Summary& judged() const {
    return npu && npu->is_measured() ? npu->invoke_ms : invoke_ms;
  }
  [[nodiscard]] bool meets_target() const { return target_ms <= 0 || judged().average < target_ms; }
};

/// One JSON document, indented. Members ending in _ms are milliseconds.
[[nodiscard]] std::string to_json(const BenchReport& report);
/// Reads from such a document what `compare` needs: model, threads, times, memory. Errors:
/// invalid_argument.
[[nodiscard]] Result<BenchReport> bench_report_from_json(std::string_view text);

/// The report for a person.
[[nodiscard]] std::string to_text(const BenchReport& report);

/// Two reports side by side, and whether B is faster than A by more than the spread of both.
[[nodiscard]] std::string comparison_text(const BenchReport& a, const BenchReport& b);
[[nodiscard]] std::string comparison_json(const BenchReport& a, const BenchReport& b);
/// What makes two reports hard to compare, one sentence each: another model, machine or number of
/// threads.
[[nodiscard]] std::vector<std::string> differences(const BenchReport& a, const BenchReport& b);

}  // namespace gantry::cli
