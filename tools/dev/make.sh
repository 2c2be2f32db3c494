#!/bin/bash
# The parts of making a root file system that run as root, in namespaces of their own (see rootfs.sh): what is mounted or
# started here ends with this process.
#   make.sh base ROOT ARCHIVES MMDEBSTRAP-ARGS…   a minimal system in the new folder ROOT, or nothing
#   make.sh sysroot ROOT ARCHIVES MMDEBSTRAP-ARGS…  packages for another architecture, unpacked only, to link against
#   make.sh prepare ROOT ARCHIVES SOURCE-LINE     mends an interrupted installation, sets apt and dpkg up
#   make.sh run ROOT ARCHIVES CMD…                CMD inside
#   make.sh finish ROOT ARCHIVES PACKAGES           notes that PACKAGES are installed, drops their archives
set -euo pipefail
what=$1 root=$2 archives=$3
shift 3
mkdir -p "$archives/partial"

# base, sysroot: archives stay outside, so that a second try downloads nothing twice.
unpack() {
  rm -rf --one-file-system -- "$root"
  # shellcheck disable=SC2016 # mmdebstrap's hooks get the folder as $1
  archives=$archives mmdebstrap --mode=root --skip=essential/unlink \
    --setup-hook='mkdir -p "$1/var/cache/apt/archives" && mount --bind "$archives" "$1/var/cache/apt/archives"' \
    --customize-hook='umount "$1/var/cache/apt/archives"' "$@"
  ! mountpoint -q "$root/var/cache/apt/archives" || umount "$root/var/cache/apt/archives" # unpacked only: no such hooks
}

inside() {
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" || mount --rbind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind "$archives" "$root/var/cache/apt/archives"
  [[ ! -e /etc/resolv.conf ]] || mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
  env -i PATH=/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
    chroot "$root" "$@"
}

case $what in
  base)
    unpack "$@"
    chmod 755 "$root"
    ;;
  sysroot)
    unpack "$@"
    # A foreign system's own scripts cannot run here, so the links that they make are made by hand.
    for name in bin sbin lib lib64; do
      [[ -e $root/$name || ! -d $root/usr/$name ]] || ln -s "usr/$name" "$root/$name"
    done
    find "$root/usr" -xtype l -lname '/*' -printf '%p\n' | while read -r link; do
      ln -sfn "$(realpath --canonicalize-missing --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
    done
    rm -rf --one-file-system -- "$root"/usr/share/{doc,man,info,locale} "$root"/var/{lib,cache}/apt
    chmod 755 "$root"
    ;;
  prepare)
    rm -f "$root/etc/resolv.conf"
    : >"$root/etc/resolv.conf" # the host's is mounted over it
    printf '%s\n' "$1" >"$root/etc/apt/sources.list"
    printf '#!/bin/sh\n# No service starts in a root file system that is only built in.\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    printf 'APT::Sandbox::User "root";\nAPT::Keep-Downloaded-Packages "true";\nDpkg::Use-Pty "false";\n' \
      >"$root/etc/apt/apt.conf.d/99gantry"
    if [[ -e $root/gantry-changing ]]; then
      inside sh -c 'dpkg --configure -a && apt-get -y --fix-broken install'
    fi
    : >"$root/gantry-changing"
    ;;
  run) inside "$@" ;;
  finish)
    printf '%s\n' "$1" >"$root/gantry-packages.new"
    rm -f "$root/gantry-changing"
    mv "$root/gantry-packages.new" "$root/gantry-packages"
    rm -rf --one-file-system -- "$archives"
    ;;
esac
