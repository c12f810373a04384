#!/usr/bin/env bash
# gcc 12 destroys a temporary closure with non-trivial captures twice when it stands in an expression that awaits
# (PR 99576). Every API that takes a callable and returns an awaitable rejects it there, with the cure in the message;
# the good forms compile everywhere, and elsewhere the bad ones do too.
set -euo pipefail

compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$COTERIE_BUILD/CMakeCache.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compile() { "$compiler" -std=c++20 -fsyntax-only "-I$COTERIE_SOURCE/include" "$1" >"$work/log" 2>&1; }

cat >"$work/good.cpp" <<'CPP'
#include <coterie/coterie.hpp>
using namespace coterie;
using namespace std::chrono_literals;
Task<void> good(std::string text) {
  int number = 1;
  auto closure = [text] { return text.size(); };
  co_await to_thread(closure);
  co_await to_thread([](std::string s) { return s.size(); }, text);
  co_await to_thread([number] { return number; });
  co_await task_group([&](TaskGroup& group) -> Task<void> {
    group.spawn([](std::string) -> Task<void> { co_return; }, text);
    co_return;
  });
  co_await timeout(1s, [&](Timeout&) -> Task<void> { co_await sleep(1s); });
  co_await with_cleanup(good(text), [&]() -> Task<void> { co_await yield(); });
  auto body = [text]() -> Task<void> { co_return; };
  auto task = spawn(body);
  co_await task;
  EventLoop& loop = EventLoop::current();
  co_await spawn_on(loop, body);
  co_await call_on(loop, closure);
  co_await Context().run([&] { return spawn(body); });
}
struct Row {
  std::string name;
  int number;
};
std::size_t length(Row row) { return row.name.size(); }
Task<void> store(Row) { co_return; }
Task<void> good_items(std::string text) {
  Row row{text, 1};
  Queue<Row> rows;
  co_await rows.put(row);
  co_await rows.emplace(text, 1);
  co_await rows.emplace(text + "!", 1);
  Channel<std::string> texts(1);
  co_await texts.send(text + "!");
  Channel<Row> channel(1);
  co_await channel.emplace(text + "!", 1);
  auto ends = make_channel<Row>(1);
  co_await ends.first.send(row);
  co_await ends.first.emplace(text + "!", 1);
  Queue<std::unique_ptr<Row>> pointers;
  co_await pointers.put(std::make_unique<Row>(row));
  Queue<std::function<int()>> jobs;
  auto closure = [text] { return 1; };
  co_await jobs.put(closure);
  co_await jobs.put([] { return 2; });
  co_await to_thread(length, row);
  EventLoop& loop = EventLoop::current();
  co_await spawn_on(loop, store, row);
  co_await call_on(loop, length, row);
  (void)Context().run(length, row);
  spawn(store, Row{text, 1});
}
AsyncGenerator<Row> good_rows(std::string text) {
  Row row{text, 1};
  co_yield row;
  co_yield std::as_const(row);
}
AsyncGenerator<std::string> good_texts(std::string text) {
  co_yield text + "!";
  co_yield std::move(text);
  co_yield "literal";
}
AsyncGenerator<std::function<int()>> good_functions(std::string text) {
  auto closure = [text] { return 1; };
  co_yield closure;
  co_yield [] { return 2; };
}
CPP
cat >"$work/bad.cpp" <<'CPP'
#include <coterie/coterie.hpp>
using namespace coterie;
using namespace std::chrono_literals;
Task<void> bad(std::string text, ThreadPool& pool) {
  co_await to_thread([text] { return text.size(); });                                         // bad
  co_await to_thread_on(pool, [text] { return text.size(); });                                // bad
  co_await task_group([text](TaskGroup&) -> Task<void> { co_return; });                       // bad
  co_await timeout(1s, [text](Timeout&) -> Task<void> { co_return; });                        // bad
  co_await timeout_at(std::nullopt, [text](Timeout&) -> Task<void> { co_return; });           // bad
  co_await spawn([text]() -> Task<void> { co_return; });                                      // bad
  co_await spawn(named("x"), [text]() -> Task<void> { co_return; });                          // bad
  co_await with_cleanup(bad(text, pool), [text]() -> Task<void> { co_return; });              // bad
  Condition condition;
  co_await condition.wait_for([text] { return true; });                                       // bad
  co_await Context().run([text] { return Future<void>(); });                                // bad
  co_await to_thread_joined([text] { return text.size(); });                                  // bad
  co_await run_in_executor([text] { return text.size(); });                                   // bad
  co_await run_in_executor(pool, [text] { return text.size(); });                             // bad
  co_await with_stop_token([text](std::stop_token) -> Task<void> { co_return; });             // bad
  co_await from_callback<int>([text](Completer<int>) {});                                     // bad
  EventLoop& loop = EventLoop::current();
  co_await spawn_on(loop, [text]() -> Task<void> { co_return; });                             // bad
  co_await call_on(loop, [text] { return text.size(); });                                     // bad
  TaskScope scope;
  co_await scope.spawn([text]() -> Task<void> { co_return; });                                // bad
}
Task<void> bad_group(TaskGroup& group, std::string text) {
  co_await group.spawn([text]() -> Task<void> { co_return; });                                // bad
  co_await group.spawn(named("x"), [text]() -> Task<void> { co_return; });                    // bad
}
struct Row {
  std::string name;
  int number;
};
std::size_t length(Row row) { return row.name.size(); }
Task<void> store(Row) { co_return; }
Future<std::size_t> future(Row) { return {}; }
struct Pair {
  Row first;
  int second;
};
Task<void> bad_items(std::string text, Queue<Row>& rows, Channel<Row>& channel, Queue<std::function<int()>>& jobs) {
  co_await rows.put(Row{text, 1});                                                            // bad
  co_await channel.send({text, 1});                                                           // bad
  co_await jobs.put([text] { return 1; });                                                    // bad
  co_await to_thread(length, Row{text, 1});                                                   // bad
  co_await rows.emplace(Row{text, 1});                                                        // bad
  co_await jobs.emplace([text] { return 1; });                                                // bad
  co_await channel.emplace(Row{text, 1});                                                     // bad
  auto ends = make_channel<Pair>(1);
  co_await ends.first.emplace(Row{text, 1}, 1);                                               // bad
  EventLoop& loop = EventLoop::current();
  co_await spawn_on(loop, store, Row{text, 1});                                               // bad
  co_await spawn_on(loop, named("x"), store, Row{text, 1});                                   // bad
  co_await spawn_on(loop.inbox(), store, Row{text, 1});                                       // bad
  co_await run_coroutine_threadsafe(loop, store, Row{text, 1});                               // bad
  co_await call_on(loop, length, Row{text, 1});                                               // bad
  co_await Context().run(future, Row{text, 1});                                               // bad
}
AsyncGenerator<Row> bad_rows(std::string text) {
  co_yield Row{text, 1};                                                                      // bad
}
struct Text {
  std::string text;
};
AsyncGenerator<Text> bad_texts(std::string text) {
  co_yield {text};                                                                            // bad
}
AsyncGenerator<std::function<int()>> bad_functions(std::string text) {
  co_yield [text] { return 1; };                                                              // bad
}
CPP

if ! compile "$work/good.cpp"; then
  cat "$work/log"
  echo "a good form is rejected"
  exit 1
fi
guarded=no
if "$compiler" --version | head -1 | grep -qi 'g++\|gcc' && [[ $("$compiler" -dumpversion) == 12* ]]; then guarded=yes; fi
if [[ $guarded == no ]]; then
  if ! compile "$work/bad.cpp"; then
    cat "$work/log"
    echo "a compiler without the bug rejects a temporary closure"
    exit 1
  fi
  exit 0
fi
if compile "$work/bad.cpp"; then
  echo "gcc 12 accepts temporary closures that it would destroy twice"
  exit 1
fi
grep -q 'gcc 12 would destroy this temporary lambda twice (PR 99576)' "$work/log"
while IFS=: read -r line _; do
  grep -q "bad.cpp:$line:.*required from here" "$work/log" || {
    cat "$work/log"
    echo "line $line of bad.cpp is not rejected"
    exit 1
  }
done < <(grep -n '// bad$' "$work/bad.cpp")
