// Scrapes by one thread while others count.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "coterie/coterie.hpp"
#include "coterie/metrics/loop.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/metrics.hpp"
#include "coterie/queue/worker.hpp"
#include "tests/metrics/page.hpp"

namespace {

using namespace coterie;
using namespace coterie::queue;
using coterie::tests::value_of;

Task<std::string> no_op(JobContext&, std::string payload) {
  co_return payload;
}

Task<void> enqueue(Client client, int count) {
  std::vector<JobSpec> jobs;
  for (int i = 0; i < count; ++i) jobs.emplace_back(i % 2 == 0 ? "even" : "odd");
  (void)co_await client.enqueue(std::move(jobs));
}

Task<int> work(Worker* worker) {
  co_await worker->serve();
  co_return 0;
}

TEST(ThreadsMetrics, AScrapeSeesCountersGrowAndNeverFall) {
  constexpr int jobs = 2000;
  const auto registry = std::make_shared<metrics::Registry>();
  const std::shared_ptr<Broker> broker =
      metered(open_broker("memory://"), *registry, MetricLabels({"default"}, {"even", "odd"}));
  std::atomic<bool> over{false};
  std::thread scraper([&] {
    double before = -1;  // the worker is not there yet
    while (!over) {
      const std::string page = registry->scrape();
      const double now = value_of(page, R"(coterie_jobs_started_total{queue="default",task="even"})");
      EXPECT_GE(now, before);
      before = now;
    }
  });
  Worker worker(broker, WorkerOptions().metrics(registry).stop_when_idle());
  worker.handle_raw("even", no_op).handle_raw("odd", no_op);
  (void)coterie::run(enqueue(Client(broker), jobs));
  (void)coterie::run(work(&worker));
  over = true;
  scraper.join();
  const std::string page = registry->scrape();
  EXPECT_EQ(value_of(page, R"(coterie_jobs_finished_total{queue="default",task="even",outcome="success"})"),
            jobs / 2);
  EXPECT_EQ(value_of(page, R"(coterie_jobs_enqueued_total{queue="default",task="odd"})"), jobs / 2);
}

TEST(ThreadsMetrics, ABlockedLoopIsSeenFromOutside) {
  metrics::Registry registry;
  std::atomic<int> stage{0};
  std::thread blocked([&] {
    const auto body = [&]() -> Task<void> {
      metrics::LoopWatchOptions options;
      options.every = std::chrono::milliseconds(1);
      metrics::watch_loop(registry, "0", options);
      stage = 1;
      while (stage != 2) std::this_thread::yield();
      co_return;
    };
    (void)coterie::run(body());
  });
  while (stage != 1) std::this_thread::yield();
  while (value_of(registry.scrape(), "coterie_loop_overdue_seconds{loop=\"0\"}") < .01)
    std::this_thread::yield();
  stage = 2;
  blocked.join();
  EXPECT_EQ(value_of(registry.scrape(), "coterie_loop_overdue_seconds{loop=\"0\"}"), 0);
}

}  // namespace
