#pragma once

#include <string>

#include "gantry/dispatch/slot_pool.h"
#include "gantry/http/server.h"
#include "gantry/inference/loaded_model.h"

// The log lines of the service, one function each.
namespace gantry::cli {

void log_device_change(const inference::DeviceChange& change);
void log_slot_event(const dispatch::SlotEvent& event);
void log_connection(const http::ConnectionEvent& event);
void log_ready(const std::string& url, const inference::LoadedModel& model, double start_ms);

}  // namespace gantry::cli
