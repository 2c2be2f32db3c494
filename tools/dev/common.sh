# shellcheck shell=bash disable=SC2034 # used by those who source this
# What the parts of ./dev share: messages, long steps that can be interrupted, the list of packages. Sourced by bash.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set: ./dev keeps what it makes in \$HOME/.cache/gantry}/.cache}/gantry

say() { printf 'dev: %s\n' "$*" >&2; }
die() {
  say "$@"
  exit 3
}

# packages SECTION…: the packages of these sections of packages.txt, sorted, one a line.
packages() {
  awk -v wanted=" $* " '
    /^[[:space:]]*(#|$)/ { next }
    /^\[/ { section = substr($1, 2, length($1) - 2); next }
    index(wanted, " " section " ") { print $1 }' "$repo/packages.txt" | LC_ALL=C sort -u
}

# preset_of ARGS…: the preset that a command line names (--preset P or --preset=P), else dev.
preset_of() {
  local preset=dev
  while (($#)); do
    case $1 in
      --preset) preset=${2:-} ;;
      --preset=*) preset=${1#*=} ;;
    esac
    shift
  done
  printf '%s\n' "$preset"
}

# guarded CMD…: runs CMD to its end and answers its status. CMD gets a session of its own, so that whatever ends us (Ctrl-C,
# SIGTERM, and through pdeathsig even SIGKILL) also ends everything that CMD has started, and nothing else. sudo stays in our
# session, because it asks for the password there; it passes signals on itself.
guarded_child=
guarded() {
  local status=0 own=(setsid -- setpriv --pdeathsig "${guarded_signal:-TERM}" --)
  [[ $1 == sudo ]] && own=()
  "${own[@]}" "$@" <&0 &
  guarded_child=$!
  guarded_target=-$guarded_child
  [[ $1 == sudo ]] && guarded_target=$guarded_child
  trap 'guarded_end INT 130' INT
  trap 'guarded_end TERM 143' TERM
  trap 'guarded_end HUP 129' HUP
  [[ -z ${guarded_watch:-} ]] || "$guarded_watch" "$guarded_child"
  wait "$guarded_child" || status=$?
  trap - INT TERM HUP
  return "$status"
}
guarded_end() {
  trap '' INT TERM HUP
  kill "-${guarded_signal:-TERM}" -- "$guarded_target" 2>/dev/null || true
  local waited=0
  while kill -0 -- "$guarded_target" 2>/dev/null && ((waited++ < 50)); do sleep 0.1; done
  kill -KILL -- "$guarded_target" 2>/dev/null || true
  [[ ! -t ${guarded_stderr:-2} ]] || printf '\n' >&"${guarded_stderr:-2}"
  say "interrupted${guarded_advice:+; $guarded_advice}" 2>&"${guarded_stderr:-2}"
  trap - INT TERM HUP
  kill "-$1" $$ # so that our caller sees a program that died of this signal
  exit "$2"
}

# step TEXT CMD…: a long step. Its output goes to the file $step_log; a terminal shows one line with the elapsed time and how
# far apt is (apt reports on descriptor 3), anything else a plain line now and then. On failure the log's end is shown.
step_log=/dev/null
step() {
  local text=$1 status=0 guarded_stderr
  shift
  exec {guarded_stderr}>&2
  step_text=$text step_start=$SECONDS step_apt=$(mktemp)
  printf '\n=== %s: %s\n' "$(date -u +%FT%TZ)" "$text" >>"$step_log"
  [[ -t 2 ]] || say "$text …"
  guarded_watch=step_watch guarded "$@" </dev/null >>"$step_log" 2>&1 3>"$step_apt" || status=$?
  exec {guarded_stderr}>&-
  rm -f "$step_apt"
  if ((status == 0)); then
    [[ -t 2 ]] && printf '\r\033[K' >&2
    say "$text: done in $((SECONDS - step_start)) s"
  else
    [[ -t 2 ]] && printf '\r\033[K' >&2
    say "$text: failed after $((SECONDS - step_start)) s (status $status)"
  fi
  return "$status"
}
step_watch() {
  local told=$SECONDS line
  while kill -0 "$1" 2>/dev/null; do
    # apt's lines: dlstatus:ITEM:PERCENT:TEXT and pmstatus:PACKAGE:PERCENT:TEXT
    line=$(tail -n 1 "$step_apt" | awk -F: 'NF > 3 { printf "%3d %% %s", $3, $4 }')
    if [[ -t 2 ]]; then
      printf '\r\033[K[%3d s] %s  %.60s' "$((SECONDS - step_start))" "$step_text" "$line" >&2
    elif ((SECONDS - told >= 20)); then
      told=$SECONDS
      say "$step_text … $((SECONDS - step_start)) s${line:+, $line}"
    fi
    sleep 0.3
  done
}
