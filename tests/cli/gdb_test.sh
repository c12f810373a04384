# The gdb command shows what the live dump shows, from a core: of programs by gcc and by clang, with symbols and without.
# A library that clang has made is there after `make test-gdb`.
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

# Ids, names and chains alone: what a program says of itself, when it answers, has more words than what is read of it.
chains() { sed -nE "s/^([|' -]*#[0-9]+ .*)  (pending|running|cancelling) .*/\\1/p; /^[| ]* at /p" "$@"; }

look() {  # look PROGRAM PATTERN: from its core the same as from the process, once its dump has a line of the pattern
  local program=$1
  mkfifo said
  "$program" >said &
  pid=$!
  pids+=("$pid")
  read -r _ <said
  rm said
  for _ in $(seq 600); do
    "$coterie" dump "$pid" --raw >dump
    ! grep -q "$2" dump || break
  done
  grep -q "$2" dump || { cat dump >&2; fail "the dump of $program has no line $2"; }
  "$coterie" dump "$pid" >answered
  ! grep -q UNSYNCHRONISED answered || fail "$program has not answered"
  # Without what only the command knows: the headline, ages, cancels.
  sed -E '1d; s/  UNSYNCHRONISED//; s/  age [^ ]+  polls [0-9]+//; s/, due (in )?[^ ]+( ago)?//; /^deadlock/,$d' dump >live
  sed -n '/^deadlock/,$p' dump >deadlocks
  gcore -o core "$pid" >gcore.log 2>&1 || { cat gcore.log >&2; fail "no core"; }
  in_gdb -x "$script" -ex "coterie tree" "$program" "core.$pid" >tree
  diff tree live || fail "the tree of the core of $program is not that of the process"
  [[ $(chains tree | grep -c ' at ') -ge 3 ]] || fail "no chains are in the tree of $program"
  diff <(chains tree) <(sed '/^deadlock/,$d' answered | chains) || fail "the core of $program has other chains than it says itself"
  in_gdb -x "$script" -ex "coterie deadlocks" "$program" "core.$pid" >found
  sed -i 's/@[0-9]*/@N/g' found deadlocks
  [[ -s deadlocks ]] || echo "no deadlock" >deadlocks
  diff found deadlocks || fail "the deadlock in the core of $program is not that of the process"
  in_gdb -x "$script" -ex "coterie tasks" -ex "coterie task 2" "$program" "core.$pid" >tasks
  has tasks "#1 main  pending  waits for "
  in_gdb -p "$pid" -x "$script" -ex "coterie tree" >attached
  diff <(sed -n '/^loop 1/,$p' attached) <(sed -n '/^loop 1/,$p' tree) || fail "attached to $program gdb sees another tree than in its core"
  kill -9 "$pid"
  wait "$pid" || true
  rm -f "core.$pid"
}
# Of what stands on several lines gcc names the last, and clang the first: the body of a group, and a function.
comparable() { sed -E 's/thread [0-9]*/thread N/; /#1 main|async_main/s/\.cpp:[0-9]+/.cpp:L/' "$@"; }
same_as_by_gcc() {  # same_as_by_gcc NAME: the newest tree
  diff <(comparable "$1.tree") <(comparable tree) || fail "$1 by clang shows another tree than by gcc"
}

look "$deadlock" '^deadlock'
mv tree deadlock.tree
has tasks "   at transfer() deadlock.cpp:"
strip -s -o stripped "$deadlock"
look ./stripped '^deadlock'

# What else can be waited for. By both compilers, on this tree's library.
cat >waits.cpp <<'END'
#include <unistd.h>

#include <coterie/coterie.hpp>
#include <iostream>
using namespace coterie;

namespace shop {
template <class Goods>
struct Counter {
  Task<Goods> sell(Condition& more) {
    const LockGuard guard = co_await more.scoped();
    co_await more.wait();
    co_return Goods();
  }
};
Task<void> buy(Condition& more) {
  Counter<int> counter;
  (void)co_await counter.sell(more);
}
Task<void> hold(Lock& lock, Event& end) {
  const LockGuard guard = co_await lock.scoped();
  co_await end.wait();
}
AsyncGenerator<int> numbers(Queue<int>& queue) {
  for (;;) co_yield co_await queue.get();
}
Task<void> sum(Queue<int>& queue) {
  auto all = numbers(queue);
  while (const int* next = co_await all.next()) (void)*next;
}
}  // namespace shop

Task<void> async_main() {
  Lock till("till");
  Condition more(till);
  more.set_name("more goods");
  Event end("closing time");
  Queue<int> queue;
  Semaphore two(1);
  co_await two.acquire();
  co_await task_group([&](TaskGroup& group) -> Task<void> {
    group.spawn(named("customer"), shop::buy, std::ref(more));
    co_await yield();
    co_await yield();
    group.spawn(named("cashier"), shop::hold, std::ref(till), std::ref(end));
    group.spawn(named("late"), shop::hold, std::ref(till), std::ref(end));
    group.spawn(named("sum"), shop::sum, std::ref(queue));
    group.spawn([](Semaphore& its) -> Task<void> { co_await its.acquire(); }, std::ref(two));
    auto unknown = group.spawn([]() -> Task<void> { co_await sleep(std::chrono::hours(1)); });
    co_await yield();
    co_await yield();
    unknown.state().innermost()->set_awaiting(std::source_location());  // a line that nobody has noted
    std::cout << "look" << std::endl;
  });
}

int main() {
  return run(async_main());
}
END
library=$COTERIE_BUILD/libcoterie_runtime.a
by() {  # by COMPILER SOURCE PROGRAM: on the library
  "$1" -std=c++20 -O2 -I"$COTERIE_SOURCE/include" "$2" "$library" -lssl -lcrypto -pthread -o "$3"
}
by_clang() {  # by_clang NAME: both programs by clang show what they show by gcc
  for name in deadlock waits; do
    local source=$name.cpp pattern="'till', held by #3 'cashier'"
    [[ $name == waits ]] || { source=$COTERIE_SOURCE/examples/deadlock.cpp pattern='^deadlock'; }
    by clang++-19 "$source" "$1_$name"
    strip -s -o "$1_stripped_$name" "$1_$name"
    for program in "./$1_$name" "./$1_stripped_$name"; do
      look "$program" "$pattern"
      same_as_by_gcc "$name"
    done
  done
}
if [[ -f $library ]]; then
  by g++ waits.cpp waits
  look ./waits "waits for a condition @[0-9]* 'more goods', under lock @[0-9]* 'till', held by #3 'cashier'"
  mv tree waits.tree
  if command -v clang++-19 >/dev/null; then
    by_clang program
    library=$COTERIE_SOURCE/build/clang-release/libcoterie_runtime.a
    if [[ -f $library ]]; then
      by_clang altogether
      echo "and of programs that clang has made with the library"
    fi
  fi
fi
in_gdb -x "$script" -ex "coterie tasks" /bin/true >/dev/null 2>&1 || true
has gdb.err "this is no program of Coterie"
echo ok
