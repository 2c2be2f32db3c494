#include "gantry/tflite/delegate.h"

#include <dlfcn.h>

#include <algorithm>
#include <span>

#include "delegate_impl.h"
#include "gantry/base/format.h"
#include "gantry/base/text.h"

namespace gantry::tflite {
namespace {

/// The one whose delegate prepares on this thread: the context has no place for data of ours.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): see above
thread_local OfferedDelegate* preparing = nullptr;

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

OfferedDelegate::OfferedDelegate(TfLiteDelegate* inner, const Delegation& offer)
    : inner_(inner), operators_(offer.operators) {
  outer_.data_ = this;
  outer_.flags = inner->flags;
  outer_.Prepare = prepare;
}

OfferedDelegate::~OfferedDelegate() { TfLiteIntArrayFree(plan_); }

bool OfferedDelegate::is_offered(int node) const noexcept {
  // Nodes behind the model's own are other delegates' kernels.
  const auto index = static_cast<std::size_t>(node);
  return operators_.empty() || (index < operators_.size() && operators_[index]);
}

TfLiteIntArray* OfferedDelegate::only_offered(const TfLiteIntArray& nodes) const {
  TfLiteIntArray* const offered = TfLiteIntArrayCreate(nodes.size);
  offered->size = 0;
  for (const int node : std::span(nodes.data, static_cast<std::size_t>(nodes.size))) {
    if (is_offered(node)) {
      offered->data[offered->size++] = node;
    }
  }
  return offered;
}

TfLiteStatus OfferedDelegate::execution_plan(TfLiteContext* context, TfLiteIntArray** plan) {
  OfferedDelegate& self = *preparing;
  TfLiteIntArray* whole = nullptr;
  if (const TfLiteStatus status = self.real_plan_(context, &whole); status != kTfLiteOk) {
    return status;
  }
  TfLiteIntArrayFree(self.plan_);
  *plan = self.plan_ = self.only_offered(*whole);
  return kTfLiteOk;
}

TfLiteStatus OfferedDelegate::replace_nodes(TfLiteContext* context, TfLiteRegistration registration,
                                            const TfLiteIntArray* nodes, TfLiteDelegate* delegate) {
  OfferedDelegate& self = *preparing;
  // Teflon (Mesa 26.1.6, 26.2.6) hands over a registration whose two newest fields it never wrote:
  // bits of its stack, which TensorFlow Lite would take for a kernel to call and for leave to share
  // memory between tensors.
  registration.async_kernel = nullptr;
  registration.inplace_operator = 0;
  const std::unique_ptr<TfLiteIntArray, decltype(&TfLiteIntArrayFree)> offered(
      self.only_offered(*nodes), TfLiteIntArrayFree);
  TfLiteDelegateParams* partitions = nullptr;
  int count = 0;
  if (context->PreviewDelegatePartitioning(context, offered.get(), &partitions, &count) ==
      kTfLiteOk) {
    self.taken_.partitions = static_cast<std::size_t>(count);
  }
  self.taken_.operators.assign(offered->data, offered->data + offered->size);
  std::ranges::sort(self.taken_.operators);
  return self.real_replace_(context, registration, offered.get(), delegate);
}

TfLiteStatus OfferedDelegate::prepare(TfLiteContext* context, TfLiteDelegate* outer) {
  auto& self = *static_cast<OfferedDelegate*>(outer->data_);
  self.taken_ = {};
  self.real_plan_ = context->GetExecutionPlan;
  self.real_replace_ = context->ReplaceNodeSubsetsWithDelegateKernels;
  context->GetExecutionPlan = execution_plan;
  context->ReplaceNodeSubsetsWithDelegateKernels = replace_nodes;
  preparing = &self;
  const TfLiteStatus status = self.inner_->Prepare(context, self.inner_);
  preparing = nullptr;
  context->GetExecutionPlan = self.real_plan_;
  context->ReplaceNodeSubsetsWithDelegateKernels = self.real_replace_;
  return status;
}

Delegate::Impl::~Impl() {
  if (inner != nullptr && destroy != nullptr) {
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
    return fail(Code::not_found, format_text("{} cannot be loaded: {}", library.string(),
                                             in_quotes(loader_error(), 300)));
  }
  auto impl = std::make_unique<Impl>();
  auto* const create = symbol<Impl::Create>(handle, "tflite_plugin_create_delegate");
  impl->destroy = symbol<Impl::Destroy>(handle, "tflite_plugin_destroy_delegate");
  if (create == nullptr || impl->destroy == nullptr) {
    return fail(Code::not_found,
                format_text("{} is no TensorFlow Lite delegate: want the entry points "
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
    return fail(Code::unavailable,
                format_text("{} made no delegate{}", library.string(),
                            reason.empty() ? "" : ": " + in_quotes(reason, 300)));
  }
  return std::shared_ptr<const Delegate>(new Delegate(std::move(impl)));
}

std::shared_ptr<const Delegate> Delegate::of_kernels(std::string name, MakeKernel make) {
  auto impl = std::make_unique<Impl>();
  impl->kernels = std::make_unique<KernelDelegate>(std::move(name), std::move(make));
  impl->inner = impl->kernels->get();
  return std::shared_ptr<const Delegate>(new Delegate(std::move(impl)));
}

}  // namespace gantry::tflite
