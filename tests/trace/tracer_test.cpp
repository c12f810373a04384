// Spans: whose children they are, which are recorded, and what they hold.
#include "coterie/trace/tracer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "coterie/coterie.hpp"
#include "trace/spans.hpp"

namespace coterie::trace {
namespace {

const std::string example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const std::string unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

class TracerTest : public testing::Test {
 protected:
  std::shared_ptr<Spans> spans = std::make_shared<Spans>();
  std::shared_ptr<Tracer> tracer = std::make_shared<Tracer>(spans);
};

TEST_F(TracerTest, NestedSpansAreParentAndChildAndEndFromWithin) {
  Context().run([this] {
    Span outer(tracer, "outer");
    EXPECT_EQ(current(), outer.context());
    {
      Span inner(tracer, "inner", SpanKind::client);
      EXPECT_EQ(inner.context().trace, outer.context().trace);
      EXPECT_EQ(current(), inner.context());
    }
    EXPECT_EQ(current(), outer.context());
    outer.end();
    EXPECT_FALSE(current());
  });
  ASSERT_EQ(spans->ended().size(), 2u);
  const SpanData inner = spans->ended()[0];
  const SpanData outer = spans->ended()[1];
  EXPECT_EQ(inner.name, "inner");
  EXPECT_EQ(inner.kind, SpanKind::client);
  EXPECT_EQ(inner.parent, outer.context.span);
  EXPECT_TRUE(outer.parent.is_zero());
  EXPECT_LE(outer.start, inner.start);
  EXPECT_LE(inner.end, outer.end);
}

TEST_F(TracerTest, AnIncomingCallIsTheParent) {
  Context().run([this] {
    const Span serving(tracer, "GET /", SpanKind::server, read_traceparent(example, "a=1"));
    EXPECT_EQ(serving.context().state, "a=1");
  });
  ASSERT_EQ(spans->ended().size(), 1u);
  EXPECT_EQ(spans->ended()[0].context.trace.hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(spans->ended()[0].parent.hex(), "00f067aa0ba902b7");
}

TEST_F(TracerTest, WhatTheParentDoesNotRecordIsNotRecordedAndGoesOnInItsTrace) {
  Context().run([this] {
    const Span serving(tracer, "GET /", SpanKind::server, read_traceparent(unsampled));
    EXPECT_FALSE(serving.is_recorded());
    EXPECT_EQ(serving.context().trace.hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_FALSE(current()->sampled);
  });
  EXPECT_TRUE(spans->ended().empty());
}

TEST_F(TracerTest, SpansOfTasksBesideEachOtherDoNotMix) {
  const auto work = [this](std::string name) -> Task<void> {
    const Span outer(tracer, name);
    co_await yield();
    const Span inner(tracer, name + " inner");
    co_await yield();
    EXPECT_EQ(current(), inner.context());
  };
  const auto body = [&]() -> Task<void> {
    const JoinHandle<void> one = spawn(work, "one");
    const JoinHandle<void> two = spawn(work, "two");
    co_await one;
    co_await two;
  };
  run(body());
  ASSERT_EQ(spans->ended().size(), 4u);
  for (const SpanData& inner : spans->ended()) {
    if (inner.parent.is_zero()) continue;
    const SpanData outer = spans->of(inner.parent);
    EXPECT_EQ(inner.name, outer.name + " inner");
    EXPECT_EQ(inner.context.trace, outer.context.trace);
  }
}

TEST_F(TracerTest, WithoutATracerASpanIsNothing) {
  Context().run([] {
    Span span(nullptr, "nothing");
    span.set({"a", "b"}).fail("x", "y");
    EXPECT_FALSE(current());
    EXPECT_FALSE(span.context().is_valid());
  });
}

TEST_F(TracerTest, AFailureIsAnEventAndTheStatus) {
  Context().run([this] {
    Span span(tracer, "s");
    span.set({"n", std::int64_t{1}}).set({"n", std::int64_t{2}});
    span.fail("std::runtime_error", "no room");
  });
  const SpanData span = spans->ended().at(0);
  EXPECT_TRUE(span.failed);
  EXPECT_EQ(span.status, "no room");
  EXPECT_EQ(text_of(span, "error.type"), "std::runtime_error");
  EXPECT_EQ(std::get<std::int64_t>(value_of(span, "n")), 2);
  ASSERT_EQ(span.events.size(), 1u);
  EXPECT_EQ(span.events[0].name, "exception");
  EXPECT_EQ(text_of(span.events[0], "exception.type"), "std::runtime_error");
  EXPECT_EQ(text_of(span.events[0], "exception.message"), "no room");
}

TEST_F(TracerTest, WhatASpanHoldsIsLimited) {
  Context().run([this] {
    Span span(tracer, std::string(10'000, 'n'));
    for (int i = 0; i < 100; ++i) {
      span.set({"key " + std::to_string(i), "x"});
      span.add_event("event");
    }
    span.set({"key 0", std::string(8191, 'x') + "ä"});
  });
  const SpanData span = spans->ended().at(0);
  EXPECT_EQ(span.attributes.size(), most_attributes);
  EXPECT_EQ(span.events.size(), most_events);
  EXPECT_EQ(span.name.size(), most_text_bytes);
  EXPECT_EQ(text_of(span, "key 0"), std::string(8191, 'x')) << "cut at a character's end";
}

TEST(Sampler, FollowsTheParentUnlessToldOtherwise) {
  const TraceId trace = new_trace_id();
  const SpanContext yes = *read_traceparent(example);
  const SpanContext no = *read_traceparent(unsampled);
  const auto verdicts = [&](const char* name, const char* argument) {
    const Sampler sampler = Sampler::parse(name, argument);
    std::string text;
    for (const SpanContext* parent : {static_cast<const SpanContext*>(nullptr), &yes, &no})
      text += sampler.samples(trace, parent) ? 'y' : 'n';
    return text;
  };
  EXPECT_EQ(verdicts("", ""), "yyn");
  EXPECT_EQ(verdicts("parentbased_always_on", ""), "yyn");
  EXPECT_EQ(verdicts("parentbased_always_off", ""), "nyn");
  EXPECT_EQ(verdicts("always_on", ""), "yyy");
  EXPECT_EQ(verdicts("always_off", ""), "nnn");
  EXPECT_EQ(verdicts("traceidratio", "1"), "yyy");
  EXPECT_EQ(verdicts("traceidratio", "0"), "nnn");
  EXPECT_EQ(verdicts("parentbased_traceidratio", "0.0"), "nyn");
  EXPECT_EQ(verdicts("traceidratio", ""), "yyy");
}

TEST(Sampler, TakesAPartOfTheTracesByTheirIds) {
  const Sampler quarter = Sampler::ratio(0.25);
  const auto of = [&](const char* last) {
    return quarter.samples(
        read_traceparent("00-0123456789abcdef" + std::string(last) + "-00f067aa0ba902b7-01")->trace, nullptr);
  };
  EXPECT_TRUE(of("0000000000000001"));
  EXPECT_TRUE(of("3fffffffffffffff")) << "a quarter of 2^64, of which the lowest bit counts for nothing";
  EXPECT_FALSE(of("4000000000000000"));
  EXPECT_FALSE(of("ffffffffffffffff"));
}

TEST(Sampler, NamesTheVariableThatIsWrong) {
  const auto refusal = [](const char* name, const char* argument) -> std::string {
    try {
      (void)Sampler::parse(name, argument);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal("jaeger_remote", ""),
            "OTEL_TRACES_SAMPLER 'jaeger_remote': give always_on, always_off or traceidratio, or one of them "
            "behind 'parentbased_'");
  for (const char* const argument : {"1.5", "-1", "x", "0.5x", "nan"})
    EXPECT_EQ(refusal("traceidratio", argument),
              "OTEL_TRACES_SAMPLER_ARG '" + std::string(argument) +
                  "': give the part of the traces to record, a number from 0 to 1");
}

}  // namespace
}  // namespace coterie::trace
