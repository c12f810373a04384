#!/usr/bin/env bash
# A job starts though all workers but one are stopped (SIGSTOP): whoever is told of it on Redis may be one of those, and the one
# that is not would look by itself only after a third of its lease, which is twenty minutes here.
set -euo pipefail

[[ -x $COTERIE_BIN/coterie ]] || { echo "skipped: the command is not built"; exit 77; }
command -v redis-server >/dev/null || { echo "skipped: no redis-server"; exit 77; }
coterie=$COTERIE_BIN/coterie
dir=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill -CONT "$pid" 2>/dev/null; kill -9 "$pid" 2>/dev/null; done || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
redis() { redis-cli -s "$dir/redis.sock" "$@"; }
# until_asleep HOW_MANY: so many are written down as asleep, and nobody is still to look.
until_asleep() {
  for _ in $(seq 600); do
    [[ $(redis ZCARD '{coterie:0}A') == "$1" && -z $(redis KEYS '{coterie:0}G*') ]] && return
    sleep 0.1
  done
  fail "$1 workers are never asleep: $(redis ZCARD '{coterie:0}A')"
}

redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" >"$dir/redis.log" &
pids+=($!)
until [[ $(redis PING 2>/dev/null) == PONG ]]; do kill -0 "${pids[0]}" || fail "$(cat "$dir/redis.log")"; sleep 0.05; done
export COTERIE_BROKER=redis+unix://$dir/redis.sock
for i in 1 2 3 4 5 6; do
  "$coterie" worker --allow-exec --name "worker-$i" --lease 1h >/dev/null 2>&1 &
  pids+=($!)
done
until_asleep 6
kill -STOP "${pids[@]:2}" # the first is the server, the second goes on

timeout 60 "$coterie" enqueue --exec true --wait >/dev/null || fail "a job that is ready does not start while a worker sleeps"
timeout 60 "$coterie" enqueue --exec true --delay 100ms --wait >/dev/null || fail "nobody looks when the next job is due"
kill -CONT "${pids[@]:2}"
until_asleep 6
# Whoever was to look when it is due is stopped before that: two are, and a second later the others.
# On a busy machine it may be due before all six know of it: then one that is due later.
delay=2
late=
until [[ -n $late && $(redis ZCARD '{coterie:0}D') == 6 ]]; do
  if ! kill -0 "$late" 2>/dev/null; then
    delay=$((2 * delay))
    ((delay < 100)) || fail "six workers never know of what will be due"
    "$coterie" enqueue --exec true --delay "${delay}s" --wait >"$dir/late" &
    late=$!
    pids+=("$late")
  fi
  "$coterie" enqueue --exec true --wait >/dev/null # who has run a job looks again, and is written down for it
done
kill -STOP "${pids[@]:2:5}"
for _ in $(seq 600); do
  kill -0 "$late" 2>/dev/null || break
  sleep 0.1
done
[[ -s $dir/late ]] || fail "those in charge of what is due are stopped, and nobody stands in"
