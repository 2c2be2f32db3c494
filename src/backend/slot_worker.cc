#include <filesystem>
#include <utility>

#include "child_files.h"
#include "gantry/base/sealed_bytes.h"
#include "gantry/model_file/model_file.h"
#include "gantry/npu/guard.h"
#include "gantry/proof/proof.h"
#include "gantry/proof/proven_slot.h"
#include "gantry/tflite/delegate.h"
#include "gantry/tflite/session.h"
#include "gantry/worker/serve.h"

namespace gantry::backend {
namespace {

static_assert(model_descriptor == worker::first_slot_file);

Result<worker::MadeSlot> make_slot(const std::filesystem::path& library) {
  const auto outputs =
      SealedBytes::adopt(UniqueFd(outputs_descriptor), model_file::max_model_bytes);
  if (!outputs) {
    return std::unexpected(outputs.error());
  }
  auto proven = proof::outputs_from(outputs->bytes());
  if (!proven) {
    return std::unexpected(std::move(proven).error());
  }
  auto file = SealedBytes::adopt(UniqueFd(model_descriptor), model_file::max_model_bytes);
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

void run_slot_worker(const std::filesystem::path& library) {
  worker::serve(worker::slot_socket, [&] { return make_slot(library); });
}

}  // namespace gantry::backend
