// Jobs and the collector: a trace over several processes, and jobs that do not care whether anybody collects.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "brokers/temp_folder.hpp"
#include "coterie/coterie.hpp"
#include "coterie/otlp/exporter.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/json.hpp"
#include "coterie/queue/worker.hpp"
#include "otlp/receiver.hpp"

namespace coterie::otlp_test {
namespace {

using namespace std::chrono_literals;
using otlp::Exporter;
using otlp::ExporterOptions;
using queue::Client;
using queue::JobSpec;
using queue::Worker;
using queue::WorkerOptions;

/// Runs `count` jobs, each in a trace of its own, to their ends; how many were done.
std::size_t done_of(int count, const std::shared_ptr<trace::Tracer>& tracer) {
  std::size_t done = 0;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<queue::Broker> broker = queue::open_broker("memory://");
    Worker worker(broker, WorkerOptions().tracer(tracer).stop_when_idle());
    worker.handle("h", []() -> Task<void> { co_return; });
    Client jobs(broker);
    jobs.tracer(tracer);
    for (int i = 0; i < count; ++i) (void)co_await jobs.enqueue(JobSpec("h"));
    co_await worker.serve();
    const std::vector<queue::QueueInfo> queues = co_await broker->queues();
    done = queues.at(0).counts.at(queue::JobState::done);
  };
  run(body());
  return done;
}

TEST(ThreadsTracedJobs, EachRunIsASpanOfTheCollector) {
  Receiver receiver;
  ExporterOptions options;
  options.url = receiver.url();
  const auto exporter = std::make_shared<Exporter>(options);
  EXPECT_EQ(done_of(100, std::make_shared<trace::Tracer>(exporter)), 100u);
  ASSERT_TRUE(exporter->flush(1min));
  EXPECT_EQ(receiver.complaint(), "");
  const std::vector<Span> spans = receiver.spans();
  ASSERT_EQ(spans.size(), 200u);
  std::map<std::string, const Span*> by_id;
  for (const Span& span : spans) by_id[span.id] = &span;
  for (const Span& span : spans) {
    if (span.kind == 4) continue;
    const Span* const sent = by_id.at(span.parent);
    EXPECT_EQ(sent->trace, span.trace);
    EXPECT_EQ(sent->attributes.at("messaging.message.id"), span.attributes.at("messaging.message.id"));
  }
}

TEST(ThreadsTracedJobs, JobsRunOnWhereNobodyCollects) {
  std::string gone;
  {
    const Receiver receiver;
    gone = receiver.url();
  }
  ExporterOptions options;
  options.url = gone;
  options.queue_spans = 10;
  options.retries = 0;
  options.delay = 1h;
  const auto exporter = std::make_shared<Exporter>(options);
  EXPECT_EQ(done_of(100, std::make_shared<trace::Tracer>(exporter)), 100u);
  ASSERT_TRUE(exporter->flush(1min));
  const otlp::ExporterCounts counts = exporter->counts();
  EXPECT_EQ(counts.queue_full, 190u);
  EXPECT_EQ(counts.unreachable, 10u);
}

TEST(ThreadsTracedJobs, JobsDoNotWaitForACollectorThatSaysNothing) {
  Receiver receiver;
  receiver.hold();
  ExporterOptions options;
  options.url = receiver.url();
  options.timeout = 1h;
  options.delay = 0s;
  options.queue_spans = 10;
  options.shutdown_timeout = 1ms;
  const auto exporter = std::make_shared<Exporter>(options);
  EXPECT_EQ(done_of(100, std::make_shared<trace::Tracer>(exporter)), 100u);
  EXPECT_GE(exporter->counts().queue_full, 180u) << "all but what is on its way and what waits";
  receiver.release();
}

/// `coterie args…`, to its end; its output goes to where the test's does.
int coterie(const std::string& args) {
  return std::system((std::string(COTERIE_BIN_DIR) + "/coterie " + args).c_str());  // NOLINT(cert-env33-c)
}

TEST(ThreadsTracedJobs, ATraceGoesOverProcesses) {
  Receiver receiver;
  const broker_suite::TempFolder folder;
  const std::string broker = "sqlite://" + folder.file("jobs.db");
  trace::SpanContext root;
  {
    ExporterOptions options;
    options.url = receiver.url();
    options.service = "shop";
    const auto exporter = std::make_shared<Exporter>(options);
    const auto tracer = std::make_shared<trace::Tracer>(exporter);
    const auto body = [&]() -> Task<void> {
      const trace::Span order(tracer, "order", trace::SpanKind::server);
      root = order.context();
      Client jobs(broker);
      const std::string command =
          std::string(COTERIE_BIN_DIR) + "/coterie enqueue --exec true --broker " + broker;
      JobSpec spec("exec", R"({"command":")" + command + R"("})");
      (void)co_await jobs.enqueue(spec);
    };
    run(body());
  }
  ASSERT_EQ(coterie("worker --allow-exec --quiet --log-level error --until-idle --traces " + receiver.url() +
                    " --broker " + broker),
            0);
  ASSERT_EQ(receiver.complaint(), "");
  const std::vector<Span> spans = receiver.wait_for_spans(4);
  ASSERT_EQ(spans.size(), 4u) << "order, its send, the run, and the run of what that enqueued";
  for (const Span& span : spans) EXPECT_EQ(span.trace, root.trace.hex());
  const Span order = named(spans, "order");
  const Span send = named(spans, "send default");
  EXPECT_EQ(order.service, "stringValue shop");
  EXPECT_EQ(order.id, root.span.hex());
  EXPECT_EQ(send.parent, order.id);
  Span first;
  Span second;
  for (const Span& span : spans)
    if (span.name == "process default") (span.parent == send.id ? first : second) = span;
  EXPECT_EQ(first.service, "stringValue coterie");
  EXPECT_EQ(first.parent, send.id);
  EXPECT_EQ(first.links, std::vector<std::string>{send.id});
  EXPECT_EQ(second.parent, first.id) << "the command's job goes on with the trace of the command";
  EXPECT_NE(first.attributes.at("messaging.message.id"), second.attributes.at("messaging.message.id"));
}

TEST(ThreadsTracedJobs, TheCommandSaysWhatIsWrongWithAUrl) {
  const broker_suite::TempFolder folder;
  const auto said = [&](const std::string& before, const std::string& url) {
    const std::string out = folder.file("out");
    const std::string flags = url.empty() ? "" : " --traces '" + url + "'";
    const int status =
        std::system((before + " " + COTERIE_BIN_DIR + "/coterie worker --allow-exec --broker sqlite://" +
                     folder.file("jobs.db") + flags + " 2>" + out)
                        .c_str());  // NOLINT(cert-env33-c)
    std::FILE* const file = std::fopen(out.c_str(), "r");
    char line[512] = "";
    (void)std::fgets(line, sizeof line, file);
    std::fclose(file);
    return std::to_string(WEXITSTATUS(status)) + " " + line;
  };
  EXPECT_EQ(
      said("", "localhost:4318"),
      "2 coterie: --traces: the collector's URL 'localhost:4318': it is no URL: write http://HOST:PORT or "
      "https://HOST:PORT\n");
  EXPECT_EQ(
      said("OTEL_EXPORTER_OTLP_ENDPOINT=ftp://x", ""),
      "2 coterie: traces: the collector's URL 'ftp://x/v1/traces': it is no URL: write http://HOST:PORT or "
      "https://HOST:PORT\n");
  EXPECT_EQ(said("OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=2", "http://localhost:4318"),
            "2 coterie: --traces: OTEL_TRACES_SAMPLER_ARG '2': give the part of the traces to record, a "
            "number from "
            "0 to 1\n");
}

}  // namespace
}  // namespace coterie::otlp_test
