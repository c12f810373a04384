// A trace goes from an enqueue to the run and on to what that enqueues, and each step is a span.
#include <gmock/gmock.h>

#include "coterie/log.hpp"
#include "coterie/queue/json.hpp"
#include "coterie/trace/tracer.hpp"
#include "tests/queue/worker_run.hpp"
#include "trace/spans.hpp"

namespace queue_tests {
namespace {

using coterie::trace::Sampler;
using coterie::trace::Span;
using coterie::trace::SpanContext;
using coterie::trace::SpanData;
using coterie::trace::SpanKind;
using coterie::trace::Spans;
using coterie::trace::text_of;
using coterie::trace::Tracer;
using coterie::trace::value_of;

const std::string example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const std::string unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

class TracingTest : public WorkerRun {
 protected:
  JobInfo end_of_traced(JobSpec spec, std::function<Task<void>(JobContext&)> handler) {
    Worker worker(broker, options().tracer(tracer));
    worker.handle("h", [&handler](JobContext& job) -> Task<void> { co_await handler(job); });
    return end_of(worker, std::move(spec));
  }
  static JobSpec in_trace(const std::string& traceparent) {
    JobSpec spec = once();
    spec.headers["traceparent"] = traceparent;
    return spec;
  }
  std::shared_ptr<Spans> spans = std::make_shared<Spans>();
  std::shared_ptr<Tracer> tracer = std::make_shared<Tracer>(spans);
};

TEST_F(TracingTest, ATraceGoesFromEnqueueToRunToEnqueueToRun) {
  Worker worker(broker, options().tracer(tracer));
  JobId second;
  worker.handle("first", [&](JobContext& job) -> Task<void> {
    EXPECT_EQ(job.headers().count("traceparent"), 1u);
    JobSpec next("second");
    next.queue = "default";
    second = co_await client().enqueue(next);
  });
  worker.handle("second", []() -> Task<void> { co_return; });
  SpanContext root;
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    JobId first;
    {
      const Span order(tracer, "POST /orders", SpanKind::server,
                       coterie::trace::read_traceparent(example, "a=1"));
      root = order.context();
      first = co_await jobs.enqueue(JobSpec("first"));
    }
    (void)co_await jobs.wait(first);
    (void)co_await jobs.wait(second);
    const std::optional<JobInfo> info = co_await jobs.get(second);
    EXPECT_EQ(info->headers.at("tracestate"), "a=1");
  };
  run(beside(worker, body()));

  ASSERT_EQ(spans->ended().size(), 5u);
  for (const SpanData& span : spans->ended()) EXPECT_EQ(span.context.trace, root.trace) << span.name;
  std::vector<SpanData> sends;
  std::vector<SpanData> runs;
  for (const SpanData& span : spans->ended()) {
    if (span.kind == SpanKind::producer) sends.push_back(span);
    if (span.kind == SpanKind::consumer) runs.push_back(span);
  }
  ASSERT_EQ(sends.size(), 2u);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(sends[0].parent, root.span);
  EXPECT_EQ(runs[0].parent, sends[0].context.span);
  EXPECT_EQ(sends[1].parent, runs[0].context.span);
  EXPECT_EQ(runs[1].parent, sends[1].context.span);
}

TEST_F(TracingTest, SpansAreAsTheConventionsHaveThem) {
  const auto body = [this](Client jobs) -> Task<JobId> {
    const Span root(tracer, "root");
    co_return co_await jobs.enqueue(once());
  };
  Worker worker(broker, options().tracer(tracer));
  worker.handle("h", []() -> Task<void> { co_await sleep(1s); });
  JobId id;
  const auto all = [&]() -> Task<void> {
    Client jobs = client();
    id = co_await spawn(body, jobs);
    (void)co_await jobs.wait(id);
  };
  run(beside(worker, all()));
  const SpanData send = spans->named("send default");
  EXPECT_EQ(send.kind, SpanKind::producer);
  EXPECT_EQ(text_of(send, "messaging.system"), "coterie");
  EXPECT_EQ(text_of(send, "messaging.operation.name"), "send");
  EXPECT_EQ(text_of(send, "messaging.operation.type"), "send");
  EXPECT_EQ(text_of(send, "messaging.destination.name"), "default");
  EXPECT_EQ(text_of(send, "messaging.message.id"), id.str());
  EXPECT_EQ(text_of(send, "coterie.job.name"), "h");
  EXPECT_FALSE(send.failed);
  const SpanData process = spans->named("process default");
  EXPECT_EQ(process.kind, SpanKind::consumer);
  EXPECT_EQ(text_of(process, "messaging.operation.type"), "process");
  EXPECT_EQ(text_of(process, "messaging.message.id"), id.str());
  EXPECT_EQ(std::get<std::int64_t>(value_of(process, "coterie.job.attempt")), 1);
  EXPECT_EQ(text_of(process, "coterie.job.outcome"), "success");
  ASSERT_EQ(process.links.size(), 1u);
  EXPECT_EQ(process.links[0], send.context) << "the creation context, linked too";
  EXPECT_FALSE(process.failed);
  EXPECT_LE(process.start, process.end);
}

TEST_F(TracingTest, EachAttemptIsASpanAndAFailureSaysTypeAndMessage) {
  JobSpec spec = in_trace(example);
  spec.max_attempts = 2;
  end_of_traced(spec, [](JobContext& job) -> Task<void> {
    if (job.attempt() == 1) throw std::out_of_range("no such row");
    co_return;
  });
  const std::vector<SpanData> ended = spans->ended();
  ASSERT_EQ(ended.size(), 2u);
  for (const SpanData& span : ended) EXPECT_EQ(span.parent.hex(), "00f067aa0ba902b7");
  EXPECT_TRUE(ended[0].failed);
  EXPECT_EQ(ended[0].status, "no such row");
  EXPECT_EQ(text_of(ended[0], "error.type"), "std::out_of_range");
  EXPECT_EQ(text_of(ended[0], "coterie.job.outcome"), "retry");
  EXPECT_EQ(ended[0].events.at(0).name, "exception");
  EXPECT_EQ(text_of(ended[0].events.at(0), "exception.message"), "no such row");
  EXPECT_NE(text_of(ended[0].events.at(0), "exception.stacktrace").find("tracing_test.cpp:"),
            std::string::npos);
  EXPECT_EQ(std::get<std::int64_t>(value_of(ended[1], "coterie.job.attempt")), 2);
  EXPECT_FALSE(ended[1].failed);
}

TEST_F(TracingTest, AMessageThatLooksLikeAStackStaysWhole) {
  const std::string message = "the server said:\n   at Shop.sell() Shop.java:7";
  const JobInfo info = end_of_traced(once(), [&](JobContext&) -> Task<void> {
    throw std::runtime_error(message);
    co_return;
  });
  const auto ended = spans->ended();
  ASSERT_EQ(ended.size(), 1u);
  const auto& event = ended[0].events.at(0);
  EXPECT_EQ(text_of(event, "exception.message"), message);
  const std::string stack = text_of(event, "exception.stacktrace");
  EXPECT_EQ(stack.find("   at "), 0u);
  EXPECT_EQ(stack.find("Shop.java"), std::string::npos);
  EXPECT_EQ(info.error->message, message + "\n" + stack) << "kept as one text";
  EXPECT_EQ(info.error->stack, "");
}

TEST_F(TracingTest, TimeoutsPermanentErrorsAndCancelsAreToldApart) {
  JobSpec slow = once();
  slow.timeout = 1s;
  end_of_traced(slow, [](JobContext&) -> Task<void> { co_await sleep(1h); });
  end_of_traced(once(), [](JobContext&) -> Task<void> {
    throw PermanentError("bad input", "no such picture");
    co_return;
  });
  const std::vector<SpanData> ended = spans->ended();
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(text_of(ended[0], "error.type"), "timeout");
  EXPECT_EQ(text_of(ended[1], "error.type"), "bad input");
  EXPECT_EQ(text_of(ended[1], "coterie.job.outcome"), "dead");
}

TEST_F(TracingTest, AJobWithoutATraceBeginsOne) {
  end_of_traced(once(), [this](JobContext&) -> Task<void> {
    EXPECT_TRUE(coterie::trace::current());
    co_await client().enqueue(JobSpec("nobody"));
  });
  const SpanData run = spans->named("process default");
  EXPECT_TRUE(run.parent.is_zero());
  EXPECT_TRUE(run.links.empty());
  EXPECT_EQ(spans->named("send default").parent, run.context.span);
}

TEST_F(TracingTest, ATraceThatIsNotSampledGoesOnUnseen) {
  std::string seen;
  end_of_traced(in_trace(unsampled), [&](JobContext&) -> Task<void> {
    const JobId id = co_await client().enqueue(JobSpec("nobody"));
    const std::optional<JobInfo> next = co_await client().get(id);
    seen = next->headers.at("traceparent");
  });
  EXPECT_TRUE(spans->ended().empty());
  EXPECT_EQ(seen.substr(0, 36), unsampled.substr(0, 36));
  EXPECT_EQ(seen.substr(52), "-00");
}

TEST_F(TracingTest, WithoutATracerTheTraceGoesOnAsItCame) {
  Worker worker(broker, options());
  Headers seen;
  worker.handle("h", [&]() -> Task<void> {
    EXPECT_EQ(coterie::trace::current(), coterie::trace::read_traceparent(example, "a=1"));
    const JobId id = co_await client().enqueue(JobSpec("nobody"));
    const std::optional<JobInfo> next = co_await client().get(id);
    seen = next->headers;
  });
  JobSpec spec = in_trace(example);
  spec.headers["tracestate"] = "a=1";
  spec.headers["tenant"] = "blue";
  end_of(worker, spec);
  EXPECT_EQ(seen, (Headers{{"traceparent", example}, {"tracestate", "a=1"}})) << "and no other header";
}

TEST_F(TracingTest, AHeaderThatIsNoTraceparentBeginsATraceOfItsOwn) {
  end_of_traced(in_trace("00-nonsense"), [](JobContext&) -> Task<void> { co_return; });
  EXPECT_TRUE(spans->ended().at(0).parent.is_zero());
}

TEST_F(TracingTest, WhoIsInNoTraceEnqueuesWithoutOneUnlessTheClientHasATracer) {
  Headers plain;
  Headers traced;
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    const JobId one = co_await jobs.enqueue(JobSpec("nobody"));
    jobs.tracer(tracer);
    const JobId two = co_await jobs.enqueue(JobSpec("nobody"));
    const std::optional<JobInfo> first = co_await jobs.get(one);
    const std::optional<JobInfo> second = co_await jobs.get(two);
    plain = first->headers;
    traced = second->headers;
  };
  run(body());
  EXPECT_TRUE(plain.empty());
  ASSERT_EQ(spans->ended().size(), 1u);
  EXPECT_TRUE(spans->ended()[0].parent.is_zero());
  EXPECT_EQ(traced.at("traceparent"), write_traceparent(spans->ended()[0].context));
}

TEST_F(TracingTest, ABatchIsOneSpanWhichAllItsJobsCarry) {
  std::vector<JobSpec> batch(3, JobSpec("nobody"));
  batch[1].headers["traceparent"] = example;
  std::vector<std::string> seen;
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    jobs.tracer(tracer);
    const std::vector<JobId> ids = co_await jobs.enqueue(batch);
    for (const JobId& id : ids) {
      const std::optional<JobInfo> info = co_await jobs.get(id);
      seen.push_back(info->headers.at("traceparent"));
    }
  };
  run(body());
  ASSERT_EQ(spans->ended().size(), 1u);
  const SpanData send = spans->ended()[0];
  EXPECT_EQ(std::get<std::int64_t>(value_of(send, "messaging.batch.message_count")), 3);
  const std::string ours = write_traceparent(send.context);
  EXPECT_EQ(seen, (std::vector<std::string>{ours, example, ours})) << "the caller's own stays";
}

TEST_F(TracingTest, AnEnqueueThatIsRefusedIsAFailedSpan) {
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    jobs.tracer(tracer);
    Task<JobId> call = jobs.enqueue(JobSpec(""));
    const Outcome<JobId> end = co_await outcome(std::move(call));
    EXPECT_THROW((void)end.get(), BadRequest);
  };
  run(body());
  ASSERT_EQ(spans->ended().size(), 1u);
  EXPECT_TRUE(spans->ended()[0].failed);
  EXPECT_EQ(text_of(spans->ended()[0], "error.type"), "coterie::queue::BadRequest");
}

TEST_F(TracingTest, AJobThatHasNoRoomForItsTraceIsEnqueuedWithout) {
  JobSpec spec("nobody");
  for (int i = 0; i < 32; ++i) spec.headers["h" + std::to_string(i)] = "x";
  std::optional<JobInfo> info;
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    jobs.tracer(tracer);
    const JobId id = co_await jobs.enqueue(spec);
    info = co_await jobs.get(id);
  };
  run(body());
  EXPECT_EQ(info->headers, spec.headers);
}

class Lines final : public LogSink {
 public:
  void write(const LogRecord& record) override {
    for (const LogField& field : record.fields) fields[field.name] = field.value;
  }
  std::map<std::string, std::string> fields;
};

TEST_F(TracingTest, LinesOfAHandlerNameTheRunsSpan) {
  const auto sink = std::make_shared<Lines>();
  Worker worker(broker, options().tracer(tracer).log_fields());
  worker.handle("h", [&]() -> Task<void> {
    Logger(sink).info("works");
    co_return;
  });
  const JobInfo job = end_of(worker, in_trace(example));
  const SpanData run = spans->named("process default");
  EXPECT_EQ(sink->fields, (std::map<std::string, std::string>{{"job", job.id.str()},
                                                              {"handler", "h"},
                                                              {"queue", "default"},
                                                              {"attempt", "1"},
                                                              {"trace_id", run.context.trace.hex()},
                                                              {"span_id", run.context.span.hex()}}));
}

}  // namespace
}  // namespace queue_tests
