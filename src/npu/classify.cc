#include <algorithm>
#include <utility>

#include "gantry/npu/rules.h"
#include "site.h"

namespace gantry::npu {
namespace {

/// The worst that a stage's rules say of an operator; npu where none applies.
Verdict worst(std::span<const Finding> findings, Stage stage) noexcept {
  Verdict verdict = Verdict::npu;
  for (const Finding& finding : findings) {
    if (finding.rule->stage == stage) {
      verdict = std::max(verdict, finding.rule->verdict);
    }
  }
  return verdict;
}

class Classifier {
 public:
  Classifier(const Graph& graph, MesaVersion mesa)
      : graph_(graph),
        links_(graph),
        mesa_(mesa == unknown_mesa ? mesa : std::clamp(mesa, mesa_25_3, mesa_26_2)) {}
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;
  ~Classifier() = default;

  [[nodiscard]] Classification classify(const std::vector<bool>& among) const {
    Classification out;
    out.mesa = mesa_;
    out.operators.resize(graph_.operators.size());
    take_alone(out);
    take_guarded(among, out);
    return out;
  }

 private:
  using Assignment = std::vector<std::int32_t>;

  /// Every rule of a stage that applies.
  void find(std::size_t index, Stage stage, const Assignment& partitions,
            std::vector<Finding>& findings) const {
    const Site site(graph_, links_, partitions, index);
    for (const Rule& rule : rules()) {
      if (rule.stage == stage && rule.is_for(mesa_)) {
        if (auto found = rule.find(site)) {
          findings.push_back({.rule = &rule, .found = *std::move(found)});
        }
      }
    }
  }

  [[nodiscard]] std::vector<Partition> make_partitions(const std::vector<bool>& taken,
                                                       Assignment& partitions) const {
    std::vector<Partition> out = partition(graph_, links_, taken);
    partitions.assign(graph_.operators.size(), -1);
    for (std::size_t i = 0; i < out.size(); ++i) {
      for (const std::int32_t op : out[i].operators) {
        partitions[static_cast<std::size_t>(op)] = static_cast<std::int32_t>(i);
      }
    }
    return out;
  }

  /// What Teflon takes by itself, and what comes of it.
  void take_alone(Classification& out) const {
    const std::size_t count = graph_.operators.size();
    const Assignment nowhere(count, -1);
    std::vector<bool> accepted(count, false);
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<Finding>& findings = out.operators[i].findings;
      find(i, Stage::prepare, nowhere, findings);
      find(i, Stage::accept, nowhere, findings);
      accepted[i] = worst(findings, Stage::accept) == Verdict::npu;
    }
    Assignment partitions;
    out.alone = make_partitions(accepted, partitions);
    for (std::size_t i = 0; i < count; ++i) {
      Placement& placement = out.operators[i];
      placement.alone_partition = partitions[i];
      if (accepted[i]) {
        find(i, Stage::compute, partitions, placement.findings);
      }
      const Verdict prepared = worst(placement.findings, Stage::prepare);
      const bool is_over = prepared == Verdict::crash || accepted[i];
      placement.alone =
          is_over ? std::max(prepared, worst(placement.findings, Stage::compute)) : Verdict::cpu;
    }
  }

  /// What is left when everything that is not right is kept back, until that changes nothing more:
  /// an addition may lose its convolution, or its partition.
  void take_guarded(const std::vector<bool>& among, Classification& out) const {
    // Each round costs a look at the whole graph. Real models settle in two or three; in one that
    // is made to fall one by one, additions are given up.
    constexpr int most_rounds = 64;
    const std::size_t count = graph_.operators.size();
    std::vector<bool> taken(count, false);
    for (std::size_t i = 0; i < count; ++i) {
      // Without a partition of its own an addition finds fault with itself: it is looked at below.
      taken[i] = graph_.operators[i].op == Op::add
                     ? worst(out.operators[i].findings, Stage::accept) == Verdict::npu &&
                           worst(out.operators[i].findings, Stage::prepare) == Verdict::npu
                     : out.operators[i].findings.empty();
      taken[i] = taken[i] && (among.empty() || among[i]);
    }
    Assignment partitions;
    bool settled = false;
    for (int round = 0; !settled; ++round) {
      out.guarded = make_partitions(taken, partitions);
      settled = true;
      for (std::size_t i = 0; i < count; ++i) {
        if (!taken[i] || graph_.operators[i].op != Op::add) {
          continue;
        }
        std::vector<Finding> findings;
        find(i, Stage::compute, partitions, findings);
        if (round >= most_rounds || !findings.empty()) {
          taken[i] = false;
          settled = false;
          if (out.operators[i].findings.empty()) {
            out.operators[i].findings = std::move(findings);
          }
        }
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      Placement& placement = out.operators[i];
      placement.guarded_partition = partitions[i];
      // What was found with the delegate alone may not hold for an operator that is among better
      // ones now.
      if (taken[i]) {
        placement.findings.clear();
      } else {
        std::ranges::stable_sort(placement.findings, [](const Finding& a, const Finding& b) {
          return weight(a) > weight(b);
        });
        placement.guarded =
            placement.findings.empty() ? Verdict::cpu : placement.findings.front().rule->verdict;
      }
    }
  }

  /// Crashes first, then what the driver refuses, which hides what would be wrong.
  [[nodiscard]] static int weight(const Finding& finding) noexcept {
    switch (finding.rule->verdict) {
      case Verdict::crash:
        return 3;
      case Verdict::cpu:
        return 2;
      case Verdict::wrong:
        return 1;
      case Verdict::npu:
        return 0;
    }
    return 0;
  }

  const Graph& graph_;
  Links links_;
  MesaVersion mesa_;
};

}  // namespace

Verdict Classification::alone_verdict() const noexcept {
  bool is_taken = false;
  Verdict verdict = Verdict::cpu;
  for (const Placement& placement : operators) {
    if (placement.alone == Verdict::wrong || placement.alone == Verdict::crash) {
      verdict = std::max(verdict, placement.alone);
    }
    is_taken = is_taken || placement.alone_partition >= 0;
  }
  return verdict == Verdict::cpu && is_taken ? Verdict::npu : verdict;
}

Classification classify(const Graph& graph, MesaVersion mesa, const std::vector<bool>& among) {
  return Classifier(graph, mesa).classify(among);
}

}  // namespace gantry::npu
