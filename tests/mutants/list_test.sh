#!/usr/bin/env bash
# Every mutant fits the sources and names a test that is there. What the tests then say of them: make test-mutants.
set -euo pipefail
python3 -c 'import tomllib' 2>/dev/null || { echo "skipped: python 3.11 or newer is not installed"; exit 77; }
exec "$COTERIE_SOURCE/scripts/mutants" check
