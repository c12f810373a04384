// The screens of `coterie top`, from what a broker said to text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/output.hpp"
#include "src/cli/top/listing.hpp"
#include "tests/cli/top_support.hpp"

namespace coterie::cli::top {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(TopScreen, QueuesAt80Columns) {
  EXPECT_EQ("\n" + text_of(render(some_sample(), View(), small())), R"(
coterie top  sqlite://shop.db                               2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead     3.5/s        ▄█▂
 1 Queues 2   2 Running 2   3 Failed 1   4 Workers   5 Tasks

QUEUE                   READY   RUNNING   SCHEDULED   DEAD   LONGEST WAIT   RATE
default                12,345         2           -      1         1m 02s  3.5/s
报表 (paused)               -         -           3      -              -      -


P pause or resume   / filter   s sort   p hold   ? help   q quit
)");
}

TEST(TopScreen, WhatRunsAt80Columns) {
  EXPECT_EQ("\n" + text_of(render(some_sample(), at(Page::running), small())), R"(
coterie top  sqlite://shop.db                               2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead     3.5/s        ▄█▂
 1 Queues 2   2 Running 2   3 Failed 1   4 Workers   5 Tasks

JOB        QUEUE    TRY   RUNS  PROGRESS        NOTE                     WORKER
send_mail  mail     1/4  1.5 s  ━━━━────── 42%  12 of 30                 host:17
resize     mail     3/4  1.5 s  -                                        host:18


Enter open   c cancel   / filter   s sort   p hold   ? help   q quit
)");
}

TEST(TopScreen, WhatRunsWhereThereIsMoreRoom) {
  Look wide = small();
  wide.width = 140;
  EXPECT_EQ("\n" + text_of(render(some_sample(), at(Page::running), wide)), R"(
coterie top  sqlite://shop.db                                                                                           2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead                                   3.5/s                                      ▄█▂
 1 Queues 2   2 Running 2   3 Failed 1   4 Workers   5 Tasks

JOB        QUEUE    TRY   RUNS  PROGRESS        NOTE                                           WORKER   ID
send_mail  mail     1/4  1.5 s  ━━━━────── 42%  12 of 30                                       host:17  00000000-0000-7000-8000-000000000001
resize     mail     3/4  1.5 s  -                                                              host:18  00000000-0000-7000-8000-000000000002


Enter open   c cancel   / filter   s sort   p hold   ? help   q quit
)");
}

TEST(TopScreen, FailuresShowEscapesAndDoNotObeyThem) {
  EXPECT_EQ("\n" + text_of(render(some_sample(), at(Page::failed), small())), R"(
coterie top  sqlite://shop.db                               2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead     3.5/s        ▄█▂
 1 Queues 2   2 Running 2   3 Failed 1   4 Workers   5 Tasks

JOB     QUEUE    TRY   FAILED  WHY
charge  mail     1/4    5.0 s  exception: card \x1b[31mrefused\x1b[0m



Enter open   r retry   / filter   s sort   p hold   ? help   q quit
)");
}

TEST(TopScreen, WorkersThatRunSomethingAndHaveSaidNothingOfThemselves) {
  EXPECT_EQ("\n" + text_of(render(some_sample(), at(Page::workers), small())), R"(
coterie top  sqlite://shop.db                               2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead     3.5/s        ▄█▂
 1 Queues 2   2 Running 2   3 Failed 1   4 Workers   5 Tasks

WORKER   STATE    JOBS   LONGEST   HEARD  QUEUES   RUNS
host:17  works       1     1.5 s       -  mail     send_mail
host:18  works       1     1.5 s       -  mail     resize


/ filter   s sort   p hold   ? help   q quit
)");
}

queue::WorkerInfo worker(const std::string& name, queue::WorkerState state, queue::UnixMillis heard_at) {
  queue::WorkerInfo info;
  info.report.worker.name = name;
  info.report.queues = {"mail", "报表"};
  info.state = state;
  info.heard_at = heard_at;
  return info;
}

TEST(TopScreen, WorkersWithoutWorkAndThoseThatAreLostAreThereToo) {
  Sample sample = some_sample();
  using queue::WorkerState;
  sample.fleet.workers = {
      worker("host:17", WorkerState::alive, noon - 3000),
      worker("夜班\x1b[2J", WorkerState::alive, noon - 4000),
      worker("host:16", WorkerState::lost, noon - 400'000),
      worker("host:17", WorkerState::lost, noon - 900'000),  // before it was started again
      worker("host:15", WorkerState::ended, noon - 500'000)};
  EXPECT_EQ("\n" + text_of(render(sample, at(Page::workers), small())), R"(
coterie top  sqlite://shop.db                               2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead     3.5/s        ▄█▂
 1 Queues 2   2 Running 2   3 Failed 1   4 Workers   5 Tasks

WORKER       STATE    JOBS   LONGEST   HEARD  QUEUES      RUNS
host:16      lost        -         -  6m 40s  mail, 报表
host:17      works       1     1.5 s   3.0 s  mail, 报表  send_mail
host:18      works       1     1.5 s       -  mail        resize
夜班\x1b[2J  idle        -         -   4.0 s  mail, 报表
/ filter   s sort   p hold   ? help   q quit
)");
}

TEST(TopScreen, AJobInDetail) {
  View view = at(Page::running);
  Sample sample = some_sample();
  (void)press(view, sample, Key{Key::Kind::enter, ""}, 5);
  ASSERT_TRUE(view.open);
  sample.opened = sample.running[0];
  Look look = small();
  look.height = 24;
  EXPECT_EQ("\n" + text_of(render(sample, view, look)), R"(
coterie top  sqlite://shop.db                               2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead     3.5/s        ▄█▂
 1 Queues 2   2 Running 2   3 Failed 1   4 Workers   5 Tasks

id          00000000-0000-7000-8000-000000000001
state       leased
queue       mail
name        send_mail
priority    0
attempts    1 of 4
created     2026-11-27 11:58:30.000Z  (1m 30s ago)
started     2026-11-27 11:59:58.500Z  (1.5 s ago)
ran         1.5 s
worker      host:17
progress    42 %  12 of 30\nmore
payload
  {"to":"ada"}






Esc back   c cancel   r retry   q quit
)");
}

TEST(TopScreen, AllPagesForNoTerminal) {
  EXPECT_EQ("\n" + text_of(render_all(some_sample(), 100)), R"(
coterie top  sqlite://shop.db                                                   2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead     3.5/s                            ▄█▂

Queues
QUEUE                      READY   RUNNING   SCHEDULED   BLOCKED   DONE   DEAD   LONGEST WAIT   RATE
default                   12,345         2           -         -      -      1         1m 02s  3.5/s
报表 (paused)                  -         -           3         -      -      -              -      -

Running
JOB        QUEUE    TRY   RUNS  PROGRESS        NOTE                                         WORKER
send_mail  mail     1/4  1.5 s  ━━━━────── 42%  12 of 30                                     host:17
resize     mail     3/4  1.5 s  -                                                            host:18

Failed
JOB     QUEUE    TRY   FAILED  WHY                              ID
charge  mail     1/4    5.0 s  exception: card \x1b[31mrefuse…  00000000-0000-7000-8000-000000000003

Workers
WORKER   STATE    JOBS   LONGEST   HEARD  QUEUES   RUNS
host:17  works       1     1.5 s       -  mail     send_mail
host:18  works       1     1.5 s       -  mail     resize

Tasks
No other process of this machine and user runs tasks that can be looked at.
)");
}

TEST(TopScreen, TasksAreATreeWithStacks) {
  Sample sample = some_sample();
  sample.processes.emplace_back(
      4711,
      "coterie dump v1  pid 4711 shop  up 12.5s  loops 1  tasks 2\n"
      "#1 main  pending  waits for a task: #2 '\x1b[2J报表'  age 12.4s\n"
      "|  at async_main() shop.cpp:24\n"
      "'- #2 \x1b[2J报表  pending  waits for a lock @1 'stock', held by #7 'audit'  age 12.4s\n"
      "      at take() shop.cpp:14\n"
      "deadlock: #2 '报表' -> lock @1\n");
  Look look = small();
  look.height = 13;
  EXPECT_EQ("\n" + text_of(render(sample, at(Page::tasks), look)), R"(
coterie top  sqlite://shop.db                               2026-11-27 12:00:00Z
12,345 ready   2 running   3 scheduled   0 blocked   1 dead     3.5/s        ▄█▂
 1 Queues 2   2 Running 2   3 Failed 1   4 Workers   5 Tasks

 PID  TASKS
4711  coterie dump v1  pid 4711 shop  up 12.5s  loops 1  tasks 2
4711  #1 main  pending  waits for a task: #2 '\x1b[2J报表'  age 12.4s
4711  |  at async_main() shop.cpp:24
4711  '- #2 \x1b[2J报表  pending  waits for a lock @1 'stock', held by #7 'audi…
4711        at take() shop.cpp:14
4711  deadlock: #2 '报表' -> lock @1

/ filter   s sort   p hold   ? help   q quit
)");
  View filtered = at(Page::tasks);
  filtered.filter = "audit";
  EXPECT_THAT(text_of(render(sample, filtered, look)),
              AllOf(HasSubstr("held by #7"), Not(HasSubstr("#1 main"))));
}

TEST(TopScreen, TheChosenTaskIsShownWhole) {
  Sample sample = some_sample();
  sample.processes.emplace_back(4711,
                                "#1 main  pending\n"
                                "deadlock: #2 'alice to bob' -> lock @1 'bob' held by #3 'bob to alice' -> "
                                "lock @2 '报表' held by #2 'alice "
                                "to bob'\n"
                                "   #2 'alice to bob' waits at transfer() deadlock.cpp:14\n");
  View view = at(Page::tasks);
  view.chosen = "4711 1";
  Look look = small();
  look.height = 10;
  EXPECT_THAT(text_of(render(sample, view, look)), HasSubstr(R"(
 PID  TASKS
4711  #1 main  pending
4711  deadlock: #2 'alice to bob' -> lock @1 'bob' held by #3 'bob to alice' ->…
       lock @2 '报表' held by #2 'alice to bob'
4711     #2 'alice to bob' waits at transfer() deadlock.cpp:14
)"));
  look.height = 8;  // room for two lines
  EXPECT_THAT(text_of(render(sample, view, look)), HasSubstr(R"(
 PID  TASKS
4711  deadlock: #2 'alice to bob' -> lock @1 'bob' held by #3 'bob to alice' ->…
       lock @2 '报表' held by #2 'alice to bob'
)"));
}

TEST(TopScreen, NothingIsWiderOrHigherThanTheTerminal) {
  Sample sample = some_sample();
  sample.processes.emplace_back(
      4711, "#1 报表报表报表报表报表报表报表  pending, and waits\n   at take() shop.cpp:14\n");
  for (const Page page : {Page::queues, Page::running, Page::failed, Page::workers, Page::tasks}) {
    for (std::size_t width = 1; width < 160; width += 3) {
      for (std::size_t height = 1; height < 12; ++height) {
        Look look;
        look.width = width;
        look.height = height;
        View view = at(page);
        view.filter = width % 2 == 0 ? "mail" : "";
        const Screen screen = render(sample, view, look);
        EXPECT_LE(screen.size(), height);
        for (const Line& line : screen) {
          EXPECT_LE(line.width(), width);
          EXPECT_EQ(line.width() >= display_width(line.text()), true);
        }
      }
    }
  }
}

TEST(TopScreen, WithoutUtf8EverythingIsAscii) {
  Look look = small();
  look.width = 140;
  look.utf8 = false;
  const Screen screen = render(some_sample(), View(), look);
  std::string shown;
  for (const Line& line : screen) shown += only_ascii(line.text()) + "\n";
  for (const char c : shown) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
  EXPECT_THAT(shown, HasSubstr("???? (paused)"));
  EXPECT_THAT(shown, HasSubstr("=@:"));
}

TEST(TopScreen, AnEmptyBrokerTeachesTheFirstCommand) {
  EXPECT_THAT(text_of(render(Sample(), View(), small())), HasSubstr("coterie enqueue --exec"));
  EXPECT_THAT(text_of(render(Sample(), at(Page::running), small())), HasSubstr("coterie worker"));
}

TEST(TopScreen, SaysSoWhereItShowsAPart) {
  Sample sample = some_sample();
  sample.failed.assign(Sample::most_jobs, sample.failed[0]);
  EXPECT_THAT(text_of(render(sample, at(Page::failed), small())), Not(HasSubstr("The newest")));
  sample.queues[0].info.counts[JobState::dead] = 1234;
  EXPECT_THAT(text_of(render(sample, at(Page::failed), small())), HasSubstr("The newest 500 of 1,234"));
}

TEST(TopScreen, OldFiguresAreToldFromNewOnes) {
  Sample sample = some_sample();
  sample.trouble = "No answer, this is old: refused";
  EXPECT_THAT(text_of(render(sample, View(), small())), HasSubstr("No answer, this is old: refused"));
}

TEST(TopScreen, TheChosenRowStaysInSight) {
  Sample sample;
  for (int i = 10; i < 60; ++i)
    sample.queues.push_back(queue_row("q" + std::to_string(i), {{JobState::ready, 1}}));
  View view;
  (void)press(view, sample, letter('G'), 5);
  EXPECT_EQ(view.chosen, "q59");
  EXPECT_THAT(text_of(render(sample, view, small())), HasSubstr("q59"));
  (void)press(view, sample, Key{Key::Kind::page_up, ""}, 5);
  EXPECT_EQ(view.chosen, "q54");
  (void)press(view, sample, letter('g'), 5);
  EXPECT_EQ(view.chosen, "q10");
}

TEST(TopRates, AreWhatEndedBetweenTwoLooks) {
  Rates rates;
  std::vector<queue::QueueInfo> queues(1);
  queues[0].name = "q";
  queues[0].counts = {{JobState::done, 10}, {JobState::ready, 99}};
  const Rates::TimePoint start{};
  rates.note(start, queues);
  EXPECT_TRUE(rates.of("q").empty());
  queues[0].counts = {{JobState::done, 14}, {JobState::dead, 2}};
  rates.note(start + std::chrono::milliseconds(500), queues);
  EXPECT_EQ(rates.of("q"), std::vector<double>{12});
  queues[0].counts = {{JobState::done, 1}};  // forgotten, most of them
  rates.note(start + std::chrono::milliseconds(1500), queues);
  EXPECT_EQ(rates.of("q"), (std::vector<double>{12, 0}));
  for (int i = 0; i < 200; ++i) rates.note(start + std::chrono::seconds(10 + i), queues);
  EXPECT_EQ(rates.of("q").size(), Rates::kept);
  rates.note(start + std::chrono::seconds(900), {});
  EXPECT_TRUE(rates.of("q").empty());
}

TEST(TopLine, IsCutAtAnyColumnAcrossItsParts) {
  for (std::size_t columns = 0; columns < 20; ++columns) {
    Line line;
    line.add("one ", Tone::bad).add("二三", Tone::good).add(" four");
    line.clip(columns);
    EXPECT_LE(line.width(), columns);
    EXPECT_LE(display_width(line.text()), columns);
  }
}

TEST(TopSparkline, TheHighestIsFullAndTheLeastIsSeen) {
  EXPECT_EQ(sparkline({0, 1, 1000}, 5, true), "   ▁█");
  EXPECT_EQ(sparkline({1, 2, 4, 8}, 3, false), ":=@");
  EXPECT_EQ(sparkline({}, 2, true), "  ");
}

}  // namespace
}  // namespace coterie::cli::top
