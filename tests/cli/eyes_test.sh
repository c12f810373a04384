# coterie ps, tree, dump and watch, and the gdb command, at a program whose tasks wait for each other.
set -euo pipefail
deadlock=$COTERIE_BUILD/examples/deadlock
coterie=$COTERIE_BIN/coterie
[[ -x $coterie && -x $deadlock ]] || { echo "no command or no example was built"; exit 77; }
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp/run TMPDIR=$tmp
mkdir -m 700 "$XDG_RUNTIME_DIR"
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$tmp"' EXIT
cd "$tmp"

fail() { printf 'eyes_test: %s\n' "$*" >&2; exit 1; }
has() { grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$1 lacks: $2"; }; }
lacks() { ! grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$1 has: $2"; }; }
# Runs the command and expects its exit code: expect CODE ARGUMENT...
expect() {
  local want=$1 got=0
  shift
  "$coterie" "$@" >out 2>err || got=$?
  [[ $got == "$want" ]] || { cat out err >&2; fail "exit $got, not $want: coterie $*"; }
}
# Starts a fixture; its pid is in $pid. It has printed a line when this returns.
start() {
  mkfifo "said.$((++started))"
  "$@" >"said.$started" 2>/dev/null &
  pid=$!
  pids+=("$pid")
  read -r line <"said.$started"
}
started=0
# Until both tasks stand at the second lock: a dump that shows it, however long it takes.
until_deadlocked() {
  for _ in $(seq 600); do
    "$coterie" dump "$pid" >out 2>err || fail "no dump of $pid: $(cat err)"
    ! grep -q '^deadlock' out || return 0
  done
  cat out >&2
  fail "no deadlock was seen"
}
# Numbers that differ from run to run.
masked() { sed -E "s/pid [0-9]+/pid N/; s/up [0-9a-z.]+ /up T /; s/took [0-9.]+/took T/; s/thread [0-9]+/thread N/; s/  age [0-9a-z.]+  polls [0-9]+//" "$@"; }

start "$deadlock"
until_deadlocked

# --- the dump -------------------------------------------------------------------------------------------------------
masked out >seen
cat >golden <<'END'
coterie dump v1  pid N deadlock  up T  loops 1  tasks 3 (0 running, 0 ready, 3 waiting, 0 cancelling)  took T ms
loop 1  thread N
3 tasks
#1 main  pending  waits for a task group's children: #2 'alice to bob', #3 'bob to alice'  spawned deadlock.cpp:L
|  at coterie::detail::group_block() group.hpp:L
|  at async_main() deadlock.cpp:L
|- #2 alice to bob  pending  waits for a lock @1 'bob', held by #3 'bob to alice'  spawned deadlock.cpp:L
|     at transfer() deadlock.cpp:L
'- #3 bob to alice  pending  waits for a lock @2 'alice', held by #2 'alice to bob'  spawned deadlock.cpp:L
      at transfer() deadlock.cpp:L
deadlock: #2 'alice to bob' -> lock @1 'bob' held by #3 'bob to alice' -> lock @2 'alice' held by #2 'alice to bob'
   #2 'alice to bob' waits at transfer() deadlock.cpp:L
   #3 'bob to alice' waits at transfer() deadlock.cpp:L
END
diff <(sed -E 's/([a-z]\.[ch]pp):[0-9]+/\1:L/g' seen) golden || fail "the dump is not the golden one"
# The guide shows the same.
sed -n '/^\$ coterie dump 2745/,/^```/{/^\$\|^```/d; p}' "$COTERIE_SOURCE/docs/debugging.md" | masked >guide
diff <(sed -E 's/(group\.hpp):[0-9]+/\1:L/' guide) <(sed -E 's/(group\.hpp):[0-9]+/\1:L/' seen) || fail "docs/debugging.md shows another dump"
line=$(grep -n 'co_await to.scoped()' "$COTERIE_SOURCE/examples/deadlock.cpp" | cut -d: -f1)
has out "waits at transfer() deadlock.cpp:$line"

expect 0 dump "$pid" --group
has out "2 x pending  waits for a lock  oldest #2 'alice to bob'"
expect 0 dump "$pid" --task 2
has out "1 of 3 tasks"
lacks out "- #3 bob to alice"
expect 0 dump "$pid" --name alice --state waiting --older-than 0s
has out "2 of 3 tasks"
expect 0 dump "$pid" --class 3
has out "0 of 3 tasks"
expect 0 dump "$pid" --older-than 1h
has out "0 of 3 tasks"
expect 0 dump "$pid" --json
python3 - "$pid" <<'END'
import json, sys
dump = json.load(open("out"))
assert dump["schema"] == 1 and dump["pid"] == int(sys.argv[1]), dump
(loop,) = dump["loops"]
assert [task["name"] for task in loop["tasks"]] == ["main", "alice to bob", "bob to alice"], loop
((one, other),) = loop["deadlocks"]
assert (one["task"], one["waits_for"], other["task"], other["waits_for"]) == (2, 3, 3, 2), loop
assert one["object"] != other["object"], loop
END

# --- the table, the tree, the list ----------------------------------------------------------------------------------
expect 0 ps
grep -Eq "^ *$pid  deadlock +1 +3 " out || fail "ps lists $(cat out)"
has out " deadlock "
expect 0 ps --json
python3 - "$pid" <<'END'
import json, sys
seen = [its for its in map(json.loads, open("out")) if its["pid"] == int(sys.argv[1])]
assert len(seen) == 1 and (seen[0]["loops"], seen[0]["tasks"]) == (1, 3), seen
END
expect 0 ps "$pid"
has out "tid "
has out "transfer"
expect 0 tree "$pid"
has out "(T) main"
has out "├── (T) alice to bob"

# --- without the socket's help: the same tasks, and the lines ---------------------------------------------------------
expect 0 dump "$pid" --raw
masked out | grep -v '^coterie dump\|^loop' >raw
has out "UNSYNCHRONISED"
diff <(sed 's/: #2 .alice to bob., #3 .bob to alice.//; s/children @1/children/; s/@2 \(.bob.\)/@1 \1/; s/@3/@2/' raw |
  grep -v 'main') <(sed 1,2d seen | grep -v 'main') || fail "the raw dump differs"

# --- watch: again and again --------------------------------------------------------------------------------------------
"$coterie" watch "$pid" --interval 1ms >watched &
watcher=$!
pids+=("$watcher")
for _ in $(seq 600); do
  [[ $(grep -c '^deadlock' watched) -lt 3 ]] || break
  read -rt 0.1 <> <(:) || true
done
[[ $(grep -c '^deadlock' watched) -ge 3 ]] || fail "watch has not looked three times"
kill -9 "$watcher"
lacks watched $'\e'
# On a terminal it redraws, within its size, and Ctrl-C ends it.
python3 - "$coterie" "$pid" <<'END'
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], ["coterie", "watch", sys.argv[2], "--interval", "1ms"])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 40, 0, 0))
seen = b""
while seen.count(b"\x1b[J") < 4:
    seen += os.read(terminal, 4096)
os.write(terminal, b"\x03")
_, status = os.waitpid(child, 0)
assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == 2, status
screen = seen.split(b"\x1b[H")[3].split(b"\x1b[J")[0].decode()
lines = screen.replace("\x1b[K", "").split("\r\n")
assert len(lines) <= 8 and all(len(line) <= 40 for line in lines), lines
assert lines[0].startswith("coterie dump v1  pid "), lines
END

# --- who does not answer ---------------------------------------------------------------------------------------------
expect 2 dump
expect 2 dump 12x
has err "'12x'"
expect 2 dump "$pid" --state lazy
has err "a task is never 'lazy'"
expect 3 dump 2147483646
has err "there is no process"
expect 3 dump $$
has err "has no debug socket"
expect 3 dump $$ --raw
has err "no program of Coterie"
COTERIE_DEBUG_SOCKET=0 start "$deadlock"
expect 3 dump "$pid"
has err "--raw reads its memory instead"
expect 0 dump "$pid" --raw
has out "#1 main"

# --- one that is stopped is in the list all the same -------------------------------------------------------------------
start "$deadlock"
kill -STOP "$pid"
expect 0 ps
grep -Eq "^ *$pid  deadlock +no answer +- " out || fail "ps lists $(cat out)"
kill -CONT "$pid"

# --- the command says what it was at when it crashes -------------------------------------------------------------------
(ulimit -c 0 && COTERIE_BROKER=sqlite://$tmp/q.db exec "$coterie" worker --allow-exec) 2>crashed &
pid=$!
pids+=("$pid")
for _ in $(seq 600); do
  "$coterie" ps >out
  ! grep -q "^ *$pid " out || break
done
kill -ABRT "$pid"
wait "$pid" || true
has crashed "coterie: SIGABRT "

# --- one that was killed leaves nothing ----------------------------------------------------------------------------------
start "$deadlock"
[[ -S $XDG_RUNTIME_DIR/coterie/$pid.sock ]] || fail "no socket of $pid"
kill -9 "$pid"
wait "$pid" || true
expect 0 ps
[[ ! -e $XDG_RUNTIME_DIR/coterie/$pid.sock ]] || fail "the socket of a dead process stays"
echo ok
