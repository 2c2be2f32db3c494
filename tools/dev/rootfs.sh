# shellcheck shell=bash disable=SC2154 # repo, cache: common.sh
# A Debian forky root file system, made once and kept under the user's cache folder, and an arm64 one to link against.
# Sourced by ./dev. How and why: docs/decisions/0001-root-file-system.md.

# Raise when a root file system must be made afresh because of how it is made. A longer list of packages is no such reason.
rootfs_recipe=1
rootfs_suite=forky
rootfs=$cache/rootfs/$rootfs_suite-$(uname -m)-r$rootfs_recipe
maker=$repo/tools/dev/make.sh
sysroot=$cache/sysroot/$rootfs_suite-arm64-r$rootfs_recipe
# Two versions of Mesa's delegate, where they can be had: 26.1 and 26.2 at the time of writing.
npu_suites=(forky sid)
npu_roots=$cache/npu

maker_needs=(mmdebstrap debian-archive-keyring)
((EUID == 0)) || maker_needs+=(uidmap)

# Space and time, and files that no build reads.
rootfs_dpkg=(
  --dpkgopt=force-unsafe-io
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright'
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*'
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*'
)
# A mirror may be a frozen copy, whose Release file has expired; its signature is checked all the same.
rootfs_apt=('Acquire::Check-Valid-Until "false"' 'Acquire::Retries "3"' 'Acquire::http::Timeout "30"' 'Acquire::https::Timeout "30"')

# rootfs_for_training: from here on the root file system is the one for ./dev train: large, and without compilers.
rootfs_for_training() {
  rootfs+=-train
}

# mirrors: candidates, best first: where this machine gets its own packages from, then Debian's own.
mirrors() {
  local uri
  if [[ -n ${GANTRY_MIRROR:-} ]]; then
    printf '%s\n' "${GANTRY_MIRROR%/}"
    return
  fi
  # This understands both formats of apt's sources. mirror+file: names a file with one address a line.
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | while read -r uri; do
    case $uri in
      mirror+file:*) sed -n 's/^\([a-z]*:[^[:space:]]*\).*/\1/p' "${uri#mirror+file:}" 2>/dev/null ;;
      http:* | https:*) printf '%s\n' "$uri" ;;
    esac
  done | sed 's,/*$,,' | awk '!seen[$0]++'
  # The address that mmdebstrap has for those who name none.
  sed -n "s/^ *my \$mirror *= '\(.*\)';$/\1/p" "$(command -v mmdebstrap)"
}

# choose_mirror: sets mirror to the first candidate that serves Debian's own forky.
choose_mirror() {
  local candidate release error tried=()
  release=$(mktemp)
  while read -r candidate; do
    if error=$(/usr/lib/apt/apt-helper download-file "$candidate/dists/$rootfs_suite/InRelease" "$release" 2>&1); then
      if grep -qx 'Origin: Debian' "$release" && grep -qx "Codename: $rootfs_suite" "$release"; then
        rm -f "$release"
        mirror=$candidate
        return
      fi
      error='that is not Debian'"'"'s main archive'
    fi
    tried+=("$candidate ($(sed -n 's/^E: //p; t end; $p; :end' <<<"$error" | head -n 1))")
  done < <(mirrors)
  rm -f "$release"
  printf 'dev: tried %s\n' "${tried[@]}" >&2
  die "no mirror serves Debian $rootfs_suite: check the network, or name one with GANTRY_MIRROR=http://HOST/debian"
}

# maker_privileges: sets in_ns to what runs a command as root among mounts and processes of its own, which end with it.
maker_privileges() {
  local namespaces=(setpriv --pdeathsig KILL -- unshare --mount --pid --fork --kill-child)
  if ((EUID == 0)); then
    in_ns=("${namespaces[@]}" --)
  elif unshare --map-auto --map-root-user --mount true 2>/dev/null; then
    in_ns=("${namespaces[@]}" --map-auto --map-root-user --)
  else
    become_root "make a root file system of Debian $rootfs_suite" \
      "Or allow user namespaces: apt-get install uidmap, and a line for $USER in /etc/subuid and /etc/subgid"
    in_ns=("${as_root[@]}" "${namespaces[@]}" --)
  fi
  "${in_ns[@]}" mount --bind /tmp /tmp 2>/dev/null ||
    die "this machine (a container?) does not let us mount: give it the capability SYS_ADMIN, or run ./dev in an image of" \
      "Debian forky, where it needs no root file system"
}

# locked CMD…: one ./dev at a time makes or changes what is in the cache.
locked() {
  mkdir -p "$cache/log" "$cache/rootfs" "$cache/sysroot"
  exec 8>"$cache/lock"
  if ! flock --nonblock 8; then
    say "waiting for another ./dev that prepares the root file system"
    flock 8
  fi
  guarded_signal=KILL guarded_advice="run it again: it continues where it was" "$@"
  exec 8>&-
}

failed() {
  tail -n 15 "$step_log" | cut -c1-200 >&2
  grep -q NO_PUBKEY "$step_log" && say "the package debian-archive-keyring of this machine is too old to know Debian's present keys"
  die "$1. Everything that was said is in $step_log. Run it again: it continues where it was"
}

# retried TEXT CMD…: mirrors fail for a moment; try thrice.
retried() {
  local text=$1 try
  shift
  for try in 1 2 3; do
    step "$text" "$@" && return
    ((try == 3)) || sleep 3
  done
  return 1
}

# ensure_rootfs: the root file system exists, is not half-changed, and has the packages of $sections. The usual case must cost
# nothing.
ensure_rootfs() {
  local want
  want=$(packages "${sections[@]}")
  [[ -e $rootfs/gantry-packages && ! -e $rootfs/gantry-changing && -z $(LC_ALL=C comm -23 <(echo "$want") "$rootfs/gantry-packages") ]] || locked make_rootfs "$want"
}

make_rootfs() {
  local want=$1 have='' missing make archives=$cache/archives
  [[ -e $rootfs/gantry-packages ]] && have=$(<"$rootfs/gantry-packages")
  mapfile -t missing < <(LC_ALL=C comm -23 <(echo "$want") <(echo "$have"))
  if [[ -e $rootfs/gantry-packages && ! -e $rootfs/gantry-changing ]] && ((${#missing[@]} == 0)); then
    return # the list became shorter, or another ./dev was faster
  fi
  step_log=$cache/log/rootfs.log
  : >"$step_log"
  [[ -e $rootfs ]] || say "preparing Debian $rootfs_suite under $cache (once; 1 to 3.5 GB; log: $step_log)"
  if [[ ! -e $rootfs ]]; then
    host_install "${maker_needs[@]}"
    step_log=$cache/log/rootfs.log
  fi
  maker_privileges
  choose_mirror
  say "packages come from $mirror"
  if [[ ! -e $rootfs ]]; then
    retried "Making the base system" "${in_ns[@]}" bash "$maker" base "$cache/rootfs/making" "$archives" --variant=apt \
      "${rootfs_apt[@]/#/--aptopt=}" "${rootfs_dpkg[@]}" "$rootfs_suite" "$cache/rootfs/making" \
      "deb $mirror $rootfs_suite main" || failed "making the base system failed"
    "${in_ns[@]}" mv -- "$cache/rootfs/making" "$rootfs"
  fi
  make=("${in_ns[@]}" bash "$maker")
  step "Preparing" "${make[@]}" prepare "$rootfs" "$archives" "deb $mirror $rootfs_suite main" ||
    failed "an interrupted installation cannot be mended; if that stays so: ./dev clean --all"
  retried "Reading the package index" "${make[@]}" run "$rootfs" "$archives" apt-get update ||
    failed "reading the package index failed"
  local install=(run "$rootfs" "$archives" apt-get -y -o APT::Status-Fd=3 install --no-install-recommends)
  retried "Downloading packages" "${make[@]}" "${install[@]}" --download-only "${missing[@]}" ||
    failed "downloading packages failed"
  step "Installing packages" "${make[@]}" "${install[@]}" --no-download "${missing[@]}" ||
    failed "installing packages failed"
  # What was there stays listed: a clone at another commit, with another list, would else install its own again each time.
  "${make[@]}" finish "$rootfs" "$archives" "$(LC_ALL=C sort -u <<<"$have"$'\n'"$want" | sed '/^$/d')"
}

# ensure_sysroot: what arm64 programs are linked against: our libraries for that architecture, unpacked without running anything.
ensure_sysroot() {
  local want
  want=$(packages target)
  [[ -e $sysroot/gantry-packages && $(<"$sysroot/gantry-packages") == "$want" ]] || locked make_sysroot "$want"
}

make_sysroot() {
  [[ -e $sysroot/gantry-packages && $(<"$sysroot/gantry-packages") == "$1" ]] && return
  host_install "${maker_needs[@]}"
  step_log=$cache/log/sysroot.log
  : >"$step_log"
  local archives=$cache/archives-arm64 include
  maker_privileges
  choose_mirror
  say "preparing arm64 libraries under $cache (once; packages come from $mirror; log: $step_log)"
  include=$(tr '\n' ',' <<<"$1")libc6-dev,libstdc++-16-dev
  retried "Unpacking arm64 libraries" "${in_ns[@]}" bash "$maker" sysroot "$cache/sysroot/making" "$archives" \
    --variant=extract --architectures=arm64 --include="$include" "${rootfs_apt[@]/#/--aptopt=}" \
    "$rootfs_suite" "$cache/sysroot/making" "deb $mirror $rootfs_suite main" || failed "unpacking arm64 libraries failed"
  "${in_ns[@]}" bash "$maker" finish "$cache/sysroot/making" "$archives" "$1"
  "${in_ns[@]}" rm -rf --one-file-system -- "$sysroot"
  "${in_ns[@]}" mv -- "$cache/sysroot/making" "$sysroot"
}

# ensure_npu_roots: arm64 systems with Mesa's delegate, for tests under emulation; one a suite, below $npu_roots. Tests skip
# what is missing, so failing here is no error. To be run where the sysroot was made.
ensure_npu_roots() {
  local want suite
  want=$(packages target npu)
  for suite in "${npu_suites[@]}"; do
    [[ -e $npu_roots/$suite-arm64-r$rootfs_recipe/gantry-packages ]] && continue
    mkdir -p "$npu_roots"
    # In a process of its own: whatever ends it, the tests go on.
    (locked make_npu_root "$suite" "$want") || say "going on without $suite's arm64 libteflon.so: its tests will be skipped"
  done
}

make_npu_root() {
  local suite=$1 root=$npu_roots/$1-arm64-r$rootfs_recipe making=$npu_roots/making
  [[ -e $root/gantry-packages ]] && return
  host_install "${maker_needs[@]}"
  step_log=$cache/log/npu-$suite.log
  : >"$step_log"
  local archives=$cache/archives-npu
  maker_privileges
  choose_mirror
  say "preparing $suite's arm64 delegate under $npu_roots (once; packages come from $mirror; log: $step_log)"
  step "Unpacking arm64 libraries of $suite" "${in_ns[@]}" bash "$maker" sysroot "$making" "$archives" \
    --variant=extract --architectures=arm64 --include="$(tr '\n' ',' <<<"$2")" "${rootfs_apt[@]/#/--aptopt=}" \
    "$suite" "$making" "deb $mirror $suite main" || return
  # Programs are only run here, not linked.
  "${in_ns[@]}" rm -rf --one-file-system -- "$making/usr/include"
  "${in_ns[@]}" find "$making/usr/lib" -name '*.a' -delete
  "${in_ns[@]}" bash "$maker" finish "$making" "$archives" "$2"
  "${in_ns[@]}" mv -- "$making" "$root"
}
