#!/usr/bin/env bash
# bench/compare sees a missed target as missed, and a bad reference as one that makes the run void; and it runs, where the
# benchmarks were built.
set -euo pipefail
exec python3 -B "$COTERIE_SOURCE/tests/bench/compare_checks.py" "$COTERIE_SOURCE" "$COTERIE_BUILD/bench"
