#!/bin/bash
# totals.sh [--names] JUNIT.xml…: "N passed, N failed, N skipped" over CTest's reports; a test that could not run counts as
# failed, a disabled one as skipped. With --names, before that: each skipped test's name, then each failed one's with the end of
# what it printed, so that whoever has no more than the last lines of a log knows what to run.
set -euo pipefail
names=0
[[ ${1:-} != --names ]] || { names=1; shift; }
awk -v names="$names" '
  function attribute(name) { return match($0, name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) : "" }
  function plain(text) {
    gsub(/&quot;/, "\"", text); gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&apos;/, "\x27", text)
    gsub(/&amp;/, "\\&", text)
    return text
  }
  # A name may have line ends, where a parameter is printed as text as well.
  /<testcase / { while ($0 !~ />[[:space:]]*$/ && (getline more) > 0) $0 = $0 " " more }
  /<testcase / {
    status = attribute("status"); name = attribute(" name"); lines = 0; printing = 0
    if (status == "run") passed++
    else if (status == "fail") failed++
    else { skipped++; if (names) skips[plain(name)]++ }
  }
  /<system-out>/ { printing = 1; sub(/^.*<system-out>/, "") }
  printing { printed[lines++] = $0 }
  /<\/system-out>/ {
    if (names && status == "fail") {
      sub(/<\/system-out>.*/, "", printed[lines - 1])
      report = report "\nfailed: " plain(name) " (" FILENAME ")\n"
      for (line = lines > 25 ? lines - 25 : 0; line < lines; line++) report = report "    " substr(plain(printed[line]), 1, 300) "\n"
    }
    printing = 0
  }
  END {
    for (name in skips) print "skipped: " name (skips[name] > 1 ? " (" skips[name] " times)" : "") | "sort"
    close("sort")
    printf "%s", report
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
  }' "$@"
