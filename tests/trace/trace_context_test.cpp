// W3C Trace Context: what is taken, what is refused, and how it goes along.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/log.hpp"
#include "coterie/trace_context.hpp"

namespace coterie::trace {
namespace {

const std::string example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsReadAndWrittenAsItStands) {
  const std::optional<SpanContext> context = read_traceparent(example);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace.hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->span.hex(), "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(write_traceparent(*context), example);
  const std::optional<SpanContext> quiet =
      read_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  ASSERT_TRUE(quiet);
  EXPECT_FALSE(quiet->sampled);
  EXPECT_EQ(write_traceparent(*quiet).substr(52), "-00");
}

TEST(Traceparent, OfTheFlagsOnlySampledGoesOn) {
  const std::optional<SpanContext> context = read_traceparent(example.substr(0, 53) + "ff");
  ASSERT_TRUE(context);
  EXPECT_EQ(write_traceparent(*context), example);
}

TEST(Traceparent, ALaterVersionIsReadAsFarAsItIsKnown) {
  for (const char* const rest : {"", "-what-comes-later"}) {
    const std::optional<SpanContext> context = read_traceparent("cc" + example.substr(2) + rest);
    ASSERT_TRUE(context) << rest;
    EXPECT_EQ(write_traceparent(*context), example);
  }
  EXPECT_FALSE(read_traceparent("cc" + example.substr(2) + ".what-comes-later"));
  EXPECT_FALSE(read_traceparent("cc" + example.substr(2) + "x"));
}

TEST(Traceparent, WhatTheStandardForbidsIsRefused) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string span = "00f067aa0ba902b7";
  const std::vector<std::string> wrong{
      std::string(),
      std::string("00"),
      example.substr(0, 54),
      example + "-",
      example + "x",
      " " + example,
      "ff-" + trace + "-" + span + "-01",                         // that version is none
      "0-" + trace + "-" + span + "-01",                          //
      "00-" + std::string(32, '0') + "-" + span + "-01",          // of no trace
      "00-" + trace + "-" + std::string(16, '0') + "-01",         // of no span
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",  // upper case
      "0G-" + trace + "-" + span + "-01",
      "00-" + trace + "-" + span + "-0g",
      "00_" + trace + "-" + span + "-01",
      "00-" + trace + "_" + span + "-01",
      "00-" + trace + "-" + span + "_01",
      "00-" + trace.substr(1) + "-" + span + "-01-",
      "00-" + trace.substr(0, 31) + "\xff-" + span + "-01"};
  for (const std::string& text : wrong) EXPECT_FALSE(read_traceparent(text)) << text;
}

std::string state_of(std::string_view tracestate) {
  return read_traceparent(example, tracestate)->state;
}

TEST(Tracestate, GoesOnInItsOrderWithoutSpaces) {
  EXPECT_EQ(state_of("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ(state_of(" a=1 ,\tb=2\t, ,c= 3"), "a=1,b=2,c= 3");
  EXPECT_EQ(state_of("tenant@vendor=1,0tenant@v=2,a_b-c*d/e=!\"#~"),
            "tenant@vendor=1,0tenant@v=2,a_b-c*d/e=!\"#~");
}

TEST(Tracestate, OneThatIsNotWellFormedIsLeftOutAndTheTraceGoesOn) {
  for (const char* const text : {"a", "=1", "a=", "A=1", "1a=1", "a=1,a=2", "a=b=c", "a=\x01", "a=\xc3\xa4",
                                 "a@=1", "@v=1", "t@1v=1", "a@b@c=1", "a b=1"}) {
    const std::optional<SpanContext> context = read_traceparent(example, text);
    ASSERT_TRUE(context) << text;
    EXPECT_EQ(context->state, "") << text;
  }
  EXPECT_EQ(state_of(std::string(257, 'k') + "=1"), "");
  EXPECT_EQ(state_of("k=" + std::string(257, 'v')), "");
  EXPECT_EQ(state_of(std::string(242, 't') + "@v=1"), "");
  EXPECT_EQ(state_of("t@" + std::string(15, 'v') + "=1"), "");
  std::string many;
  for (int i = 0; i < 33; ++i) many += "k" + std::to_string(i) + "=1,";
  EXPECT_EQ(state_of(many), "");
}

TEST(Tracestate, WhatIsTooLongLosesItsLongMembersFirstAndThenTheLast) {
  const std::string big = "big=" + std::string(200, 'x');
  EXPECT_EQ(state_of("a=1," + big + ",b=2"), "a=1," + big + ",b=2");
  const std::string other = "other=" + std::string(250, 'x');
  EXPECT_EQ(state_of("a=1," + big + "," + other + ",third=" + std::string(100, 'y')),
            "a=1," + big + ",third=" + std::string(100, 'y'));
  std::string many;
  std::string kept;
  for (char c = 'a'; c < 'g'; ++c) many += std::string(1, c) + "=" + std::string(100, 'x') + ",";
  EXPECT_EQ(state_of(many), many.substr(0, 4 * 103 - 1)) << "each has 103 with its comma";
}

TEST(TraceIds, AreNeverZeroAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(new_trace_id().is_zero());
    EXPECT_TRUE(seen.insert(new_span_id().hex()).second);
  }
}

TEST(CurrentTrace, BelongsToATaskAndToWhatItSpawns) {
  const auto body = []() -> Task<void> {
    EXPECT_FALSE(current());
    const auto joined = []() -> Task<void> {
      EXPECT_TRUE(join(example, "a=1"));
      const std::optional<SpanContext> of_child = co_await spawn([]() -> Task<std::optional<SpanContext>> {
        co_await yield();
        co_return current();
      });
      EXPECT_EQ(of_child, read_traceparent(example, "a=1"));
      EXPECT_FALSE(join("nonsense"));
      EXPECT_EQ(current(), of_child) << "nothing has changed";
    };
    co_await spawn(joined);
    EXPECT_FALSE(current()) << "the task that joined has ended";
  };
  run(body());
}

class Lines final : public LogSink {
 public:
  void write(const LogRecord& record) override {
    for (const LogField& field : record.fields) fields.push_back(field.name + "=" + field.value);
  }
  std::vector<std::string> fields;
};

TEST(CurrentTrace, StandsInTheLinesOfALog) {
  const auto sink = std::make_shared<Lines>();
  const Logger log(sink);
  Context().run([&] {
    log.info("of no trace");
    EXPECT_TRUE(join(example));
    set_log_field("order", "7");
    log.info("of one");
  });
  EXPECT_EQ(sink->fields, (std::vector<std::string>{"order=7", "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
                                                    "span_id=00f067aa0ba902b7"}));
}

}  // namespace
}  // namespace coterie::trace
