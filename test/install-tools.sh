#!/usr/bin/env bash
# Installs the system packages that tests use. Works on Debian and Ubuntu, as root or with sudo, and says what is missing elsewhere.
#
#   install-tools.sh            for all tests but those on real machines: beyond what a Go machine has, python3 for the Nagios checks, easy-rsa and the tools of closed networks
#   install-tools.sh machines   for those: needs root, and says why they cannot run where they cannot
set -euo pipefail

fail() {
  echo "$@" >&2
  exit 1
}

# A program, and the package that it is in where that has another name.
need=(gcc git make python3 /usr/share/easy-rsa/easyrsa:easy-rsa)
# Tests that close or cut networks do so in one of their own, which takes root; as somebody else they say that they did not run.
[ "$(id -u)" -ne 0 ] || need+=(ip:iproute2 nft:nftables)
if [ "${1:-}" = machines ]; then
  why=$("${BASH_SOURCE%/*}/machines-possible.sh") || fail "$why"
  need=(systemd-nspawn:systemd-container mmdebstrap mksquashfs:squashfs-tools ip:iproute2)
fi

# Prometheus is taken out of Debian's package: to install that would start a server.
prometheus=${XDG_CACHE_HOME:-$HOME/.cache}/jujuetcd/prometheus
if [ "${1:-}" != machines ] && ! { command -v prometheus && command -v promtool || [ -x "$prometheus/promtool" ]; } >/dev/null 2>&1; then
  command -v apt-get >/dev/null 2>&1 || fail "cannot get prometheus: no apt-get here; install it by hand"
  if ! apt-cache show prometheus >/dev/null 2>&1; then
    [ "$(id -u)" -eq 0 ] && apt-get update -q || sudo apt-get update -q
  fi
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  chmod 755 "$unpacked"
  (cd "$unpacked" && apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb .)
  mkdir -p "$prometheus"
  install -m 755 "$unpacked"/usr/bin/prometheus "$unpacked"/usr/bin/promtool "$prometheus/"
fi

packages=()
for tool in "${need[@]}"; do
  command -v "${tool%:*}" >/dev/null 2>&1 || packages+=("${tool#*:}")
done
[ ${#packages[@]} -eq 0 ] && exit 0
[ "${1:-}" != machines ] || packages+=(debian-archive-keyring)
run=()
[ "$(id -u)" -eq 0 ] || run=(sudo)
command -v apt-get >/dev/null 2>&1 || fail "cannot install ${packages[*]}: no apt-get here; install them by hand"
"${run[@]}" apt-get update -q
"${run[@]}" apt-get install -y -q --no-install-recommends "${packages[@]}"
