# Cross building for arm64 on another architecture, with Debian's compiler. GANTRY_SYSROOT names a folder with the arm64
# libraries (./dev makes one); the programs that come out run under user-mode emulation, so tests are run like any others.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# try_compile reads this file again, without our cache: it gets the variable from the environment that is set below.
if(NOT GANTRY_SYSROOT)
  set(GANTRY_SYSROOT "$ENV{GANTRY_SYSROOT}" CACHE PATH "Folder with the arm64 libraries")
endif()
if(NOT IS_DIRECTORY "${GANTRY_SYSROOT}/usr")
  message(FATAL_ERROR "GANTRY_SYSROOT is \"${GANTRY_SYSROOT}\": want a folder with arm64 libraries below usr/ "
                      "(./dev build arm64 makes one and sets this)")
endif()
set(ENV{GANTRY_SYSROOT} "${GANTRY_SYSROOT}")

set(CMAKE_SYSROOT "${GANTRY_SYSROOT}")
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${GANTRY_SYSROOT}")
set(ENV{PKG_CONFIG_LIBDIR} "${GANTRY_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${GANTRY_SYSROOT}/usr/share/pkgconfig")

# The RK3588's large core; qemu's default has extensions (SVE, SME) with which libraries take ways that no such board takes.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -cpu cortex-a76 -L "${GANTRY_SYSROOT}")
