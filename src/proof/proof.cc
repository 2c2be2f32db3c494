#include "gantry/proof/proof.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "gantry/base/cpu.h"
#include "gantry/base/format.h"
#include "gantry/graph/more_outputs.h"
#include "gantry/graph/partition.h"
#include "gantry/proof/compare.h"
#include "gantry/proof/test_input.h"
#include "gantry/tflite/session.h"

namespace gantry::proof {
namespace {

using Bytes = std::vector<std::byte>;
/// What a session gave for tensors of the graph, for each test input.
using Values = std::vector<std::map<std::int32_t, Bytes>>;

struct Ran {
  Values values;
  Outputs outputs;
  std::vector<tflite::Delegated> delegated;
};

/// Operators that are looked at together, with the CPU's inputs, where the whole is off.
constexpr std::size_t most_in_piece = 8;

/// The CPU's own kernels are what a proof waits for; how they share the work changes no result.
int reference_threads() {
  constexpr std::size_t most = 4;  // RK3588's big cores
  return static_cast<int>(std::clamp<std::size_t>(available_cores(), 1, most));
}

std::string steps(std::int64_t count) {
  return format_text("{} step{}", count, count == 1 ? "" : "s");
}

class Prover {
 public:
  Prover(std::span<const std::byte> model, graph::Graph graph, const std::vector<bool>& offered,
         MakeDelegation make, const ProveOptions& options)
      : model_(model),
        graph_(std::move(graph)),
        links_(graph_),
        offered_(offered),
        make_(std::move(make)),
        may_offer_(options.may_offer),
        inputs_(std::clamp<std::size_t>(options.inputs, 1, input_count)) {}

  /// The report of a delegate that is offered these.
  Result<Report> check(const std::vector<bool>& offered) {
    if (auto wanted = compute_wanted(partition_outputs(offered)); !wanted) {
      return std::unexpected(std::move(wanted.error()));
    }
    auto ran = run_delegated(offered);
    if (!ran) {
      return std::unexpected(std::move(ran.error()));
    }
    std::vector<bool> taken(graph_.operators.size(), false);
    for (const std::int32_t op : ran->delegated.front().operators) {
      taken[static_cast<std::size_t>(op)] = true;
    }
    if (taken != offered) {
      // It refused some, so that its partitions end elsewhere.
      auto again = run_delegated(taken);
      if (!again) {
        return std::unexpected(std::move(again.error()));
      }
      ran = std::move(again);
      if (auto wanted = compute_wanted(partition_outputs(taken)); !wanted) {
        return std::unexpected(std::move(wanted.error()));
      }
    }
    return judge(taken, *std::move(ran));
  }

  /// The same for a part of what is offered.
  Result<Report> check_part(const std::vector<bool>& these) {
    return check(may_offer_ ? may_offer_(these) : these);
  }

  /// Looks at the model piece by piece and corrects `report`, whose whole is not right: passed, if
  /// all pieces are and the whole is not grossly off. Answers the operators of the first that is
  /// not; if none, all.
  Result<std::vector<bool>> first_wrong_piece(const std::vector<bool>& offered, Report& report) {
    const auto pieces = pieces_of(offered);
    const bool is_gross = std::ranges::any_of(report.boundaries, &Boundary::is_gross);
    std::int64_t largest = 0;
    for (const auto& piece : pieces) {
      const auto alone = check_part(piece);
      if (!alone) {
        return std::unexpected(alone.error());
      }
      if (!alone->passed) {
        report.words = alone->words;
        return piece;
      }
      largest = std::max(largest, alone->largest);
    }
    if (is_gross || pieces.size() < 2) {
      return offered;
    }
    report.passed = true;
    report.added_up = std::exchange(report.largest, largest);
    report.words = format_text(
        "largest difference {} in {} pieces, each with the CPU's inputs; together they add up to "
        "{}",
        steps(largest), pieces.size(), steps(report.added_up));
    return offered;
  }

  /// The first operator of `offered` whose result is wrong once all up to it are on the device.
  Result<std::int32_t> first_wrong(const std::vector<bool>& offered) {
    std::vector<std::size_t> operators;
    for (std::size_t i = 0; i < offered.size(); ++i) {
      if (offered[i]) {
        operators.push_back(i);
      }
    }
    std::size_t right = 0;  // so many from the front are right
    std::size_t wrong = operators.size();
    while (right + 1 < wrong) {
      const std::size_t middle = (right + wrong) / 2;
      std::vector<bool> fewer(offered.size(), false);
      for (std::size_t i = 0; i < middle; ++i) {
        fewer[operators[i]] = true;
      }
      const auto report = check_part(fewer);
      if (!report) {
        return std::unexpected(report.error());
      }
      (report->passed ? right : wrong) = middle;
    }
    return static_cast<std::int32_t>(operators[wrong - 1]);
  }

  [[nodiscard]] std::string operator_text(std::int32_t index) const {
    const auto& op = graph_.operators[static_cast<std::size_t>(index)];
    const std::string output =
        op.outputs.empty() ? "" : graph_.tensors[static_cast<std::size_t>(op.outputs[0])].name;
    return format_text("operator {} ({}, \"{}\")", index, op.name, output);
  }

 private:
  /// Has the CPU's values of these tensors in `wanted_`. A model that is right needs no more than
  /// those at its partitions' ends; whoever then asks for another one searches, and gets all that
  /// an offered operator writes.
  Result<> compute_wanted(std::vector<std::int32_t> tensors) {
    if (!wanted_.empty()) {
      const auto is_known = [&](std::int32_t tensor) { return wanted_.front().contains(tensor); };
      if (std::ranges::all_of(tensors, is_known)) {
        return {};
      }
      for (std::size_t i = 0; i < graph_.operators.size(); ++i) {
        if (offered_[i]) {
          const auto& outputs = graph_.operators[i].outputs;
          tensors.insert(tensors.end(), outputs.begin(), outputs.end());
        }
      }
    }
    auto ran = run(tensors, {});
    if (!ran) {
      return std::unexpected(std::move(ran.error()));
    }
    wanted_ = std::move(ran->values);
    return {};
  }

  /// Each partition; of one with many operators, windows over them that overlap by half.
  [[nodiscard]] std::vector<std::vector<bool>> pieces_of(const std::vector<bool>& offered) const {
    std::vector<std::vector<bool>> masks;
    for (const auto& partition : graph::partition(graph_, links_, offered)) {
      const auto& operators = partition.operators;
      for (std::size_t begin = 0;; begin += most_in_piece / 2) {
        const std::size_t end = std::min(begin + most_in_piece, operators.size());
        auto& mask = masks.emplace_back(offered.size(), false);
        for (std::size_t i = begin; i < end; ++i) {
          mask[static_cast<std::size_t>(operators[i])] = true;
        }
        if (end == operators.size()) {
          break;
        }
      }
    }
    return masks;
  }

  [[nodiscard]] std::vector<std::int32_t> partition_outputs(const std::vector<bool>& taken) const {
    std::vector<std::int32_t> tensors;
    for (const auto& partition : graph::partition(graph_, links_, taken)) {
      tensors.insert(tensors.end(), partition.outputs.begin(), partition.outputs.end());
    }
    std::ranges::sort(tensors, {}, [&](std::int32_t tensor) {
      return links_.producer[static_cast<std::size_t>(tensor)];
    });
    return tensors;
  }

  Result<Ran> run_delegated(const std::vector<bool>& offered) {
    auto delegation = make_(offered);
    if (!delegation) {
      return std::unexpected(std::move(delegation.error()));
    }
    return run(partition_outputs(offered), {*std::move(delegation)});
  }

  /// Runs the model with these tensors among its outputs.
  Result<Ran> run(const std::vector<std::int32_t>& tensors,
                  std::vector<tflite::Delegation> delegations) {
    auto bytes = graph::with_outputs(model_, tensors);
    if (!bytes) {
      return std::unexpected(std::move(bytes.error()));
    }
    auto model = tflite::Model::create(std::move(bytes->model));
    if (!model) {
      return std::unexpected(std::move(model.error()));
    }
    const int threads = delegations.empty() ? reference_threads() : 1;
    auto session = tflite::Session::create(
        *model, {.threads = threads, .delegations = std::move(delegations)});
    if (!session) {
      return std::unexpected(std::move(session.error()));
    }
    Ran out;
    out.delegated = (*session)->delegated();
    for (std::size_t input = 0; input < inputs_; ++input) {
      if (auto done = run_on_test_input(**session, input); !done) {
        return std::unexpected(std::move(done.error()));
      }
      auto& values = out.values.emplace_back();
      auto& outputs = out.outputs.emplace_back();
      for (std::size_t i = 0; i < bytes->outputs.size(); ++i) {
        const auto got = (*session)->output(i);
        values[bytes->outputs[i]] = Bytes(got.begin(), got.end());
        if (i < graph_.outputs.size()) {
          outputs.emplace_back(got.begin(), got.end());
        }
      }
    }
    return out;
  }

  static Result<> run_on_test_input(tflite::Session& session, std::size_t input) {
    for (std::size_t i = 0; i < session.inputs().size(); ++i) {
      fill_test_input(session.inputs()[i], static_cast<std::uint32_t>(input + 1), session.input(i));
    }
    return session.invoke();
  }

  /// What a step of the quantised tensor is worth that this one was made of by DEQUANTIZE; else 0.
  [[nodiscard]] double step_before(std::int32_t tensor) const {
    const std::int32_t producer = links_.producer[static_cast<std::size_t>(tensor)];
    if (producer < 0) {
      return 0;
    }
    const auto& op = graph_.operators[static_cast<std::size_t>(producer)];
    if (op.op != graph::Op::dequantize || op.inputs.empty() || op.inputs[0] < 0) {
      return 0;
    }
    const auto& scales = graph_.tensors[static_cast<std::size_t>(op.inputs[0])].scales;
    return scales.size() == 1 ? static_cast<double>(scales.front()) : 0;
  }

  [[nodiscard]] Boundary compare_at(std::int32_t tensor, std::int64_t allowed,
                                    const Values& got) const {
    const auto& about = graph_.tensors[static_cast<std::size_t>(tensor)];
    Boundary boundary{.name = about.name, .allowed = allowed};
    for (std::size_t input = 0; input < inputs_; ++input) {
      const std::size_t channels =
          about.shape.empty() ? 1 : static_cast<std::size_t>(std::max(1, about.shape.back()));
      const Difference difference =
          compare(about.dtype, wanted_[input].at(tensor), got[input].at(tensor), allowed, channels,
                  step_before(tensor));
      boundary.largest = std::max(boundary.largest, difference.largest);
      boundary.is_right = boundary.is_right && difference.is_rounding();
      boundary.is_gross = boundary.is_gross || difference.is_gross();
    }
    return boundary;
  }

  [[nodiscard]] Report judge(const std::vector<bool>& taken, Ran ran) const {
    Report report;
    report.operators = graph_.operators.size();
    report.delegated = static_cast<std::size_t>(std::ranges::count(taken, true));
    report.partitions = ran.delegated.front().partitions;
    report.outputs = std::move(ran.outputs);
    report.passed = true;
    const auto allowed = allowed_steps(graph_, taken);
    const auto boundaries = partition_outputs(taken);
    std::set<std::int32_t> compared;
    const auto look_at = [&](std::int32_t tensor) {
      if (!compared.insert(tensor).second || !wanted_.front().contains(tensor)) {
        return;
      }
      report.boundaries.push_back(
          compare_at(tensor, allowed[static_cast<std::size_t>(tensor)], ran.values));
      report.passed = report.passed && report.boundaries.back().is_right;
    };
    for (const std::int32_t tensor : boundaries) {
      look_at(tensor);
      report.largest = std::max(report.largest, report.boundaries.back().largest);
    }
    for (const std::int32_t tensor : graph_.outputs) {
      look_at(tensor);
    }
    const auto wrong = std::ranges::find(report.boundaries, false, &Boundary::is_right);
    report.words =
        wrong == report.boundaries.end()
            ? format_text("largest difference {} at {} partition output{}", steps(report.largest),
                          boundaries.size(), boundaries.size() == 1 ? "" : "s")
            : format_text("\"{}\" is off by up to {} (allowed: {})", wrong->name,
                          steps(wrong->largest), wrong->allowed);
    return report;
  }

  std::span<const std::byte> model_;
  graph::Graph graph_;
  graph::Links links_;
  std::vector<bool> offered_;
  MakeDelegation make_;
  MayOffer may_offer_;
  std::size_t inputs_;
  Values wanted_;
};

}  // namespace

Result<Report> prove(std::span<const std::byte> model, const std::vector<bool>& offered,
                     const MakeDelegation& make_delegation, const ProveOptions& options) {
  auto graph = graph::read_graph(model);
  if (!graph) {
    return std::unexpected(std::move(graph.error()));
  }
  if (offered.size() != graph->operators.size()) {
    return fail(Code::internal, format_text("want a mask of {} operators, got {}",
                                            graph->operators.size(), offered.size()));
  }
  Prover prover(model, *std::move(graph), offered, make_delegation, options);
  auto report = prover.check(offered);
  if (!report || report->passed) {
    return report;
  }
  auto suspect = prover.first_wrong_piece(offered, *report);
  if (!suspect) {
    return std::unexpected(std::move(suspect.error()));
  }
  if (report->passed) {
    return report;
  }
  if (options.on_wrong) {
    options.on_wrong(*report);
  }
  // The first one may be wrong only together with others; what the search cannot carry out it
  // leaves open.
  if (const auto first = prover.first_wrong(*suspect)) {
    report->first_wrong = *first;
    report->words = format_text("{}; first wrong: {}", report->words, prover.operator_text(*first));
  }
  return report;
}

}  // namespace gantry::proof
