#pragma once

#include <dlfcn.h>

// REAL(open)(path, flags): the function that we stand before. Looked up once; two threads that do
// so at the same time find the same.
#define REAL(name)                                                                          \
  ([]() {                                                                                   \
    static auto* const next = reinterpret_cast<decltype(&::name)>(dlsym(RTLD_NEXT, #name)); \
    return next;                                                                            \
  }())

/// What a preload library shows to the world; everything else stays inside.
#define GANTRY_HOOK extern "C" __attribute__((visibility("default")))
