#!/bin/bash
# headers.sh [HEADER…]: what a header costs each source that includes it: milliseconds to compile a file with nothing else in it, the
# least of three, with the flags of the preset dev; and its lines after preprocessing. Run it in ./dev shell, on a quiet machine.
# `sort -n build/dev/.ninja_log` has the times of a build's own steps, in milliseconds from its start.
set -euo pipefail
headers=("$@")
(($#)) || headers=(string vector algorithm functional memory optional span expected mutex charconv unordered_map ranges random
  sstream format chrono thread filesystem regex nlohmann/json.hpp CLI/CLI.hpp spdlog/spdlog.h toml++/toml.hpp
  boost/asio.hpp boost/beast/http.hpp prometheus/registry.h tensorflow/lite/schema/schema_generated.h
  tensorflow/lite/c/c_api.h xnnpack.h curl/curl.h archive.h gtest/gtest.h gmock/gmock.h rapidcheck.h)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
source=$folder/one.cc
flags=(-std=c++23 -O2 -g1 -DNDEBUG -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL)
for header in "${headers[@]}"; do
  printf '#include <%s>\n' "$header" >"$source"
  least=
  for _ in 1 2 3; do
    start=$(date +%s%N)
    g++ "${flags[@]}" -c "$source" -o "$folder/one.o"
    took=$((($(date +%s%N) - start) / 1000000))
    ((${least:-took} < took)) || least=$took
  done
  printf '%6d ms %7d lines  <%s>\n' "$least" "$(g++ "${flags[@]}" -E -P "$source" | wc -l)" "$header"
done | sort -rn
