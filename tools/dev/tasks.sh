#!/bin/bash
# The commands of ./dev that need compilers; ./dev runs this where they are. The current folder is the user's.
set -euo pipefail
# shellcheck source=tools/dev/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

# configure PRESET: only when there is a reason; what CMake itself notices, ninja does.
configure() {
  local build=$repo/build/$1 log=$repo/build/$1/configure.log known=
  mkdir -p "$build"
  [[ -e $build/.toolchain ]] && known=$(<"$build/.toolchain")
  if [[ -n $known && $known != "${GANTRY_DEV_TOOLCHAIN:-}" ]]; then
    say "build/$1 was made with another compiler: making it afresh"
    rm -rf -- "$build"
    mkdir -p "$build"
    known=
  fi
  [[ -n $known && -e $build/build.ninja && ! $repo/CMakePresets.json -nt $build/.toolchain ]] && return
  say "configuring build/$1"
  guarded env -C "$repo" cmake --preset "$1" >"$log" 2>&1 || {
    grep -A 20 'CMake Error' "$log" >&2 || tail -n 30 "$log" >&2
    die "configuring build/$1 failed: see $log"
  }
  printf '%s\n' "${GANTRY_DEV_TOOLCHAIN:-}" >"$build/.toolchain"
}

# build PRESET [TARGET…]: silent when there is nothing to do. All that is said goes to stderr.
build() {
  local build=$repo/build/$1 status=0 output shown stats hits
  configure "$1"
  shift
  exec {output}> >(show_ninja "${build#"$repo/"}" >&2)
  shown=$!
  [[ ! -t 2 ]] || local -x CLICOLOR_FORCE=1
  stats=$build/ccache.log
  rm -f "$stats"
  CCACHE_STATSLOG=$stats NINJA_STATUS='[%f/%t] ' guarded env -C "$build" ninja -j "$jobs" "$@" >&"$output" 2>&1 || status=$?
  exec {output}>&-
  wait "$shown" || true
  ((status == 0)) || die "building failed"
  if [[ -s $stats ]]; then
    hits=$(grep -cE '^(direct|preprocessed)_cache_hit$' "$stats" || true)
    say "built ${build#"$repo/"}: $(grep -c '^cache_miss$' "$stats" || true) compiled, $hits from ccache"
  fi
}

# show_ninja FOLDER: ninja's status on one line of a terminal; elsewhere a status every 20 seconds; all else as it comes.
show_ninja() {
  local line status='' told=$SECONDS begun=
  trap '' INT TERM HUP # ends with its input; until then it has something to tell
  while IFS= read -r line; do
    if [[ $line == "ninja: no work to do." ]]; then
      continue
    elif [[ $line =~ ^\[[0-9]+/[0-9]+\]\ (.*) ]]; then
      [[ ${BASH_REMATCH[1]} != "Re-checking globbed directories..." ]] || continue
      status=$line
      if [[ -t 1 ]]; then
        printf '\r\033[K%.*s' "$((${COLUMNS:-$(tput cols 2>/dev/null || echo 80)} - 1))" "$status"
      elif [[ -z $begun ]] || ((SECONDS - told >= 20)); then
        [[ -n $begun ]] || say "building $1"
        [[ -z $begun ]] || say "$status"
        told=$SECONDS
      fi
      begun=1
    else
      [[ ! -t 1 ]] || printf '\r\033[K'
      [[ $line != FAILED:* || -t 1 ]] || printf '%s\n' "$status"
      printf '%s\n' "$line"
    fi
  done
  [[ ! -t 1 || -z $begun ]] || printf '\r\033[K'
}

gantry() {
  build dev gantry
  exec "$repo/build/dev/apps/gantry/gantry" "$@"
}

run_tests() {
  local preset status=0 arguments=() junit
  preset=$(preset_of "$@")
  while (($#)); do
    case $1 in
      --preset) shift ;;
      --preset=*) ;;
      *) arguments+=("$1") ;;
    esac
    (($# == 0)) || shift
  done
  junit=$repo/build/$preset/junit.xml
  rm -f "$junit"
  build "$preset"
  [[ $preset != arm64 ]] || build dev gantry-emulator # which runs arm64 programs, at this machine's speed
  [[ -t 1 ]] && arguments=(--progress "${arguments[@]}")
  CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$jobs} \
    guarded env -C "$repo" ctest --preset "$preset" --output-junit "$junit" "${arguments[@]}" || status=$?
  if [[ -e $junit ]]; then
    printf '%s: %s\n' "$preset" "$("$repo/tools/dev/totals.sh" "$junit")"
  fi
  return "$status"
}

# fuzz [SECONDS [NAME…]]: libFuzzer from a fixed seed on each corpus; inputs that reach new code stay in build/fuzz/work.
fuzz() {
  local seconds=${1:-10} status=0 target work corpus findings=()
  (($# == 0)) || shift
  build fuzz fuzzers
  local fuzzers=$repo/build/fuzz/fuzzers targets=("$@")
  (($#)) || mapfile -t targets < <(find "$fuzzers" -maxdepth 1 -type f -perm -u+x -printf '%f\n' | sort)
  ((${#targets[@]})) || say "there are no fuzz targets"
  for target in "${targets[@]}"; do
    work=$repo/build/fuzz/work/$target
    mkdir -p "$work/new" "$work/crashes"
    mapfile -t corpus < <(while read -r folder; do [[ ! -d $folder ]] || echo "$folder"; done <"$fuzzers/$target.corpus")
    say "fuzzing $target for $seconds s"
    LSAN_OPTIONS="suppressions=$repo/tests/sanitizers/lsan.supp:print_suppressions=0" \
      guarded "$fuzzers/$target" -seed=1 -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$work/crashes/" "$work/new" "${corpus[@]}" >"$work/log" 2>&1 || {
      status=1
      tail -n 40 "$work/log" >&2
      say "$target: failed; the input is in $work/crashes, all output in $work/log"
      findings+=("$target:" "$(grep -aE '^(==[0-9]+==)? ?(ERROR|SUMMARY|ALARM)| runtime error: |^ +#[0-9]+ .* in .*gantry' "$work/log" | head -n 12 | cut -c1-240)"
        "$(grep -a '^Base64:' "$work/log" | cut -c1-400)")
      continue
    }
    say "$target: $(awk '/stat::number_of_executed_units/ { print $2 }' "$work/log") inputs, nothing found"
  done
  ((${#findings[@]} == 0)) || printf '%s\n' "${findings[@]}" # last, for whoever has only the end of a log
  return "$status"
}

command=$1
shift
case $command in
  build) build "$@" ;;
  serve) gantry serve "$@" ;;
  gantry) gantry "$@" ;;
  test) run_tests "$@" ;;
  fuzz) fuzz "$@" ;;
  lint)
    [[ -n ${1:-} ]] || configure lint
    guarded "$repo/tools/dev/lint.sh" "$@"
    ;;
  bench)
    build release
    guarded python3 "$repo/tests/bench/run.py" --build-dir "$repo/build/release" "$@"
    ;;
esac
