#include "loop.h"

#include <ctime>

#include "gantry/base/format.h"

namespace gantry::http {
namespace {

std::mt19937_64 seeded() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device(),
                     device(), device(), device(), device()};
  return std::mt19937_64(seed);
}

}  // namespace

Loop::Loop() : random_(seeded()) {}

std::string_view Loop::date() { return date_.at(std::time(nullptr)); }

std::string Loop::make_request_id() { return format_text("{:016x}{:016x}", random_(), random_()); }

}  // namespace gantry::http
