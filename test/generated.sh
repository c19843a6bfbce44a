#!/usr/bin/env bash
# generated.sh CONTROLLER_GEN: fail if deep copies, CRD schemas or go.mod are not what `make generate` and `go mod tidy` would write. The
# tree is not touched.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/object" "$out/crd"
# Modules that are fetched on the way are nobody's news.
quietly() { "$@" 2>"$out/log" || { cat "$out/log" >&2; return 1; }; }
quietly go run "$1" object crd paths=./pkg/apis/... output:object:dir="$out/object" output:crd:dir="$out/crd"
stale=0
for file in "$out"/object/* ; do diff -u "pkg/apis/v1alpha1/$(basename "$file")" "$file" || stale=1; done
diff -ru config/crd "$out/crd" || stale=1
quietly go mod tidy -diff || stale=1
[ "$stale" -eq 0 ] || { echo "generated files are not up to date: run make generate and go mod tidy" >&2; exit 1; }
