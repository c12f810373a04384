# What the command serves to Prometheus over its real path: a worker and a store, scraped while jobs run; promtool finds
# nothing wrong, and rules, dashboard and docs name no metric that is not there.
set -euo pipefail
command -v promtool >/dev/null || { echo "promtool is not installed; scripts/bootstrap test installs it (prometheus)"; exit 77; }
command -v curl >/dev/null || { echo "curl is not installed; scripts/bootstrap test installs it"; exit 77; }
coterie=$COTERIE_BIN/coterie
[[ -x $coterie ]] || { echo "the command is not built"; exit 77; }
folder=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT
fail() { echo "FAILED: $*"; exit 1; }
export COTERIE_BROKER=sqlite://$folder/q.db

# The line that says where it serves, once it is there.
url_in() {  # file
  local url i
  for ((i = 0; i < 600; i++)); do
    url=$(grep -o 'http://[^ ;,]*/metrics' "$1" || true)
    [[ -n $url ]] && { echo "$url"; return; }
    sleep 0.1
  done
  cat "$1" >&2
  return 1
}
has() { grep -qE "^$2( |$)" "$1" || { cat "$1"; fail "$1 has no line $2"; }; }

for i in 1 2 3; do "$coterie" enqueue --queue mail --exec "echo $i" >/dev/null; done
"$coterie" enqueue --queue mail --retries 0 --exec 'exit 3' >/dev/null
"$coterie" pause held >/dev/null

"$coterie" metrics >"$folder/once"
has "$folder/once" 'coterie_queue_jobs\{queue="mail",state="ready"\} 4'
has "$folder/once" 'coterie_queue_paused\{queue="held"\} 1'
has "$folder/once" 'coterie_queue_paused\{queue="mail"\} 0'

# Nobody takes the traces there: only that they are counted is looked at.
"$coterie" worker --allow-exec --queue mail --metrics 127.0.0.1:0 --traces http://127.0.0.1:9 >"$folder/worker.out" 2>"$folder/worker.log" &
pids+=($!)
"$coterie" metrics --listen 127.0.0.1:0 >"$folder/metrics.out" &
pids+=($!)
worker=$(url_in "$folder/worker.log")
store=$(url_in "$folder/metrics.out")

for ((i = 0; i < 600; i++)); do
  curl -sf "$worker" >"$folder/worker"
  grep -q '^coterie_jobs_finished_total{queue="mail",task="exec",outcome="success"} 3' "$folder/worker" &&
    grep -q '^coterie_jobs_finished_total{queue="mail",task="exec",outcome="dead"} 1' "$folder/worker" && break
  sleep 0.1
done
has "$folder/worker" 'coterie_jobs_finished_total\{queue="mail",task="exec",outcome="success"\} 3'
has "$folder/worker" 'coterie_jobs_finished_total\{queue="mail",task="exec",outcome="dead"\} 1'
has "$folder/worker" 'coterie_jobs_started_total\{queue="mail",task="exec"\} 4'
has "$folder/worker" 'coterie_broker_connected 1'
has "$folder/worker" 'coterie_worker_busy 0'
grep -q '^coterie_loop_lag_seconds_count{loop="worker"}' "$folder/worker" || fail "no lag of the loop"
curl -sf "$store" >"$folder/store"
has "$folder/store" 'coterie_queue_jobs\{queue="mail",state="done"\} 3'
has "$folder/store" 'coterie_queue_jobs\{queue="mail",state="dead"\} 1'
grep -q '^coterie_queue_jobs' "$folder/worker" && fail "a worker serves the queues' gauges: sums over workers would be wrong"

for page in once worker store; do
  promtool check metrics <"$folder/$page" || fail "promtool finds fault with $page"
done

# Only loopback, unless it is said.
if "$coterie" metrics --listen 0.0.0.0:0 >"$folder/out" 2>&1; then fail "listens where everybody can come"; fi
grep -q -- '--metrics-public' "$folder/out" || fail "does not say how"

# Names that others use are names that there are.
sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' "$folder/worker" "$folder/store" | sort -u >"$folder/names"
used() { grep -oE '\bcoterie_[a-z_]+' "$@" | sed 's/^.*://' | sed -E 's/_(bucket|sum|count)$//' | sort -u; }
for file in packaging/prometheus/coterie.rules.yml packaging/grafana/coterie.json docs/metrics.md; do
  # Classes are there only where a loop keeps their times.
  missing=$(used "$COTERIE_SOURCE/$file" | grep -v '^coterie_class_' | comm -23 - "$folder/names" || true)
  [[ -z $missing ]] || fail "$file names what nobody serves: $missing"
done
missing=$(used "$COTERIE_SOURCE/docs/metrics.md" | comm -13 - <(grep ^coterie_ "$folder/names"))
[[ -z $missing ]] || fail "docs/metrics.md lacks $missing"
