// What a worker says of itself and answers, in the system's time: idle, with all its slots taken, and while
// its loop is blocked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/run.hpp"

namespace queue_tests {
namespace {

using namespace coterie;         // NOLINT(google-build-using-namespace)
using namespace coterie::queue;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;
using ::testing::Not;

Task<std::string> never_ends(JobContext&, std::string) {
  Event never;
  co_await never.wait();
  co_return "1";
}

class ThreadsRemoteControl : public ::testing::Test {
 public:
  /// The only worker, once it has said that it is there.
  Task<WorkerInfo> the_worker() {
    for (;;) {
      Fleet fleet = co_await broker->workers();
      if (!fleet.workers.empty()) co_return fleet.workers.front();
      co_await sleep(Duration::zero());
    }
  }
  Task<WorkerAnswer> ask(std::string question) {
    const WorkerInfo worker = co_await the_worker();
    Task<WorkerAnswer> asking =
        broker->ask(worker.report.worker.incarnation, std::move(question), longest_wait);
    co_return co_await std::move(asking);
  }
  /// Serves until `body` has ended.
  void beside(Worker& worker, Task<void> body) {
    const auto both = [&]() -> Task<void> {
      const JoinHandle<void> serving =
          spawn([](Worker* its) -> Task<void> { co_await its->serve(); }, &worker);
      co_await std::move(body);
      worker.drain();
      co_await serving;
    };
    coterie::run(both());
  }
  WorkerOptions options() { return WorkerOptions().name("here").grace(Milliseconds{0}); }

  std::shared_ptr<Broker> broker = open_broker("memory://");
};

TEST_F(ThreadsRemoteControl, AnIdleWorkerIsKnownAndSaysWhenItEnds) {
  Worker worker(broker, options().queues({"a", "b"}).concurrency(7));
  worker.handle_raw("x", never_ends);
  WorkerInfo info;
  beside(worker, [](ThreadsRemoteControl* test, WorkerInfo* out) -> Task<void> {
    *out = co_await test->the_worker();
  }(this, &info));
  EXPECT_EQ(info.state, WorkerState::alive);
  EXPECT_EQ(info.report.worker.name, "here");
  EXPECT_EQ(info.report.worker.process, this_process());
  EXPECT_EQ(info.report.queues, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(info.report.concurrency, 7U);
  EXPECT_EQ(info.report.handlers, 1U);
  EXPECT_EQ(info.report.holds, 0U);
  EXPECT_FALSE(info.report.version.empty());
  WorkerInfo after;
  coterie::run([](ThreadsRemoteControl* test, WorkerInfo* out) -> Task<void> {
    *out = co_await test->the_worker();
  }(this, &after));
  EXPECT_EQ(after.state, WorkerState::ended);
}

TEST_F(ThreadsRemoteControl, ItTellsItsTasksWhileAllItsSlotsAreTaken) {
  Worker worker(broker, options().concurrency(1));
  worker.handle_raw("stuck", never_ends);
  WorkerAnswer dump;
  JobId id;
  const auto body = [&]() -> Task<void> {
    Client client(broker);
    id = co_await client.enqueue(JobSpec("stuck"));
    (void)co_await client.enqueue(JobSpec("stuck"));
    while (worker.running() == 0) co_await sleep(Duration::zero());
    dump = co_await ask("dump json");
  };
  beside(worker, body());
  EXPECT_EQ(dump.outcome, Asked::answered);
  EXPECT_THAT(dump.text, HasSubstr("\"name\":\"stuck " + id.str() + "\""));
  EXPECT_THAT(dump.text, HasSubstr("never_ends"));
  EXPECT_THAT(dump.text, HasSubstr("\"what\":\"an event\""));
}

TEST_F(ThreadsRemoteControl, ABlockedLoopIsReadAllTheSame) {
  Worker worker(broker, options());
  std::atomic<bool> blocked = false;
  std::atomic<bool> go_on = false;
  const auto block = [&](JobContext&, const std::string&) -> Task<std::string> {
    blocked = true;
    blocked.notify_one();
    go_on.wait(false);
    co_return "1";
  };
  worker.handle_raw("block", block);
  WorkerAnswer dump;
  std::thread asker([&] {
    blocked.wait(false);
    coterie::run([](ThreadsRemoteControl* test, WorkerAnswer* out) -> Task<void> {
      *out = co_await test->ask("dump json");
    }(this, &dump));
    go_on = true;
    go_on.notify_one();
  });
  const auto body = [&]() -> Task<void> {
    (void)co_await the_worker();
    Client client(broker);
    const JobId id = co_await client.enqueue(JobSpec("block"));
    (void)co_await client.wait(id);
  };
  beside(worker, body());
  asker.join();
  EXPECT_EQ(dump.outcome, Asked::answered) << dump.text;
  EXPECT_THAT(dump.text, HasSubstr("\"synchronised\":false"));
  EXPECT_THAT(dump.text, HasSubstr("\"name\":\"block "));
}

TEST_F(ThreadsRemoteControl, AQuestionThatItDoesNotKnowIsRefused) {
  Worker worker(broker, options());
  WorkerAnswer pong;
  WorkerAnswer odd;
  const auto body = [&]() -> Task<void> {
    pong = co_await ask("ping");
    odd = co_await ask("sing a song");
  };
  beside(worker, body());
  EXPECT_EQ(pong.text, "pong");
  EXPECT_EQ(odd.outcome, Asked::refused);
  EXPECT_THAT(odd.text, HasSubstr("does not know this question"));
}

TEST_F(ThreadsRemoteControl, ItTellsNothingWhereThatIsForbidden) {
  Worker worker(broker, options().remote_debug(false));
  WorkerAnswer answer;
  const auto body = [&]() -> Task<void> { answer = co_await ask("dump json"); };
  beside(worker, body());
  EXPECT_EQ(answer.outcome, Asked::refused);
  EXPECT_THAT(answer.text, HasSubstr("--no-remote-debug"));
}

}  // namespace
}  // namespace queue_tests
