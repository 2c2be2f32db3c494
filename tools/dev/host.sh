# shellcheck shell=bash disable=SC2154 # repo, cache: common.sh
# What this machine is and may do: is it recent enough to build on directly, and how do we become root. Sourced by ./dev.

# The oldest versions that Gantry is built with. GCC 15 because of C++23's library parts; the rest is what our CMake files use.
host_needs=("g++ 4:15" "cmake 3.25" "libtensorflow-lite-dev 2.14")

# host_may_be_recent: could this distribution have those versions? Decides by its name only, so it is free to ask.
host_may_be_recent() {
  local ID='' VERSION_ID='' VERSION_CODENAME=''
  # shellcheck source=/dev/null
  [[ -r /etc/os-release ]] && . /etc/os-release
  command -v apt-get >/dev/null || return 1
  case $ID in
    debian) [[ $VERSION_CODENAME == sid ]] || ((${VERSION_ID:-99} >= 14)) ;; # testing and sid have no VERSION_ID
    ubuntu) dpkg --compare-versions "$VERSION_ID" ge 25.10 ;;
    *) true ;; # a derivative: its package index decides
  esac
}

# host_has SECTION: the packages of this section that the package index has.
host_has() {
  packages "$1" | xargs apt-cache policy 2>/dev/null |
    awk '/^[^ ].*:$/ { name = substr($1, 1, length($1) - 1) } /^  Candidate: [^(]/ { print name }'
}

# host_lacks: prints what the package index lacks for building right here; nothing if all is there.
host_lacks() {
  local need name version
  local -A candidate=()
  while read -r name version; do candidate[$name]=$version; done < <(
    packages target build | xargs apt-cache policy 2>/dev/null |
      awk '/^[^ ].*:$/ { name = substr($1, 1, length($1) - 1) } /^  Candidate:/ { print name, $2 }'
  )
  while read -r name; do
    [[ ${candidate[$name]:-(none)} != "(none)" ]] || printf '%s is not in the package index\n' "$name"
  done < <(packages target build)
  for need in "${host_needs[@]}"; do
    read -r name version <<<"$need"
    [[ ${candidate[$name]:-(none)} == "(none)" ]] && continue
    dpkg --compare-versions "${candidate[$name]}" ge "$version" ||
      printf '%s is %s here, %s is needed\n' "$name" "${candidate[$name]}" "$version"
  done
}

# host_is_recent: build right here? GANTRY_DEV=native or GANTRY_DEV=rootfs decides; else we look, and remember the answer until
# the distribution or our list of packages changes.
host_is_recent() {
  case ${GANTRY_DEV:-} in
    native) return 0 ;;
    rootfs) return 1 ;;
    '') ;;
    *) die "GANTRY_DEV is \"$GANTRY_DEV\": want native (build with this machine's packages) or rootfs" ;;
  esac
  host_may_be_recent || return 1
  local key answer lacks
  key=$(cat /etc/os-release "$repo/packages.txt" "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)
  if read -r known answer 2>/dev/null <"$cache/host" && [[ $known == "$key" ]]; then
    [[ $answer == native ]]
    return
  fi
  if [[ -n $(host_lacks) ]]; then
    become_root "read the package index, to see whether this machine can build Gantry itself"
    say "reading the package index"
    "${as_root[@]}" apt-get -qq update >&2 || say "apt-get update failed; going on with what is known"
  fi
  lacks=$(host_lacks)
  answer=native
  if [[ -n $lacks ]]; then
    answer=rootfs
    say "this machine cannot build Gantry itself ($(head -n 1 <<<"$lacks")): using a root file system of Debian forky"
  fi
  mkdir -p "$cache"
  printf '%s %s\n' "$key" "$answer" >"$cache/host"
  [[ $answer == native ]]
}

# become_root WHY: sets as_root to what must stand before a command that needs root; ends with advice if there is no way.
as_root=()
become_root() {
  if ((EUID == 0)); then
    as_root=(env DEBIAN_FRONTEND=noninteractive)
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]; }; then
    say "using sudo to $1"
    as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
  else
    die "root is needed to $1, and sudo is not available here${2:+. $2}"
  fi
}

# host_missing PACKAGE…: those that are not installed.
host_missing() {
  comm -23 <(printf '%s\n' "$@" | sort -u) <(
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u
  )
}

# host_install PACKAGE…: installs what is missing on this machine, and says so before.
host_install() {
  local missing
  mapfile -t missing < <(host_missing "$@")
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null ||
    die "this machine lacks ${missing[*]} and has no apt-get: install them with its own package manager and run this again"
  say "installing on this machine: ${missing[*]}"
  become_root "install packages" "Ask an administrator: apt-get install ${missing[*]}"
  mkdir -p "$cache/log"
  step_log=$cache/log/host.log
  local install=(apt-get -y -o APT::Status-Fd=3 -o Dpkg::Use-Pty=0 install --no-install-recommends)
  [[ ${as_root[0]} == sudo ]] && install=(apt-get -y install --no-install-recommends) # sudo closes descriptor 3
  # An empty or old index is usual. A mirror that is a frozen copy has one that has expired, still signed: good enough.
  apt-get -qq --simulate install --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
    step "Reading the package index" "${as_root[@]}" apt-get update ||
    step "Reading the package index, though it has expired" "${as_root[@]}" apt-get -o Acquire::Check-Valid-Until=false update ||
    true
  step "Installing packages" "${as_root[@]}" "${install[@]}" "${missing[@]}" || {
    tail -n 15 "$step_log" >&2
    die "cannot install ${missing[*]}: see $step_log, then run this again"
  }
}
