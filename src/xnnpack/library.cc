#include "library.h"

#include <dlfcn.h>

#include <utility>

#include "gantry/base/format.h"
#include "gantry/base/text.h"
#include "gantry/xnnpack/backend.h"

namespace gantry::xnnpack {
namespace {

// The name has the date of the interface, which changes from one to the next: only that which the
// header belongs to will do.
constexpr const char* file_name = GANTRY_XNNPACK_SONAME;

std::string loader_error() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc keeps one for each thread
  const char* const words = ::dlerror();
  return words == nullptr ? "the loader gave no reason" : words;
}

template <class Function>
bool find(void* handle, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(handle, name));
  return function != nullptr;
}

Result<Library> load() {
  void* const handle = ::dlopen(file_name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    return fail(Code::not_found,
                format_text("{} cannot be loaded: {}", file_name, in_quotes(loader_error(), 300)));
  }
  Library library;
// The thread pool's functions are found in the library that XNNPACK itself is linked to.
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): see the header
#define GANTRY_XNNPACK_FIND(name)                                                         \
  if (!find(handle, #name, library.name)) {                                               \
    return fail(Code::not_found, format_text("{} has no function {}", file_name, #name)); \
  }
  GANTRY_XNNPACK_FUNCTIONS(GANTRY_XNNPACK_FIND)
#undef GANTRY_XNNPACK_FIND
  if (const xnn_status status = library.xnn_initialize(nullptr); status != xnn_status_success) {
    return fail(Code::unavailable, format_text("XNNPACK does not work on this processor (status "
                                               "{})",
                                               std::to_underlying(status)));
  }
  return library;
}

}  // namespace

Result<const Library*> Library::get() {
  static const Result<Library> library = load();
  if (!library) {
    return std::unexpected(library.error());
  }
  return &*library;
}

Result<> available() {
  const auto library = Library::get();
  return library ? Result<>() : std::unexpected(library.error());
}

}  // namespace gantry::xnnpack
