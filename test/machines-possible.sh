#!/usr/bin/env bash
# Says whether this machine can hold machines with real systemd and snapd: succeeds if it can, else prints why it cannot and fails.
set -euo pipefail

no() {
  echo "$@"
  exit 1
}

[ "$(id -u)" -eq 0 ] || no "machines with systemd need root"
for device in /dev/fuse /dev/loop-control; do
  [ -e "$device" ] || no "machines with snapd need $device"
done
unshare --net --pid --mount --fork --mount-proc mount -t tmpfs none /mnt 2>/dev/null ||
  no "machines need namespaces and mounts of their own, which are not allowed here"
