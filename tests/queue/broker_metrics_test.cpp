// What is counted of a broker's calls, and what the queues' gauges tell.
#include "coterie/queue/metrics.hpp"
#include "tests/metrics/page.hpp"
#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

using coterie::tests::count_of;
using coterie::tests::value_of;

class BrokerMetricsTest : public WorkerTest {
 protected:
  [[nodiscard]] std::string page() const { return registry.scrape(); }
  std::shared_ptr<Broker> counted(MetricLabels labels = MetricLabels()) {
    return metered(broker, registry, std::move(labels));
  }
  /// The text of the queues alone.
  std::string gauges() {
    std::string text;
    const auto body = [&]() -> Task<void> { text = co_await scrape(broker, nullptr); };
    run(body());
    return text;
  }
  metrics::Registry registry;
};

Task<void> add(std::shared_ptr<Broker> to, std::string queue, std::string name, int count) {
  std::vector<JobSpec> jobs;
  for (int i = 0; i < count; ++i) {
    jobs.emplace_back(name);
    jobs.back().queue = queue;
    jobs.back().id = new_uuid();
  }
  (void)co_await to->enqueue(std::move(jobs));
}

TEST_F(BrokerMetricsTest, CallsAreTimedByWhatTheyDo) {
  const auto measured = counted();
  broker->takes = 30ms;
  const auto body = [&]() -> Task<void> {
    CycleRequest request;
    request.worker.incarnation = new_uuid();
    request.worker.name = "w";
    request.seq = 1;
    request.queues = {"default"};
    (void)co_await measured->cycle(std::move(request));
    (void)co_await measured->queues();
  };
  run(body());
  EXPECT_NEAR(
      value_of(page(), R"(coterie_broker_operation_duration_seconds_sum{op="cycle",backend="memory"})"), .03,
      1e-6);
  EXPECT_EQ(
      value_of(page(), R"(coterie_broker_operation_duration_seconds_count{op="queues",backend="memory"})"),
      1);
  EXPECT_EQ(
      value_of(page(), R"(coterie_broker_operation_duration_seconds_count{op="list",backend="memory"})"), 0);
  EXPECT_EQ(value_of(page(), "coterie_broker_connected"), 1);
}

TEST_F(BrokerMetricsTest, FailedCallsAreErrorsAndWhetherItCanBeReachedIsAGauge) {
  const auto measured = counted();
  broker->refuse = 1;
  const auto call = [&]() -> Task<void> {
    CycleRequest request;
    request.worker.incarnation = new_uuid();
    request.worker.name = "w";
    request.seq = 1;
    request.queues = {"default"};
    (void)co_await measured->cycle(std::move(request));
  };
  EXPECT_THROW(run(call()), BrokerUnavailable);
  EXPECT_EQ(value_of(page(), R"(coterie_broker_errors_total{op="cycle"})"), 1);
  EXPECT_EQ(value_of(page(), "coterie_broker_connected"), 0);
  run(call());
  EXPECT_EQ(value_of(page(), R"(coterie_broker_errors_total{op="cycle"})"), 1);
  EXPECT_EQ(value_of(page(), "coterie_broker_connected"), 1);
}

TEST_F(BrokerMetricsTest, ARefusedRequestIsAnErrorOfABrokerThatIsThere) {
  const auto measured = counted();
  EXPECT_THROW(run(measured->pause("")), BadRequest);
  EXPECT_EQ(value_of(page(), R"(coterie_broker_errors_total{op="other"})"), 1);
  EXPECT_EQ(value_of(page(), "coterie_broker_connected"), 1);
}

TEST_F(BrokerMetricsTest, JobsThatAreAddedAreCountedOnce) {
  const auto measured = counted(MetricLabels({"mail"}, {"send"}));
  const auto body = [&]() -> Task<void> {
    JobSpec job("send");
    job.queue = "mail";
    job.id = new_uuid();
    for (int i = 0; i < 2; ++i) {
      std::vector<JobSpec> jobs(1, job);
      (void)co_await measured->enqueue(std::move(jobs));
    }
  };
  run(body());
  EXPECT_EQ(value_of(page(), R"(coterie_jobs_enqueued_total{queue="mail",task="send"})"), 1)
      << "its id was known";
}

TEST_F(BrokerMetricsTest, NamesThatNobodyHasDeclaredAreCountedAsOther) {
  const auto measured = counted(MetricLabels({"mail"}, {"send"}));
  const auto body = [&]() -> Task<void> {
    for (int i = 0; i < 300; ++i) co_await add(measured, "mail", "invented" + std::to_string(i), 1);
    co_await add(measured, "elsewhere", "send", 2);
  };
  run(body());
  EXPECT_EQ(value_of(page(), R"(coterie_jobs_enqueued_total{queue="mail",task="_other"})"), 300);
  EXPECT_EQ(value_of(page(), R"(coterie_jobs_enqueued_total{queue="_other",task="send"})"), 2);
  EXPECT_EQ(count_of(page(), "coterie_jobs_enqueued_total"), 3u);
  EXPECT_EQ(value_of(page(), "coterie_metrics_dropped_labels_total"), 302);
  EXPECT_EQ(page().find("invented"), std::string::npos);
}

TEST_F(BrokerMetricsTest, QueuesAreToldByState) {
  const auto body = [&]() -> Task<void> {
    co_await add(broker, "mail", "send", 3);
    JobSpec later("send");
    later.queue = "mail";
    later.id = new_uuid();
    later.delay = 1h;
    std::vector<JobSpec> jobs(1, later);
    (void)co_await broker->enqueue(std::move(jobs));
    co_await broker->pause("mail");
    co_await broker->pause("empty");
  };
  run(body());
  const std::string text = gauges();
  EXPECT_EQ(value_of(text, R"(coterie_queue_jobs{queue="mail",state="ready"})"), 3);
  EXPECT_EQ(value_of(text, R"(coterie_queue_jobs{queue="mail",state="scheduled"})"), 1);
  EXPECT_EQ(value_of(text, R"(coterie_queue_jobs{queue="mail",state="dead"})"), 0);
  EXPECT_EQ(value_of(text, R"(coterie_queue_paused{queue="mail"})"), 1);
  EXPECT_EQ(value_of(text, R"(coterie_queue_paused{queue="empty"})"), 1);
  EXPECT_GT(value_of(text, R"(coterie_queue_oldest_ready_age_seconds{queue="mail"})"), 0);
  EXPECT_EQ(value_of(text, R"(coterie_queue_oldest_ready_age_seconds{queue="empty"})"), 0);
}

TEST_F(BrokerMetricsTest, ManyQueuesAreFoldedIntoOne) {
  const auto body = [&]() -> Task<void> {
    for (int i = 1000; i < 1250; ++i) co_await add(broker, "q" + std::to_string(i), "send", 2);
  };
  run(body());
  const std::string text = gauges();
  EXPECT_EQ(count_of(text, "coterie_queue_paused"), metrics::most_label_values + 1);
  EXPECT_EQ(value_of(text, R"(coterie_queue_jobs{queue="_other",state="ready"})"), 100);
  EXPECT_EQ(value_of(text, "coterie_metrics_dropped_labels_total"), 50);
}

TEST_F(BrokerMetricsTest, OneScrapeHasTheRegistryToo) {
  const auto shared = std::make_shared<metrics::Registry>();
  const auto measured = metered(broker, *shared);
  std::string text;
  const auto body = [&]() -> Task<void> {
    co_await add(measured, "mail", "send", 1);
    text = co_await scrape(measured, shared);
  };
  run(body());
  EXPECT_GT(value_of(text, "process_open_fds"), 0);
  EXPECT_EQ(value_of(text, R"(coterie_queue_jobs{queue="mail",state="ready"})"), 1);
  EXPECT_EQ(
      value_of(text, R"(coterie_broker_operation_duration_seconds_count{op="enqueue",backend="memory"})"), 1);
}

}  // namespace
}  // namespace queue_tests
