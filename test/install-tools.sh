#!/usr/bin/env bash
# Installs the system packages that tests use: nothing so far beyond what a Go machine has. Anything added here must work on
# Debian and Ubuntu, as root or with sudo, and say what is missing elsewhere.
set -euo pipefail
need=()
for tool in gcc git make; do
  command -v "$tool" >/dev/null 2>&1 || need+=("$tool")
done
[ ${#need[@]} -eq 0 ] && exit 0
run=()
[ "$(id -u)" -eq 0 ] || run=(sudo)
if ! command -v apt-get >/dev/null 2>&1; then
  echo "cannot install ${need[*]}: no apt-get here; install them by hand" >&2
  exit 1
fi
"${run[@]}" apt-get update -q
"${run[@]}" apt-get install -y -q --no-install-recommends "${need[@]}"
