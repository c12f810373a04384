// Enqueueing, and waiting for ends without asking too often.
#include "coterie/queue/json.hpp"
#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

struct Order {
  std::string item;
  int count = 0;
};
BOOST_DESCRIBE_STRUCT(Order, (), (item, count))

class ClientTest : public WorkerTest {
 protected:
  static Task<int> price(Order order) {
    co_await sleep(Milliseconds(order.count));
    if (order.item == "bad") throw PermanentError("no such item");
    co_return order.count * 2;
  }
};

TEST_F(ClientTest, ATypedJobGivesATypedResult) {
  Worker worker(broker, options());
  worker.handle("price", price);
  run(beside(worker, [](Client jobs) -> Task<void> {
    const Order order{"nail", 21};
    const JobId id = co_await jobs.enqueue("price", order);
    const int result = co_await jobs.result<int>(id);
    EXPECT_EQ(result, 42);
    JobSpec urgent("price");
    urgent.priority = 9;
    urgent.id = derived_uuid("urgent");
    const JobId same = co_await jobs.enqueue(urgent, order);
    EXPECT_EQ(same, urgent.id);
    std::optional<JobInfo> info = co_await jobs.get(same);
    EXPECT_EQ(info->priority, 9);
    EXPECT_EQ(info->payload, R"({"item":"nail","count":21})");
    co_await jobs.wait(same);
    Task<std::string> wrong = jobs.result<std::string>(same);
    const Outcome<std::string> mismatch = co_await outcome(std::move(wrong));
    EXPECT_THROW(mismatch.get(), JsonError);
  }(client())));
}

TEST_F(ClientTest, AFailedJobThrowsWhatBecameOfIt) {
  Worker worker(broker, options());
  worker.handle("price", price);
  run(beside(worker, [](Client jobs) -> Task<void> {
    const Order order{"bad", 1};
    const JobId id = co_await jobs.enqueue("price", order);
    Task<int> waiting = jobs.result<int>(id);
    const Outcome<int> end = co_await outcome(std::move(waiting));
    try {
      end.get();
      ADD_FAILURE() << "it must throw";
    } catch (const JobFailed& failed) {
      EXPECT_EQ(failed.id(), id);
      EXPECT_EQ(failed.state(), JobState::dead);
      EXPECT_EQ(failed.error().message, "no such item");
      EXPECT_EQ(failed.what(), "job " + id.str() + " is dead: permanent: no such item");
    }
    JobSpec later("price");
    later.delay = 1h;
    const JobId cancelled = co_await jobs.enqueue(later, order);
    const CancelResult answer = co_await jobs.cancel(cancelled);
    EXPECT_EQ(answer, CancelResult::cancelled);
    Task<int> never = jobs.result<int>(cancelled);
    const Outcome<int> none = co_await outcome(std::move(never));
    EXPECT_THROW(none.get(), JobFailed);
  }(client())));
}

TEST_F(ClientTest, AWaitEndsAtItsTimeAndTheJobGoesOn) {
  run([](ClientTest& test) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("nobody"));
    Task<JobInfo> waiting = jobs.wait(id, 5s);
    const Outcome<JobInfo> end = co_await outcome(std::move(waiting));
    EXPECT_THROW(end.get(), TimeoutError);
    EXPECT_NEAR(test.loop.seconds(), 5.0, 0.001);
    std::optional<JobInfo> info = co_await jobs.get(id);
    EXPECT_EQ(info->state, JobState::ready);
  }(*this));
  EXPECT_LE(broker->gets, 4);
}

TEST_F(ClientTest, AnUnknownJobIsSaidToBeUnknownAlsoWhenItGoesMeanwhile) {
  run([](ClientTest& test) -> Task<void> {
    Client jobs = test.client();
    Task<JobInfo> nobody = jobs.wait(derived_uuid("nobody"));
    const Outcome<JobInfo> none = co_await outcome(std::move(nobody));
    EXPECT_THROW(none.get(), UnknownJob);
    const std::optional<JobInfo> nothing = co_await jobs.get(derived_uuid("nobody"));
    EXPECT_FALSE(nothing);
  }(*this));
}

TEST_F(ClientTest, AThousandWaitsShareTheirLooks) {
  Worker worker(broker, options().concurrency(1));
  worker.handle("price", price);
  run(beside(worker, [](ClientTest& test) -> Task<void> {
    Client jobs = test.client();
    std::vector<JobSpec> specs;
    specs.reserve(1000);
    for (int i = 0; i < 1000; ++i) specs.emplace_back("price", R"({"item":"nail","count":1})");
    const std::vector<JobId> ids = co_await jobs.enqueue(std::move(specs));
    test.broker->gets = 0;
    int ended = 0;
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      for (const JobId& id : ids)
        group.spawn(
            [](Client client, JobId job, int* count) -> Task<void> {
              const int result = co_await client.result<int>(job);
              *count += result / 2;
            },
            jobs, id, &ended);
      co_return;
    });
    EXPECT_EQ(ended, 1000);
  }(*this)));
  EXPECT_LE(broker->gets, 1000 + 1000) << "one look of each, and not one of all for each end";
}

// As where the broker, or this process, stood still.
TEST_F(ClientTest, ALookThatTookLongDoesNotMakeAWaitDeaf) {
  Worker worker(broker, options());
  worker.handle("nap", [](JobContext&, int ms) -> Task<int> {
    co_await sleep(Milliseconds(ms));
    co_return 1;
  });
  run(beside(worker, [](ClientTest& test) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue("nap", 50'000);
    const auto wait_for_it = [](Client client, JobId job) -> Task<JobInfo> {
      Task<JobInfo> ended = client.wait(job, 10min);
      co_return co_await std::move(ended);
    };
    const JoinHandle<JobInfo> waiting = spawn(wait_for_it, jobs, id);
    for (int i = 0; i < 6; ++i) {  // each is a reason to look, in vain
      co_await jobs.enqueue("nap", 1);
      co_await sleep(1s);
    }
    test.broker->get_takes = 30'000ms;
    co_await jobs.enqueue("nap", 1);
    co_await sleep(1s);
    test.broker->get_takes = 0ms;
    co_await waiting;
    EXPECT_LT(test.loop.seconds(), 51.0);
  }(*this)));
}

TEST_F(ClientTest, ACancelledWaitLeavesNothingBehind) {
  run([](ClientTest& test) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("nobody"));
    const auto wait = [](Client client, JobId job) -> Task<void> { co_await client.wait(job); };
    const JoinHandle<void> waiting = spawn(wait, jobs, id);
    co_await sleep(1s);
    waiting.cancel();
    co_await waiting.wait();
    EXPECT_TRUE(waiting.cancelled());
    co_await sleep(1ms);
    EXPECT_EQ(test.loop.loop().task_count(), 1U) << "only this one";
  }(*this));
}

class SmallBatches : public WorkerTest {
 protected:
  static Limits small() {
    Limits limits;
    limits.batch_jobs = 10;
    limits.payload_bytes = 100;
    return limits;
  }
  SmallBatches() : WorkerTest(small()) {}
};

TEST_F(SmallBatches, ABulkGoesInAsManyCallsAsTheLimitsAsk) {
  run([](SmallBatches& test) -> Task<void> {
    Client jobs = test.client();
    std::vector<JobSpec> specs;
    specs.reserve(25);
    for (int i = 0; i < 25; ++i) specs.emplace_back("h");
    specs[3].id = derived_uuid("three");
    const std::vector<JobId> ids = co_await jobs.enqueue(std::move(specs));
    EXPECT_EQ(ids.size(), 25U);
    EXPECT_EQ(ids[3], derived_uuid("three"));
    const std::optional<JobInfo> last = co_await jobs.get(ids.back());
    EXPECT_TRUE(last.has_value());
    JobSpec big("h", std::string(101, ' '));
    Task<JobId> refused = jobs.enqueue(big);
    const Outcome<JobId> end = co_await outcome(std::move(refused));
    EXPECT_THROW(end.get(), BadRequest);
    const std::vector<JobId> none = co_await jobs.enqueue(std::vector<JobSpec>());
    EXPECT_TRUE(none.empty());
  }(*this));
}

}  // namespace
}  // namespace queue_tests
