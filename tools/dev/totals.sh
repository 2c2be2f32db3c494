#!/bin/bash
# totals.sh JUNIT.xml…: "N passed, N failed, N skipped" over CTest's reports; a test that could not run counts as failed, a
# disabled one as skipped. With --skipped first: also the skipped tests' names, a line each.
set -euo pipefail
names=0
[[ ${1:-} != --skipped ]] || { names=1; shift; }
awk -v names="$names" '
  function attribute(name) { return match($0, name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) : "" }
  /<testcase / {
    status = attribute("status"); name = attribute(" name")
    if (status == "run") passed++
    else if (status == "fail") failed++
    else { skipped++; if (names) print "skipped: " name }
  }
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$@"
