#include "gantry/xnnpack/backend.h"

// In the place of everything that needs XNNPACK's header, where it was not there at build time.
namespace gantry::xnnpack {

struct Backend::Impl {
  Choice choice;
};

Result<> available() { return fail(Code::unimplemented, "this program was built without XNNPACK"); }

Result<std::shared_ptr<Backend>> Backend::create(graph::Graph /*graph*/,
                                                 const std::vector<bool>& /*offered*/) {
  return std::unexpected(available().error());
}

Backend::Backend(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Backend::~Backend() = default;
const Choice& Backend::choice() const noexcept { return impl_->choice; }
tflite::Delegation Backend::delegation(int /*threads*/) const { return {}; }
std::size_t Backend::packed_bytes() const { return 0; }

}  // namespace gantry::xnnpack
