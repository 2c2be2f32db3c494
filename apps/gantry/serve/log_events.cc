#include "serve/log_events.h"

#include <cstdint>

#include "gantry/backend/cpu_backend.h"
#include "gantry/backend/device_policy.h"
#include "gantry/backend/npu_slots.h"
#include "gantry/base/cpu.h"
#include "gantry/base/deadline.h"
#include "gantry/dispatch/execution_slot.h"
#include "gantry/log/log.h"
#include "gantry/model_file/model_info.h"

namespace gantry::cli {

void log_device_change(const inference::DeviceChange& change) {
  using State = backend::DevicePolicy::State;
  const log::Field reason{"reason", change.reason};
  switch (change.state) {
    case State::on_npu:
      log::info("back on the NPU", {{"usable_slots", static_cast<std::int64_t>(change.usable)}});
      return;
    case State::moved:
      log::warning("no NPU slot works: requests go to the CPU until one does", {reason});
      return;
    case State::down:
      log::error("no NPU slot works: requests are refused until one does", {reason});
      return;
    case State::on_cpu:
      return;  // where nothing ever changes
  }
}

void log_slot_event(const dispatch::SlotEvent& event) {
  const log::Field slot{"slot", static_cast<std::int64_t>(event.slot)};
  const log::Field usable{"usable_slots", static_cast<std::int64_t>(event.usable)};
  switch (event.kind) {
    case dispatch::SlotEvent::Kind::broken:
      log::warning("an NPU slot broke", {slot, usable, {"reason", event.reason}});
      return;
    case dispatch::SlotEvent::Kind::repaired:
      log::info("an NPU slot works again", {slot, usable});
      return;
    case dispatch::SlotEvent::Kind::repair_failed:
      // Comes again and again while the device is gone; the slot is known to be broken.
      log::debug("an NPU slot could not be repaired",
                 {slot, {"reason", event.reason}, {"retry_in_ms", to_ms(event.retry_in)}});
      return;
  }
}

void log_connection(const http::ConnectionEvent& event) {
  const log::Field status{"status", std::int64_t{event.status}};
  const log::Field peer{"peer", event.peer};
  const log::Field reason{"reason", event.message};
  if (event.request_id.empty()) {
    log::info("connection", {status, peer, reason});
  } else {
    log::info("connection", {{"request_id", event.request_id}, status, peer, reason});
  }
}

void log_ready(const std::string& url, const inference::LoadedModel& model, double start_ms) {
  const auto& config = model.config();
  const auto& npu = model.npu_report();
  const auto& cpu = model.cpu_report();
  const auto* const slots =
      model.device() == dispatch::Device::npu ? model.npu_slots() : model.cpu_slots();
  log::info("ready", {{"url", url},
                      {"model", config.name},
                      {"version", config.version},
                      {"sha256", model.sha256()},
                      {"device", dispatch::device_name(model.device())},
                      {"device_wanted", backend::device_wanted_name(config.device)},
                      {"device_reason", npu.reason},
                      {"cpu_backend", backend::cpu_backend_name(cpu)},
                      {"cpu_backend_reason", cpu.reason},
                      {"operators_xnnpack", static_cast<std::int64_t>(cpu.operators_xnnpack)},
                      {"proof", backend::proof_name(npu.proof)},
                      {"operators_npu", static_cast<std::int64_t>(npu.operators_npu)},
                      {"operators_cpu", static_cast<std::int64_t>(npu.operators_cpu)},
                      {"task", model_file::task_name(model.info().task)},
                      {"cpus", format_cpu_list(allowed_cpus())},
                      {"slots", static_cast<std::int64_t>(slots->size())},
                      {"threads_per_slot", std::int64_t{config.threads_per_slot}},
                      {"start_ms", start_ms}});
}

}  // namespace gantry::cli
