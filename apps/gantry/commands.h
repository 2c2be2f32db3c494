#pragma once

#include <span>

// One function per command. It takes the arguments after the command's name and returns the exit
// code (options.h).
namespace gantry::cli {

int serve(std::span<char* const> arguments);
int run(std::span<char* const> arguments);
int bench(std::span<char* const> arguments);
int doctor(std::span<char* const> arguments);
int inspect(std::span<char* const> arguments);
/// `gantry models list|pull|verify|rm`.
int models(std::span<char* const> arguments);
/// `gantry bench compare A.json B.json`.
int bench_compare(std::span<char* const> arguments);

}  // namespace gantry::cli
