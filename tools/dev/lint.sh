#!/bin/bash
# lint.sh [--fix | --quick]: is what we wrote in order? Format, shell scripts, sizes, and unless --quick clang-tidy. With
# --fix: formats, and nothing else.
set -euo pipefail
# shellcheck source=tools/dev/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"
# Git refuses a folder that belongs to someone else (root in a user's checkout); here it only lists files.
files() { git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [[ ! -f $f ]] || echo "$f"; done; }

mapfile -t sources < <(files '*.cc' '*.h')
if [[ ${1:-} == --fix ]]; then
  clang-format -i "${sources[@]}"
  exit
fi

failed=()
run() {
  local name=$1 start=$SECONDS
  shift
  if "$@"; then say "$name: good ($((SECONDS - start)) s)"; else
    failed+=("$name")
    say "$name: not good"
  fi
}
check_format() { printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 20 clang-format --dry-run -Werror; }
check_shell() {
  local scripts
  mapfile -t scripts < <(files | while read -r f; do head -c 64 "$f" | head -n 1 | grep -qaE '^#!.*\b(ba)?sh\b|^# shellcheck shell=' && echo "$f"; done)
  shellcheck -x "${scripts[@]}"
}
check_sizes() {
  local large
  large=$(files | while read -r f; do stat -c '%s %n' "$f"; done | awk '$1 > 1500 * 1024')
  [[ -z $large ]] || { printf 'larger than 1500 KiB: %s\n' "$large" >&2; return 1; }
}
# Documents wrap at 120 columns. A row of a table is one line, whatever its length.
check_width() {
  local documents
  mapfile -t documents < <(files '*.md')
  python3 - "${documents[@]}" <<'END'
import sys
bad = [f"{path}:{number}: {len(line)} columns" for path in sys.argv[1:]
       for number, line in enumerate(open(path, encoding="utf-8").read().splitlines(), 1)
       if len(line) > 120 and not line.lstrip().startswith("|")]
print("\n".join(bad), file=sys.stderr, end="\n" if bad else "")
sys.exit(1 if bad else 0)
END
}
run "format" check_format
run "shell scripts" check_shell
run "file sizes" check_sizes
run "width of documents" check_width
[[ ${1:-} == --quick ]] || run "clang-tidy" python3 tools/dev/tidy.py --build build/lint --cache "$cache/tidy"

if ((${#failed[@]})); then
  mends=
  [[ ${failed[0]} != format ]] || mends=' (./dev lint --fix mends the format)'
  printf 'dev: lint found something in: %s%s\n' "$(IFS=,; echo "${failed[*]}")" "$mends" >&2
  exit 1
fi
