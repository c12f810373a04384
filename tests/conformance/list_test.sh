#!/usr/bin/env bash
# Every line of the list has its test, and every case that can runs both ways.
set -euo pipefail
python3 -c 'import tomllib' 2>/dev/null || { echo "skipped: python 3.11 or newer is not installed"; exit 77; }
exec "$COTERIE_SOURCE/scripts/check-conformance"
