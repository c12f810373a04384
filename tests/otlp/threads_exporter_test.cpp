// The exporter against a collector that takes spans, refuses them, is slow, or is not there.
#include "coterie/otlp/exporter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "otlp/receiver.hpp"
#include "trace/spans.hpp"

namespace coterie::otlp_test {
namespace {

using namespace std::chrono_literals;
using otlp::Exporter;
using otlp::ExporterCounts;
using otlp::ExporterOptions;
using ::testing::HasSubstr;

class Lines final : public LogSink {
 public:
  void write(const LogRecord& record) override {
    const std::lock_guard lock(mutex);
    lines.push_back(std::string(to_string(record.level)) + " " + std::string(record.message));
  }
  std::mutex mutex;
  std::vector<std::string> lines;
};

trace::SpanData span(std::string name) {
  trace::SpanData data;
  data.context.trace = trace::new_trace_id();
  data.context.span = trace::new_span_id();
  data.context.sampled = true;
  data.name = std::move(name);
  data.start = data.end = std::chrono::system_clock::now();
  return data;
}

class ThreadsExporter : public testing::Test {
 protected:
  ~ThreadsExporter() override { EXPECT_EQ(receiver.complaint(), ""); }
  ExporterOptions options() {
    ExporterOptions given;
    given.url = receiver.url();
    given.service = "shop";
    given.delay = 1h;  // only a full batch and a flush are sent
    given.retry_after = 1ms;
    given.log = Logger(log);
    return given;
  }
  static void add(Exporter& exporter, int count) {
    for (int i = 0; i < count; ++i) exporter.add(span("span " + std::to_string(i)));
  }
  /// A port at which nobody listens.
  static std::string nobody() {
    const Receiver gone;
    return gone.url();
  }
  static http::Response busy(int status, const std::string& retry_after) {
    http::Response response(status);
    response.headers.add("Retry-After", retry_after);
    return response;
  }

  std::shared_ptr<Lines> log = std::make_shared<Lines>();
  Receiver receiver;
};

TEST_F(ThreadsExporter, SendsAllThatASpanHolds) {
  Exporter exporter(options());
  trace::SpanData data = span("a \"name\"\n\x1b[0m ü \xff");
  data.parent = trace::new_span_id();
  data.kind = trace::SpanKind::consumer;
  data.context.state = "vendor=1";
  data.attributes = {
      {"text", "日本"}, {"whole", std::numeric_limits<std::int64_t>::min()},    {"number", 0.5},
      {"huge", 1e300},  {"infinite", -std::numeric_limits<double>::infinity()}, {"yes", true}};
  data.links.push_back(span("other").context);
  data.fail("std::runtime_error", "no room");
  data.end = std::chrono::system_clock::now();
  exporter.add(data);
  ASSERT_TRUE(exporter.flush(1min));
  const std::vector<Span> came = receiver.spans();
  ASSERT_EQ(came.size(), 1u);
  EXPECT_EQ(came[0].service, "stringValue shop");
  EXPECT_EQ(came[0].trace, data.context.trace.hex());
  EXPECT_EQ(came[0].id, data.context.span.hex());
  EXPECT_EQ(came[0].parent, data.parent.hex());
  EXPECT_EQ(came[0].state, "vendor=1");
  EXPECT_EQ(came[0].name, "a \"name\"\n\x1b[0m ü \xEF\xBF\xBD");
  EXPECT_EQ(came[0].kind, 5);
  EXPECT_EQ(came[0].status_code, 2);
  EXPECT_EQ(came[0].status, "no room");
  EXPECT_EQ(came[0].attributes,
            (std::map<std::string, std::string>{{"text", "stringValue 日本"},
                                                {"whole", "intValue -9223372036854775808"},
                                                {"number", "doubleValue 5E-1"},
                                                {"huge", "doubleValue 1E300"},
                                                {"infinite", "doubleValue \"-Infinity\""},
                                                {"yes", "boolValue true"},
                                                {"error.type", "stringValue std::runtime_error"}}));
  EXPECT_EQ(came[0].events.at("exception").at("exception.message"), "stringValue no room");
  EXPECT_EQ(came[0].links, std::vector<std::string>{data.links[0].span.hex()});
  EXPECT_EQ(receiver.newest().path, "/v1/traces");
}

TEST_F(ThreadsExporter, SpansThatWaitGoTogetherAndAFullBatchGoesAtOnce) {
  ExporterOptions given = options();
  given.batch_spans = 4;
  Exporter exporter(given);
  add(exporter, 3);
  ASSERT_TRUE(exporter.flush(1min));
  EXPECT_EQ(receiver.requests(), 1u);
  add(exporter, 4);
  EXPECT_EQ(receiver.wait_for_spans(7).size(), 7u) << "without a flush";
  EXPECT_EQ(receiver.requests(), 2u);
}

TEST_F(ThreadsExporter, ASpanWaitsNoLongerThanTheDelay) {
  ExporterOptions given = options();
  given.delay = 1ms;
  Exporter exporter(given);
  add(exporter, 1);
  EXPECT_EQ(receiver.wait_for_spans(1).size(), 1u);
}

TEST_F(ThreadsExporter, WhatHasNoRoomIsDroppedAndCounted) {
  ExporterOptions given = options();
  given.queue_spans = 4;
  given.batch_spans = 1;
  Exporter exporter(given);
  receiver.hold();
  add(exporter, 1);
  receiver.wait_for_requests(1);
  add(exporter, 7);
  EXPECT_EQ(exporter.counts().queue_full, 3u);
  receiver.release();
  ASSERT_TRUE(exporter.flush(1min));
  EXPECT_EQ(exporter.counts().exported, 5u);
}

TEST_F(ThreadsExporter, ABusyCollectorIsAskedAgainWhenItSaysSo) {
  Exporter exporter(options());
  receiver.answer(busy(503, "0"));
  receiver.answer(busy(429, "Fri, 31 Dec 1999 23:59:59 GMT"));
  receiver.answer(busy(502, "nonsense"));
  add(exporter, 2);
  ASSERT_TRUE(exporter.flush(1min));
  EXPECT_EQ(receiver.requests(), 4u);
  EXPECT_EQ(exporter.counts().exported, 2u);
  ASSERT_EQ(log->lines.size(), 2u) << "one line when it begins, one when it is over";
  EXPECT_EQ(log->lines[0],
            "warning traces: " + receiver.url() +
                "/v1/traces: it answers 503 Service Unavailable; jobs go on, and spans for which "
                "there is no room are dropped and counted");
  EXPECT_EQ(log->lines[1], "info traces: " + receiver.url() + "/v1/traces takes spans again");
}

TEST_F(ThreadsExporter, WhatTheCollectorRefusesIsNotSentAgain) {
  Exporter exporter(options());
  receiver.answer(http::Response(413));
  add(exporter, 2);
  ASSERT_TRUE(exporter.flush(1min));
  receiver.answer(http::Response(200, "application/json", R"({"partialSuccess": {"rejectedSpans": "1"}})"));
  add(exporter, 3);
  ASSERT_TRUE(exporter.flush(1min));
  EXPECT_EQ(receiver.requests(), 2u);
  EXPECT_EQ(exporter.counts().refused, 3u);
  EXPECT_EQ(exporter.counts().exported, 2u);
}

TEST_F(ThreadsExporter, WhereNobodyIsTheSpansAreCounted) {
  ExporterOptions given = options();
  given.url = nobody();
  given.retries = 2;
  Exporter exporter(given);
  add(exporter, 5);
  ASSERT_TRUE(exporter.flush(1min));
  EXPECT_EQ(exporter.counts().unreachable, 5u);
  metrics::Snapshot snapshot;
  exporter.collect(snapshot);
  EXPECT_THAT(snapshot.text(), HasSubstr("coterie_traces_dropped_total{reason=\"unreachable\"} 5\n"));
  EXPECT_THAT(snapshot.text(), HasSubstr("coterie_traces_exported_total 0\n"));
}

TEST_F(ThreadsExporter, ACollectorThatSaysNothingIsGivenUp) {
  ExporterOptions given = options();
  given.timeout = 20ms;
  given.retries = 1;
  Exporter exporter(given);
  receiver.hold();
  add(exporter, 1);
  ASSERT_TRUE(exporter.flush(1min));
  EXPECT_EQ(exporter.counts().unreachable, 1u);
  EXPECT_THAT(log->lines.at(0), HasSubstr("it does not answer in time"));
  receiver.release();
}

TEST_F(ThreadsExporter, TheEndSendsWhatIsLeft) {
  {
    Exporter exporter(options());
    add(exporter, 3);
  }
  EXPECT_EQ(receiver.spans().size(), 3u);
}

TEST_F(ThreadsExporter, TheEndDoesNotWaitForACollectorThatSaysNothing) {
  receiver.hold();
  {
    ExporterOptions given = options();
    given.timeout = 1h;
    given.shutdown_timeout = 10ms;
    Exporter exporter(given);
    add(exporter, 3);
    EXPECT_FALSE(exporter.flush(1ms));
  }
  receiver.release();  // that it came so far is the test
}

TEST_F(ThreadsExporter, AnOptionThatMakesNoSenseIsSaid) {
  const auto refusal = [this](auto spoil) -> std::string {
    ExporterOptions given = options();
    spoil(given);
    try {
      const Exporter exporter(given);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(
      refusal([](ExporterOptions& o) { o.url = "collector:4318"; }),
      "the collector's URL 'collector:4318': it is no URL: write http://HOST:PORT or https://HOST:PORT");
  EXPECT_THAT(refusal([](ExporterOptions& o) { o.queue_spans = 0; }), HasSubstr("queue_spans 0"));
  EXPECT_THAT(refusal([](ExporterOptions& o) { o.batch_spans = 0; }), HasSubstr("batch_spans 0"));
  EXPECT_THAT(refusal([](ExporterOptions& o) { o.timeout = 0s; }), HasSubstr("timeout"));
  EXPECT_THAT(refusal([](ExporterOptions& o) { o.retries = -1; }), HasSubstr("retries"));
}

}  // namespace
}  // namespace coterie::otlp_test
