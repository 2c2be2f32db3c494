#include "gantry/tflite/delegate.h"

#include <dlfcn.h>

#include <format>

#include "delegate_impl.h"
#include "gantry/base/text.h"

namespace gantry::tflite {
namespace {

using ReplaceNodes = decltype(TfLiteContext::ReplaceNodeSubsetsWithDelegateKernels);

/// TensorFlow Lite's own function, while a library's Prepare runs on this thread: the context has
/// no place for data of ours.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): see above
thread_local ReplaceNodes real_replace_nodes = nullptr;

/// Teflon (Mesa 26.1.6, 26.2.6) hands over a registration whose two newest fields it never wrote:
/// bits of its stack, which TensorFlow Lite would take for a kernel to call and for leave to share
/// memory between tensors.
TfLiteStatus replace_nodes(TfLiteContext* context, TfLiteRegistration registration,
                           const TfLiteIntArray* nodes, TfLiteDelegate* delegate) {
  registration.async_kernel = nullptr;
  registration.inplace_operator = 0;
  return real_replace_nodes(context, registration, nodes, delegate);
}

TfLiteStatus prepare(TfLiteContext* context, TfLiteDelegate* outer) {
  auto* const inner = static_cast<TfLiteDelegate*>(outer->data_);
  real_replace_nodes = context->ReplaceNodeSubsetsWithDelegateKernels;
  context->ReplaceNodeSubsetsWithDelegateKernels = replace_nodes;
  const TfLiteStatus status = inner->Prepare(context, inner);
  context->ReplaceNodeSubsetsWithDelegateKernels = real_replace_nodes;
  return status;
}

/// What a library says while it makes its delegate; the entry point takes no data for it.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): see above
thread_local std::string* reported = nullptr;
void report(const char* words) {
  if (reported != nullptr && words != nullptr) {
    *reported = words;
  }
}

template <class Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}

std::string loader_error() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc keeps one for each thread
  const char* const words = ::dlerror();
  return words == nullptr ? "the loader gave no reason" : words;
}

}  // namespace

Delegate::Impl::~Impl() {
  if (inner != nullptr) {
    destroy(inner);
  }
}

Delegate::Delegate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Delegate::~Delegate() = default;

Result<std::shared_ptr<const Delegate>> Delegate::load(const std::filesystem::path& library,
                                                       const DelegateOptions& options) {
  // Never closed: it may have left threads and exit handlers.
  void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    return fail(Code::not_found, std::format("{} cannot be loaded: {}", library.string(),
                                             quoted(loader_error(), 300)));
  }
  auto impl = std::make_unique<Impl>();
  auto* const create = symbol<Impl::Create>(handle, "tflite_plugin_create_delegate");
  impl->destroy = symbol<Impl::Destroy>(handle, "tflite_plugin_destroy_delegate");
  if (create == nullptr || impl->destroy == nullptr) {
    return fail(Code::not_found,
                std::format("{} is no TensorFlow Lite delegate: want the entry points "
                            "tflite_plugin_create_delegate and tflite_plugin_destroy_delegate",
                            library.string()));
  }
  std::vector<std::string> words;  // the interface takes char*, though nobody should write there
  for (const auto& [key, value] : options) {
    words.push_back(key);
    words.push_back(value);
  }
  std::vector<char*> keys;
  std::vector<char*> values;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    keys.push_back(words[i].data());
    values.push_back(words[i + 1].data());
  }
  std::string reason;
  reported = &reason;
  impl->inner = create(keys.data(), values.data(), options.size(), report);
  reported = nullptr;
  if (impl->inner == nullptr || impl->inner->Prepare == nullptr) {
    impl->inner = nullptr;
    return fail(Code::unavailable, std::format("{} made no delegate{}", library.string(),
                                               reason.empty() ? "" : ": " + quoted(reason, 300)));
  }
  impl->outer.data_ = impl->inner;
  impl->outer.flags = impl->inner->flags;
  impl->outer.Prepare = prepare;
  return std::shared_ptr<const Delegate>(new Delegate(std::move(impl)));
}

}  // namespace gantry::tflite
