#!/usr/bin/env bash
# Some seconds of slots that move between the masters of a cluster. `make chaos BROKER=cluster` is the long version.
set -euo pipefail
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
command -v redis-server >/dev/null || { echo "skipped: redis-server is not installed"; exit 77; }
exec python3 -B "$COTERIE_SOURCE/tests/chaos/chaos" --build "$COTERIE_BUILD" --broker cluster --seconds 15 --seed 3 \
  --producers 2 --workers 3 --rate 15 --drain-s 60
