#include "gantry/backend/cpu_backend.h"

#include <algorithm>
#include <span>
#include <thread>
#include <utility>

#include "cpu_slot.h"
#include "gantry/base/format.h"
#include "gantry/graph/graph.h"
#include "gantry/proof/proof.h"
#include "gantry/xnnpack/backend.h"

namespace gantry::backend {

std::string_view cpu_backend_wanted_name(CpuBackendWanted wanted) noexcept {
  switch (wanted) {
    case CpuBackendWanted::automatic:
      return "auto";
    case CpuBackendWanted::xnnpack:
      return "xnnpack";
    case CpuBackendWanted::tflite:
      return "tflite";
  }
  return "?";
}

std::string_view cpu_backend_name(const CpuReport& report) noexcept {
  return report.is_xnnpack ? "xnnpack" : "tflite";
}

namespace {

/// Why nothing is taken, by the first operator that is not.
std::string nothing_taken(const xnnpack::Choice& choice) {
  for (const xnnpack::Decision& decision : choice.operators) {
    if (decision.rule != nullptr) {
      return format_text(
          "XNNPACK has none of the model's operators: {} `gantry inspect` tells of each",
          decision.rule->reason);
    }
  }
  return "the model has no operators";
}

Result<> invoke_on_zeros(dispatch::ExecutionSlot& slot) {
  for (std::size_t i = 0; i < slot.inputs().size(); ++i) {
    std::ranges::fill(slot.input(i), std::byte{0});
  }
  return slot.invoke();
}

Result<> invoke_all_on_zeros(std::span<const std::unique_ptr<dispatch::ExecutionSlot>> slots) {
  std::vector<Result<>> results(slots.size());
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < slots.size(); ++i) {
      others.emplace_back([&, i] { results[i] = invoke_on_zeros(*slots[i]); });
    }
    if (!slots.empty()) {
      results.front() = invoke_on_zeros(*slots.front());
    }
  }
  const auto failed = std::ranges::find_if(results, [](const auto& result) { return !result; });
  return failed == results.end() ? Result<>() : *failed;
}

}  // namespace

Result<CpuBackend> CpuBackend::create(std::shared_ptr<const tflite::Model> model,
                                      CpuBackendWanted wanted) {
  CpuBackend made;
  made.model_ = std::move(model);
  made.wanted_ = wanted;
  if (wanted == CpuBackendWanted::tflite) {
    made.report_.reason = "TensorFlow Lite's kernels were asked for";
    return made;
  }
  const auto choose = [&]() -> Result<> {
    if (auto here = xnnpack::available(); !here) {
      return here;
    }
    auto graph = graph::read_graph(made.model_->bytes());
    if (!graph) {
      return std::unexpected(std::move(graph.error()));
    }
    auto backend = xnnpack::Backend::create(*std::move(graph));
    if (!backend) {
      return std::unexpected(std::move(backend.error()));
    }
    const xnnpack::Choice& choice = (*backend)->choice();
    made.report_.operators = choice.operators.size();
    if (choice.taken_count() == 0) {
      return fail(Code::failed_precondition, nothing_taken(choice));
    }
    made.report_.operators_xnnpack = choice.taken_count();
    made.report_.partitions = choice.partitions.size();
    made.report_.is_xnnpack = true;
    made.xnnpack_ = *std::move(backend);
    return {};
  };
  if (auto chosen = choose(); !chosen) {
    if (wanted == CpuBackendWanted::xnnpack) {
      return fail(Code::failed_precondition,
                  format_text("XNNPACK cannot compute the model, and nothing else is to: {}",
                              chosen.error().message));
    }
    made.report_.reason = std::move(chosen.error().message);
  }
  return made;
}

Result<CpuBackend> CpuBackend::load(std::shared_ptr<const tflite::Model> model,
                                    CpuBackendWanted wanted, const std::optional<Tried>& tried) {
  auto backend = create(std::move(model), wanted);
  if (!backend || !backend->report_.is_xnnpack) {
    return backend;
  }
  Result<> proven;
  if (!tried) {
    proven = backend->prove();
  } else if (tried->is_proven) {
    backend->report_.proof_words = tried->proof_words;
  } else {
    proven = fail(Code::failed_precondition, tried->refusal);
  }
  if (!proven && !backend->fall_back(proven.error().message)) {
    return std::unexpected(std::move(proven.error()));
  }
  return backend;
}

Result<std::unique_ptr<tflite::Session>> CpuBackend::session(tflite::SessionOptions options) const {
  if (xnnpack_ != nullptr) {
    options.delegations = {xnnpack_->delegation(options.threads)};
  }
  return tflite::Session::create(model_, std::move(options));
}

Result<std::vector<std::unique_ptr<dispatch::ExecutionSlot>>> CpuBackend::slots(
    std::size_t count, const tflite::SessionOptions& options, bool warm_up) const {
  std::vector<std::unique_ptr<dispatch::ExecutionSlot>> slots;
  for (std::size_t i = 0; i < count; ++i) {
    auto session = this->session(options);
    if (!session) {
      return std::unexpected(std::move(session).error());
    }
    slots.push_back(std::make_unique<CpuSlot>(*std::move(session)));
  }
  if (warm_up) {
    if (auto warm = invoke_all_on_zeros(slots); !warm) {
      return std::unexpected(std::move(warm).error());
    }
  }
  return slots;
}

Result<> CpuBackend::prove(const std::function<void()>& before_xnnpack) {
  if (xnnpack_ == nullptr) {
    return {};
  }
  const std::vector<bool> taken = xnnpack_->choice().taken();
  const auto graph = graph::read_graph(model_->bytes());
  if (!graph) {
    return std::unexpected(graph.error());
  }
  bool has_begun = false;
  const auto make = [&](const std::vector<bool>& offered) -> Result<tflite::Delegation> {
    if (!std::exchange(has_begun, true) && before_xnnpack) {
      before_xnnpack();
    }
    if (offered == taken) {
      return xnnpack_->delegation(1);
    }
    return xnnpack::Backend::create(*graph, offered).transform([](const auto& backend) {
      return backend->delegation(1);
    });
  };
  const auto may_offer = [&](const std::vector<bool>& these) {
    return xnnpack::choose(*graph, these).taken();
  };
  const auto report =
      proof::prove(model_->bytes(), taken, make, {.may_offer = may_offer, .inputs = 1});
  if (!report) {
    return std::unexpected(report.error());
  }
  report_.proof_words = report->words;
  return report->passed
             ? Result<>()
             : fail(Code::failed_precondition,
                    format_text("XNNPACK computes the model wrongly: {}", report->words));
}

bool CpuBackend::fall_back(std::string reason) {
  if (xnnpack_ == nullptr || wanted_ == CpuBackendWanted::xnnpack) {
    return false;
  }
  xnnpack_ = nullptr;
  report_.is_xnnpack = false;
  report_.operators_xnnpack = 0;
  report_.partitions = 0;
  report_.reason = std::move(reason);
  return true;
}

}  // namespace gantry::backend
