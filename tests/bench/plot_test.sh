#!/usr/bin/env bash
# docs/images/scheduling.svg is what bench/plot-scheduling draws of the policies as they are, and a difference is noticed.
set -euo pipefail
plot=$COTERIE_SOURCE/bench/plot-scheduling
bench=$COTERIE_BUILD/bench/bench_overload
"$plot" --bench "$bench" --check
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sed 's/ ms late/ ms too late/' "$COTERIE_SOURCE/docs/images/scheduling.svg" >"$tmp/other.svg"
if "$plot" --bench "$bench" --check "$tmp/other.svg" 2>"$tmp/said"; then
  echo "a picture that is another was taken for the one that is drawn" >&2
  exit 1
fi
grep -q 'draws it anew' "$tmp/said"
echo "plot_test: the picture in docs is what the policies do"
