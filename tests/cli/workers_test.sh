#!/usr/bin/env bash
# coterie workers, and coterie dump --broker: who is there, what one does, and what is said where it does not tell.
set -euo pipefail

[[ -x $COTERIE_BIN/coterie ]] || { echo "skipped: the command is not built"; exit 77; }
coterie=$COTERIE_BIN/coterie
dir=$(mktemp -d)
export COTERIE_BROKER=sqlite://$dir/queue.db
pids=()
trap 'for pid in "${pids[@]}"; do kill -CONT "$pid" 2>/dev/null; kill -9 "$pid" 2>/dev/null; done || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
# expect CODE TEXT command...: exits so, and says that.
expect() {
  local code=$1 text=$2 said=0 out
  shift 2
  out=$("$@" 2>&1) || said=$?
  [[ $said == "$code" ]] || fail "$*: exit code $said, not $code: $out"
  [[ $out == *"$text"* ]] || fail "$*: no '$text' in: $out"
}
# until_state NAME STATE
until_state() {
  for _ in $(seq 300); do
    "$coterie" workers | grep -q "^$1 .* $2 " && return
    sleep 0.1
  done
  fail "$1 is never $2: $("$coterie" workers)"
}

"$coterie" enqueue --exec 'sleep 600' >/dev/null
expect 0 'No workers' "$coterie" workers
"$coterie" worker --allow-exec --name busy -j 1 >/dev/null 2>&1 &
pids+=($!)
"$coterie" worker --allow-exec --name quiet --queue none --no-remote-debug >/dev/null 2>&1 &
pids+=($!)
until_state busy alive
until_state quiet alive

"$coterie" workers --json | grep -q '"name":"quiet".*"queues":\["none"\].*"answers":false' || fail "workers --json"
for _ in $(seq 100); do
  "$coterie" dump --broker "$COTERIE_BROKER" busy | grep -q 'exec' && break
  sleep 0.1
done
expect 0 'a process to exit' "$coterie" dump --broker "$COTERIE_BROKER" busy
expect 0 '"schema":1' "$coterie" dump --broker "$COTERIE_BROKER" --json "$("$coterie" workers --json | sed -n 's/.*"id":"\([^"]*\)","name":"busy".*/\1/p')"
expect 3 '--no-remote-debug' "$coterie" dump --broker "$COTERIE_BROKER" quiet
expect 2 "no worker 'nobody'" "$coterie" dump --broker "$COTERIE_BROKER" nobody
expect 2 'give a whole number' "$coterie" dump busy

kill -STOP "${pids[0]}"
expect 3 'has not answered within 2 s' "$coterie" dump --broker "$COTERIE_BROKER" busy
kill -CONT "${pids[0]}"
kill -9 "${pids[0]}"
until_state busy lost
expect 3 'is lost' "$coterie" dump --broker "$COTERIE_BROKER" busy
kill -TERM "${pids[1]}"
until_state quiet ended
expect 3 'has ended' "$coterie" dump --broker "$COTERIE_BROKER" quiet
