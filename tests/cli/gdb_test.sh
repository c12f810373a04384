# The gdb command shows what the live dump shows, from a core, with symbols and without.
set -euo pipefail
deadlock=$COTERIE_BUILD/examples/deadlock
coterie=$COTERIE_BIN/coterie
script=$COTERIE_SOURCE/share/coterie/gdb/coterie.py
[[ -x $coterie && -x $deadlock ]] || { echo "no command or no example was built"; exit 77; }
if [[ $(nm "$deadlock" | grep -c ' [UTtW] __[at]san_init') -gt 0 ]]; then
  echo "a sanitizer maps terabytes, which a core would hold: the release build runs this"
  exit 77
fi
for tool in nm gdb gcore strip; do
  command -v $tool >/dev/null || { echo "gdb_test: $tool is missing: scripts/bootstrap test installs it" >&2; exit 1; }
done
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$tmp"' EXIT
cd "$tmp"

fail() { printf 'gdb_test: %s\n' "$*" >&2; exit 1; }
has() { grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$1 lacks: $2"; }; }
in_gdb() { gdb -nx -batch -iex "set debuginfod enabled off" "$@" 2>gdb.err | grep -v '^\[\|^Using host\|^Core was\|^#0\|^warning\|^Program term' || { cat gdb.err >&2; false; }; }

look() {  # look PROGRAM: from its core the same as from the process
  local program=$1
  mkfifo said
  "$program" >said &
  pid=$!
  pids+=("$pid")
  read -r _ <said
  rm said
  for _ in $(seq 600); do
    "$coterie" dump "$pid" --raw >dump
    ! grep -q '^deadlock' dump || break
  done
  # Without what only the command knows: the headline, ages, cancels.
  sed -E '1d; s/  UNSYNCHRONISED//; s/  age [^ ]+  polls [0-9]+//; s/, due (in )?[^ ]+( ago)?//; /^deadlock/,$d' dump >live
  sed -n '/^deadlock/,$p' dump >deadlocks
  gcore -o core "$pid" >gcore.log 2>&1 || { cat gcore.log >&2; fail "no core"; }
  in_gdb -x "$script" -ex "coterie tree" "$program" "core.$pid" >tree
  diff tree live || fail "the tree of the core of $program is not that of the process"
  in_gdb -x "$script" -ex "coterie deadlocks" "$program" "core.$pid" >found
  sed -i 's/@[0-9]*/@N/g' found deadlocks
  diff found deadlocks || fail "the deadlock in the core of $program is not that of the process"
  in_gdb -x "$script" -ex "coterie tasks" -ex "coterie task 2" "$program" "core.$pid" >tasks
  has tasks "#1 main  pending  waits for a task group's children"
  has tasks "   at transfer() deadlock.cpp:"
  kill -9 "$pid"
  wait "$pid" || true
}

look "$deadlock"
strip -s -o stripped "$deadlock"
look ./stripped
# The program by another compiler: the same ids and chains, on the same library.
library=$COTERIE_BUILD/libcoterie_runtime.a
if command -v clang++-19 >/dev/null && [[ -f $library ]]; then
  clang++-19 -std=c++20 -O2 -I"$COTERIE_SOURCE/include" "$COTERIE_SOURCE/examples/deadlock.cpp" "$library" -lssl -lcrypto -pthread -o by_clang
  strip -s -o by_clang_stripped by_clang
  sed 's/thread [0-9]*/thread N/' tree >by_gcc.tree
  for program in ./by_clang ./by_clang_stripped; do
    look "$program"
    diff by_gcc.tree <(sed 's/thread [0-9]*/thread N/' tree) || fail "clang's program shows another tree than gcc's"
  done
fi
in_gdb -x "$script" -ex "coterie tasks" /bin/true >/dev/null 2>&1 || true
has gdb.err "this is no program of Coterie"
echo ok
