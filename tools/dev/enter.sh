#!/bin/bash
# enter.sh ROOT USER CMD…: becomes CMD, seeing ROOT's /usr and /etc over this machine's and everything else as it is. Runs in a
# mount namespace of its own (./dev makes it), so the mounts are nobody else's and end with CMD. USER: a user id to go back to
# where being root was only borrowed for the mounts (ns:UID:GID in a user namespace, sudo:UID:GID), or - to stay.
set -euo pipefail
root=$1 user=$2
shift 2

# The machine's own answers to who and where, also inside.
for name in resolv.conf hosts passwd group; do
  if [[ -e /etc/$name && -e $root/etc/$name ]]; then mount --bind "/etc/$name" "$root/etc/$name"; fi
done
# The package database goes with /usr, so that dpkg tells the truth; and read-only, because apt-get would write elsewhere too.
for folder in /var/lib/dpkg /var/lib/apt /var/cache/apt; do
  if [[ -d $folder ]]; then mount --bind "$root$folder" "$folder"; fi
done
mount --rbind "$root/etc" /etc
# Machines that were installed long ago have /bin, /lib … as folders of their own. From the first of these mounts on, programs
# are Debian forky's.
for folder in /bin /sbin /lib64 /lib; do
  if [[ -d $folder && ! -L $folder && -d $root/usr$folder ]]; then mount --bind "$root/usr$folder" "$folder"; fi
done
mount --bind "$root/usr" /usr
for folder in /usr /etc /var/lib/dpkg; do
  # In a user namespace the kernel may refuse; then the files' permissions protect them.
  mount -o remount,bind,ro "$folder" 2>/dev/null || true
done

cd "$PWD" # again: the folder may be below a mount
IFS=: read -r how uid gid <<<"$user"
case $how in
  ns) exec unshare --user --map-user="$uid" --map-group="$gid" "$@" ;;
  sudo) exec setpriv --reuid="$uid" --regid="$gid" --init-groups "$@" ;;
  *) exec "$@" ;;
esac
