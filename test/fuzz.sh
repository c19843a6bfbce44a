#!/usr/bin/env bash
# fuzz.sh [RUNS] [NAME]: run every fuzz target of the tree, or those whose names match NAME, RUNS times each (default 5000). Each package
# is built once. An input that fails a target is written into the package's testdata/fuzz, where every later `go test` tries it first:
# commit it with the mend. A number and not a time: up to Go 1.26 a target whose time is up may fail with "context deadline exceeded" and
# no input (go.dev/issue/75804).
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-5000} name=${2:-Fuzz}
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
cache=$(go env GOCACHE)/fuzz
targets=0 failed=()
while read -r dir; do
  mapfile -t found < <(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | cut -c6- | grep -E "$name" || true)
  [ ${#found[@]} -gt 0 ] || continue
  go test -c -vet=off -fuzz=Fuzz -o "$programs/fuzz.test" "./$dir"
  for target in "${found[@]}"; do
    targets=$((targets + 1))
    if ! out=$(cd "$dir" && "$programs/fuzz.test" -test.run='^$' -test.fuzz="^$target\$" -test.fuzztime="${runs}x" \
      -test.fuzzcachedir="$cache/jujuetcd.io/$dir" -test.timeout=60m 2>&1); then
      failed+=("$dir $target")
      echo "$out" >&2
    fi
  done
done < <(grep -rlE '^func Fuzz' --include='*_test.go' pkg sim cmd test | xargs -n1 dirname | sort -u)
echo "fuzz: $targets targets, $runs runs each, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ] || { printf 'fuzz: FAILED %s\n' "${failed[@]}" >&2; exit 1; }
