#!/usr/bin/env bash
# timed.sh TARGET...: make one target after the other, and print at the end, also of a failure, how many seconds each has taken.
set -uo pipefail
cd "$(dirname "$0")/.."
rows=() result=0 all=$SECONDS
for target in "$@"; do
  echo "== $target"
  began=$SECONDS
  make --no-print-directory "$target" || result=$?
  rows+=("$(printf '%6d s  %s' $((SECONDS - began)) "$target")")
  [ "$result" -eq 0 ] || { rows[-1]+="  FAILED"; break; }
done
printf '\nseconds per target, on %d cores:\n' "$(nproc)"
printf '%s\n' "${rows[@]}"
printf '%6d s  in all\n' $((SECONDS - all))
exit "$result"
