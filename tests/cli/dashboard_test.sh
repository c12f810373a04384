# The command's side of the dashboard: what it refuses, that it prints its URL, that a worker has one, that SIGTERM ends it.
set -euo pipefail
[[ -x $COTERIE_BIN/coterie ]] || { echo "skipped: the command is not built"; exit 77; }
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"' EXIT
cd "$work"
export COTERIE_BROKER=sqlite://$work/queue.db
coterie=$COTERIE_BIN/coterie

fail() { echo "dashboard_test: $*" >&2; exit 1; }

# What a request to the port is answered with, header and body.
ask() { # port, request line, more of the header
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  printf '%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%s\r\n' "$2" "${3:-}" >&3
  cat <&3
  exec 3>&-
}
# The port of the URL that comes into the file, once it is there.
port_in() {
  local line
  for _ in $(seq 600); do
    line=$(grep -o 'http://127.0.0.1:[0-9]*' "$1" | head -n 1) && { echo "${line##*:}"; return; }
    sleep 0.1
  done
  cat "$1" >&2
  fail "no URL"
}

# Others could connect: refused before anything listens, with the cure.
code=0
said=$("$coterie" dashboard --listen 0.0.0.0:0 2>&1) || code=$?
((code == 2)) || fail "0.0.0.0 gave exit code $code"
[[ $said == *--accounts*--insecure-no-auth* ]] || fail "the refusal does not say the cure: $said"

code=0
said=$("$coterie" worker --allow-exec --dashboard 0.0.0.0:0 2>&1) || code=$?
((code == 2)) || fail "a worker's 0.0.0.0 gave exit code $code"
[[ $said == *--accounts*'`coterie dashboard --insecure-no-auth`'* ]] || fail "a worker's refusal does not say the cure: $said"
[[ $("$coterie" worker --help) == *--dashboard*"on this machine"*"needs --accounts"* ]] || fail "the help does not say who reaches it"

# An account file that others may read is refused; one that they may not is taken.
"$coterie" dashboard --new-token me=viewer >accounts 2>token
token=$(grep -o 'coterie_[0-9a-f]*' token)
chmod 644 accounts
said=$("$coterie" dashboard --listen 127.0.0.1:0 --accounts accounts 2>&1) && fail "a file for all was taken"
[[ $said == *"chmod 600"* ]] || fail "$said"
chmod 600 accounts

"$coterie" dashboard --listen 127.0.0.1:0 --accounts accounts --audit audit.log >shown 2>&1 &
pids+=($!)
port=$(port_in shown)
[[ $(ask "$port" "GET /api/v1/overview") == "HTTP/1.1 401 "* ]] || fail "nobody was let in"
[[ $(ask "$port" "GET /api/v1/overview" "Authorization: Bearer $token"$'\r\n') == "HTTP/1.1 200 "* ]] || fail "the token was refused"
code=0
said=$("$coterie" dashboard --listen "127.0.0.1:$port" 2>&1) || code=$?
((code == 2)) || fail "a port that is taken gave exit code $code"
[[ $said == *"127.0.0.1:$port"*"in use"*"take another port"* ]] || fail "a port that is taken, without the cure: $said"
refused=$(ask "$port" "GET /nothing" "X: $(head -c 20000 /dev/zero | tr '\0' x)"$'\r\n')
[[ $refused == "HTTP/1.1 431 "*"Content-Security-Policy: default-src 'none'"* ]] || fail "a refusal without the policy: ${refused:0:200}"
kill -TERM "${pids[0]}"
code=0
wait "${pids[0]}" || code=$?
((code == 0)) || fail "SIGTERM ended it with $code"

# A worker shows its broker, too, and ends with it.
"$coterie" worker --allow-exec --dashboard 127.0.0.1:0 >worker 2>&1 &
pids+=($!)
port=$(port_in worker)
[[ $(ask "$port" "GET /healthz") == "HTTP/1.1 200 "*'{"status":"ok"}' ]] || fail "the worker's dashboard does not answer"
kill -TERM "${pids[1]}"
wait "${pids[1]}" || fail "the worker did not end well"

# That the broker went away, and that it is back, is a line of the log each, however often it is asked.
if command -v redis-server >/dev/null; then
  redis() { redis-server --port 0 --unixsocket "$work/redis.sock" --save '' --requirepass hunter22 >redis.log & pids+=($!); }
  until_said() { for _ in $(seq 600); do grep -q "$1" away && return; sleep 0.1; done; fail "not '$1': $(<away)"; }
  redis
  until [[ -S redis.sock ]]; do sleep 0.1; done
  "$coterie" dashboard --listen 127.0.0.1:0 --broker "redis+unix://$work/redis.sock?password=hunter22&command_timeout_ms=2000" --log-format json >away 2>&1 &
  shows=$!
  pids+=("$shows")
  port=$(port_in away)
  kill "${pids[-2]}"
  until_said '"message":"the broker does not answer".*"broker":"redis+unix://.*"reason":'
  for _ in 1 2 3; do
    [[ $(ask "$port" "GET /api/v1/overview") == "HTTP/1.1 503 "*broker_unavailable* ]] || fail "no 503 while the broker is away"
  done
  redis
  until_said '"message":"the broker answers again".*"broker":"redis+unix://.*"away_ms":'
  [[ -z $(grep -o 'does not answer\|answers again' away | uniq -d) ]] || fail "the same twice: $(<away)"
  grep -q hunter22 away && fail "the log has the password: $(<away)"
  kill -TERM "$shows"
  wait "$shows" || fail "the dashboard whose broker went away did not end well"
fi

# A field that it is told to hide is not shown, nor found; and a name that cannot be one is refused.
id=$("$coterie" enqueue --queue nobody --exec 'echo hunter22')
"$coterie" dashboard --listen 127.0.0.1:0 --redact command >hides 2>&1 &
hides=$!
pids+=("$hides")
port=$(port_in hides)
shown=$(ask "$port" "GET /api/v1/jobs/$id")
[[ $shown == "HTTP/1.1 200 "*'\"command\":\"[redacted]\"'* && $shown != *hunter22* ]] || fail "not hidden: $shown"
[[ $(ask "$port" "GET /api/v1/jobs?filter=args.command:x") == "HTTP/1.1 400 "*"is redacted"* ]] || fail "searched for what is hidden"
kill -TERM "$hides"
wait "$hides" || fail "the dashboard that hides did not end well"
code=0
said=$("$coterie" dashboard --listen 127.0.0.1:0 --redact '' 2>&1) || code=$?
((code == 2)) || fail "--redact '' gave exit code $code: $said"
