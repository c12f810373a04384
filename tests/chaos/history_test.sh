#!/usr/bin/env bash
# The judge of chaos runs names each kind of bad history.
set -euo pipefail
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
cd "$COTERIE_SOURCE/tests/chaos"
exec python3 -B -m unittest history_test starts_test sentinel_world_test revision_test
