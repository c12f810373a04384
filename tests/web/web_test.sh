#!/usr/bin/env bash
# The dashboard in a real browser: Debian's Chromium, driven by playwright-core, which npm fetches into the build folder.
# Skips where one of them is missing, and says which. COTERIE_WEB_SHOTS=DIR keeps a picture of each page.
# `web_test.sh soak` keeps pages open for SECONDS (1800) and looks at their heap instead.
set -euo pipefail

for need in node npm chromium; do
  command -v "$need" >/dev/null || { echo "skipped: $need is not installed (scripts/bootstrap test)"; exit 77; }
done
[[ -x $COTERIE_BIN/coterie && -x $COTERIE_BUILD/tests/web_agent && -x $COTERIE_BUILD/tests/web_stuck_agent ]] || { echo "skipped: the command is not built"; exit 77; }

work=$COTERIE_BUILD/web-tests
mkdir -p "$work"
if ! cmp -s "$COTERIE_SOURCE/tests/web/package-lock.json" "$work/package-lock.json"; then
  cp "$COTERIE_SOURCE/tests/web/package.json" "$work/"
  (cd "$work" && cp "$COTERIE_SOURCE/tests/web/package-lock.json" new-lock.json && mv new-lock.json package-lock.json &&
    PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
    { rm -f "$work/package-lock.json"; echo "skipped: npm could not fetch playwright-core and axe-core"; exit 77; }
fi
export COTERIE_WEB_MODULES=$work
[[ ${1:-} == soak ]] && exec node "$COTERIE_SOURCE/tests/web/soak.mjs"
exec node --test --test-concurrency=1 --test-reporter=spec "$COTERIE_SOURCE"/tests/web/{static,pages,hands,looks,accounts,hostile,jobs,live,redaction}.test.mjs
