#!/usr/bin/env bash
# The faults of chaos runs do what they say.
set -euo pipefail
for tool in python3 redis-server sqlite3; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
cd "$COTERIE_SOURCE/tests/chaos"
exec python3 -B faults_test.py "$COTERIE_BUILD/chaos/chaos_faults.so"
