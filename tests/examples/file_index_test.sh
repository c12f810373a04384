# The example that `make run` runs, on a folder with everything odd in it.
set -euo pipefail
bin=$COTERIE_BUILD/examples/file_index
[[ -x $bin ]] || { echo "no example was built"; exit 77; }
tmp=$(mktemp -d)
trap 'chmod -R u+rwX "$tmp"; rm -rf "$tmp"' EXIT
cd "$tmp"

fail() { printf 'file_index_test: %s\n' "$*" >&2; exit 1; }
has() { grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$1 lacks: $2"; }; }
# Runs the example and expects its exit code: expect CODE ARGUMENT...
expect() {
  local want=$1 got=0
  shift
  "$bin" "$@" >out 2>err || got=$?
  [[ $got == "$want" ]] || { cat out err >&2; fail "exit $got, not $want: file_index $*"; }
}

# --- what it says of good files agrees with sha256sum and wc ---------------------------------------------------------
mkdir -p good/below
printf 'one two\nthree\n' >good/a.txt
seq 1 30000 >good/below/numbers
head -c 200000 /dev/urandom >good/noise
printf 'x\n' >$'good/line\nbreak'
printf 'y z\n' >$'good/not\xff\xfeutf8'
printf 'w\n' >'good/100%25 sure'
: >good/empty
expect 0 good --broker memory:// --once
has out '7 indexed, 0 failed'
expect 0 good --broker memory:// --json
for file in a.txt below/numbers noise; do
  read -r sum _ < <(sha256sum "good/$file")
  has out "good/$file\",\"sha256\":\"$sum\",\"bytes\":$(wc -c <"good/$file"),\"lines\":$(wc -l <"good/$file")"
done
has out "\"lines\":$(wc -l <good/below/numbers),\"words\":$(wc -w <good/below/numbers)"
bytes=$(find good -type f -exec cat {} + | wc -c)
lines=$(find good -type f -exec cat {} + | wc -l)
has out "{\"files\":7,\"links\":0,\"bytes\":$bytes,\"lines\":$lines,"
# The largest are only five: leave those with odd names alone.
rm good/noise good/below/numbers
expect 0 good --broker memory:// --json
has out 'good/line%0Abreak"'
has out 'good/not%FF%FEutf8"'
has out 'good/100%2525 sure"'

# --- what cannot be read is reported by reason, and nothing waits for it --------------------------------------------
mkdir bad
printf 'fine\n' >bad/fine
ln -s nowhere bad/broken
ln -s turn bad/round
ln -s round bad/turn
ln -s fine bad/link
ln -s .. bad/up
mkfifo bad/pipe
expect 0 bad --broker memory://
has out '1 indexed, 4 failed, 2 links not followed'
grep -Eq 'broken link +1  broken' out || fail "no broken link: $(cat out)"
grep -Eq 'link that leads in a circle +2 ' out || fail "no circle: $(cat out)"
grep -Eq 'not a regular file +1  pipe' out || fail "no FIFO: $(cat out)"

# Permissions, which root does not feel: as nobody, where that can be.
mkdir -p shut/folder
printf 's\n' >shut/secret
chmod 0 shut/secret shut/folder
chmod 755 .
as_user=()
((EUID)) || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
if "${as_user[@]}" "$bin" shut --broker memory:// >out 2>err; then
  grep -Eq 'permission denied +2 ' out || fail "no permission denied: $(cat out)"
else
  ((EUID == 0)) || fail "as a user: $(cat err)"
  echo 'file_index_test: nobody cannot run the example here; permissions were not tried'
fi

# --- SIGINT while a job runs: nothing is lost, and the next start goes on -------------------------------------------
mkdir stopped
for i in 1 2 3 4 5; do echo "$i" >"stopped/$i"; done
truncate -s 500G stopped/endless stopped/vanishing # zeros without end, on one slot
mkfifo said
set -m # or the shell would have it ignore SIGINT
"$bin" stopped --broker sqlite://jobs.db -j 1 >out 2>said &
pid=$!
set +m
exec 3<said
while read -r line <&3; do
  [[ $line != *' of 8 jobs'* ]] || break # they stand in the file, and the worker works
done
kill -INT $pid
code=0
wait $pid || code=$?
cat <&3 >err
exec 3<&-
((code == 130)) || fail "exit $code after SIGINT: $(cat err)"
has err 'Nothing is lost'
has err 'sqlite://'
rm stopped/vanishing
truncate -s 3 stopped/endless
expect 0 stopped --broker sqlite://jobs.db
has out '6 indexed, 1 failed'
grep -Eq 'vanished +1  vanishing' out || fail "no vanished file: $(cat out)"
# That run is over: the next one reads everything anew.
echo 6 >stopped/6
expect 0 stopped --broker sqlite://jobs.db
has out '7 indexed, 0 failed'

# --- the run is shown in a browser while it lasts, whoever has the port, and can be looked at again ------------------
mkdir shown
truncate -s 500G shown/endless
mkfifo told
set -m
"$bin" shown --broker sqlite://shown.db --dashboard -j 1 >out 2>told </dev/null &
pid=$!
set +m
exec 3<told
url=
while read -r line <&3; do
  [[ $line != *'no dashboard'* ]] || break # a build without pages
  [[ $line =~ http://127\.0\.0\.1:[0-9]+/ ]] && url=${BASH_REMATCH[0]} && break
done
if [[ -n $url ]]; then
  curl -sf "$url" | grep -q '<html' || fail "no page at $url"
  until curl -sf "${url}api/v1/jobs?filter=state:leased" | grep -q '"name":"index_file"'; do kill -0 $pid || fail "gone"; done
  # That one has the usual port, or somebody else has: another run takes another.
  expect 0 good --broker sqlite://again.db --dashboard </dev/null
  other=$(grep -o 'http://127[^ ]*' err)
  [[ -n $other && $other != "$url" ]] || fail "two runs at $url: $(cat err)"
  has out '5 indexed, 0 failed'
  has err "dashboard --broker 'sqlite://"
  command=$(sed -n 's/^look at its jobs again:  //p' err)
  if [[ $command == /* ]]; then
    mkfifo later
    bash -c "exec $command --listen 127.0.0.1:0" >later 2>/dev/null &
    dashboard=$!
    read -r later_url <later
    curl -sf "${later_url}api/v1/jobs?filter=name:summarise" | grep -q '"state":"done"' || fail "not to be seen again: $command"
    kill $dashboard
  fi
fi
kill -INT $pid
code=0
wait $pid || code=$?
exec 3<&-
((code == 130)) || fail "exit $code after SIGINT, with a dashboard"

# --- a database that lies in the folder is not indexed with it -------------------------------------------------------
mkdir around
echo 1 >around/1
expect 0 around --broker sqlite://around/own.db
has out '1 indexed, 0 failed'

# --- several processes work on one run, and one that is killed costs nothing ------------------------------------------
mkdir shared
(cd shared && for i in $(seq 400); do echo "$i" >"$i"; done)
expect 0 shared --broker sqlite://shared.db --workers 3
has out '400 indexed, 0 failed'
if command -v redis-server >/dev/null; then
  redis-server --port 0 --unixsocket "$tmp/redis.sock" --save '' --dir "$tmp" >redis.log &
  redis=$!
  trap 'kill -9 $redis; chmod -R u+rwX "$tmp"; rm -rf "$tmp"' EXIT
  until grep -q 'Ready to accept\|ready to accept' redis.log; do kill -0 $redis || fail "$(cat redis.log)"; sleep 0.05; done
  # Three jobs without end, and each process does one at a time. So each comes to hold one, which is seen by the open file: the
  # helper that is killed has a lease, and its job is another's then.
  truncate -s 500G shared/endless-{1,2,3}
  "$bin" shared --broker "redis+unix://$tmp/redis.sock" -j 1 --workers 3 >out 2>err &
  indexing=$!
  helper=
  while [[ -z $helper ]]; do
    kill -0 $indexing 2>/dev/null || fail "it ended before a helper had a job: $(cat err)"
    for pid in $(awk -v parent=$indexing '$4 == parent { print $1 }' /proc/[0-9]*/stat 2>/dev/null); do
      if compgen -G "/proc/$pid/fd/*" >/dev/null && readlink /proc/"$pid"/fd/* 2>/dev/null | grep -q "/shared/endless-"; then helper=$pid; fi
    done
  done
  kill -9 "$helper"
  truncate -s 3 shared/endless-{1,2,3}
  wait $indexing || fail "with a helper killed: $(cat err)"
  has out '403 indexed, 0 failed'
  rm shared/endless-{1,2,3}
fi
expect 2 shared --broker memory:// --workers 3
has err 'that lives in one process'

# --- bad input: one line, and an exit code that says whose fault it is ----------------------------------------------
expect 2 no-such-folder
has err 'no folder no-such-folder'
expect 2 good -j 0
expect 2 good -j many
expect 2 good --broker
expect 2 good --what
expect 3 good --broker gopher://hole
expect 3 good --broker sqlite://no/such/folder/jobs.db
printf 'This is no database, but it is long enough to look at, and it goes on for a while.\n%.0s' {1..20} >text.db
expect 3 good --broker sqlite://text.db
[[ $(wc -l <err) -le 2 ]] || fail "more than one line: $(cat err)"
# A limit on the size of files is a full disk that needs no mount. Both the worker and who enqueues meet it.
mkdir many
(cd many && seq 1500 | xargs touch)
code=0
(trap '' XFSZ && ulimit -f 250 && exec timeout -s KILL 60 "$bin" many --broker sqlite://full.db) >out 2>err || code=$?
((code == 3)) || fail "exit $code on a full disk: $(cat err)"
[[ $(tail -n 1 err) == 'file_index: SQLite broker'*'raise it with ulimit -f'* ]] || fail "no cure: $(cat err)"
! grep -q TaskGroup err || fail "the group is nobody's business: $(cat err)"
echo "file_index_test: all as it should be"
