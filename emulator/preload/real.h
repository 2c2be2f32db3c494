#pragma once

#include <dlfcn.h>

// REAL(open)(path, flags) calls the function that the hook replaces. It is looked up once; threads
// that look it up at the same time find the same function.
#define REAL(name)                                                                          \
  ([]() {                                                                                   \
    static auto* const next = reinterpret_cast<decltype(&::name)>(dlsym(RTLD_NEXT, #name)); \
    return next;                                                                            \
  }())

/// Marks a function that the preload library exports; everything else is hidden.
#define GANTRY_HOOK extern "C" __attribute__((visibility("default")))
