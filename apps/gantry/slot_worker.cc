#include <cstdio>
#include <filesystem>
#include <print>
#include <span>
#include <utility>

#include "commands.h"
#include "gantry/base/file.h"
#include "gantry/cli/options.h"
#include "gantry/npu/guard.h"
#include "gantry/proof/proof.h"
#include "gantry/proof/proven_slot.h"
#include "gantry/tflite/delegate.h"
#include "gantry/tflite/session.h"
#include "gantry/worker/serve.h"

namespace gantry::cli {
namespace {

constexpr std::size_t max_model_bytes = std::size_t{1} << 30U;

Result<worker::MadeSlot> make_slot(const std::filesystem::path& library,
                                   const std::filesystem::path& path,
                                   const std::filesystem::path& outputs) {
  const auto proven_file = read_file(outputs, max_model_bytes);
  if (!proven_file) {
    return std::unexpected(proven_file.error());
  }
  auto proven = proof::outputs_from(*proven_file);
  if (!proven) {
    return std::unexpected(std::move(proven).error());
  }
  auto file = MappedFile::open(path, max_model_bytes);
  if (!file) {
    return std::unexpected(std::move(file).error());
  }
  auto guarded = npu::guard(file->bytes(), library);
  if (!guarded) {
    return std::unexpected(std::move(guarded).error());
  }
  if (!guarded->any()) {
    return fail(Code::failed_precondition, "the model has nothing for the NPU any more");
  }
  auto model = tflite::Model::create(*std::move(file));
  if (!model) {
    return std::unexpected(std::move(model).error());
  }
  auto delegate = tflite::Delegate::load(library);
  if (!delegate) {
    return std::unexpected(std::move(delegate).error());
  }
  auto session = tflite::Session::create(
      *model, {.delegations = {
                   {.delegate = *std::move(delegate), .operators = std::move(guarded->offered)}}});
  if (!session) {
    return std::unexpected(std::move(session).error());
  }
  auto slot = proof::ProvenSlot::create(*std::move(session), *std::move(proven));
  if (!slot) {
    return std::unexpected(std::move(slot).error());
  }
  return worker::MadeSlot{.slot = *std::move(slot), .details = {}};
}

}  // namespace

int slot_worker(std::span<char* const> arguments) {
  if (arguments.size() != 3) {
    std::println(stderr, "want a library, a model and its proven results");
    return to_int(Exit::usage);
  }
  worker::serve(worker::slot_socket,
                [&] { return make_slot(arguments[0], arguments[1], arguments[2]); });
}

}  // namespace gantry::cli
