// The collector of these tests refuses what a real one would refuse, or take without a word.
#include <gmock/gmock.h>

#include "otlp/receiver.hpp"

namespace coterie::otlp_test {
namespace {

const std::string good =
    R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},)"
    R"("scopeSpans":[{"scope":{"name":"coterie"},"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736",)"
    R"("spanId":"00f067aa0ba902b7","flags":1,"name":"send mail","kind":4,)"
    R"("startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002",)"
    R"("attributes":[{"key":"n","value":{"intValue":"7"}}],"status":{"code":2,"message":"no"}}]}]}]})";

/// What is said against the request in which `what` stands as `instead`; "" where it is taken.
std::string complaint(const std::string& what, const std::string& instead) {
  std::string body = good;
  const std::size_t at = body.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  body.replace(at, what.size(), instead);
  try {
    (void)read_spans(body);
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

TEST(OtlpReceiver, TakesWhatTheProtocolSays) {
  const std::vector<Span> spans = read_spans(good);
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].start, 1'700'000'000'000'000'001u) << "to the last nanosecond";
  EXPECT_EQ(spans[0].attributes.at("n"), "intValue 7");
  EXPECT_EQ(spans[0].status_code, 2);
}

TEST(OtlpReceiver, SixtyFourBitsAreAString) {
  EXPECT_NE(complaint(R"("1700000000000000001")", "1700000000000000001"), "");
  EXPECT_NE(complaint(R"("1700000000000000001")", R"("1700000000000000001ns")"), "");
  EXPECT_NE(complaint(R"("1700000000000000001")", R"("-1")"), "");
  EXPECT_NE(complaint(R"({"intValue":"7"})", R"({"intValue":7})"), "");
  EXPECT_NE(complaint(R"({"intValue":"7"})", R"({"intValue":"7.5"})"), "");
  EXPECT_NE(complaint(R"({"intValue":"7"})", R"({"intValue":"9223372036854775808"})"), "");
}

TEST(OtlpReceiver, IdsAreHexadecimal) {
  EXPECT_EQ(complaint("00f067aa0ba902b7", "00F067AA0BA902B7"), "'00F067AA0BA902B7' is no id");
  EXPECT_EQ(complaint("00f067aa0ba902b7", "APBnqgupArc="), "'APBnqgupArc=' is no id") << "base64";
  EXPECT_EQ(complaint("00f067aa0ba902b7", "0000000000000000"), "'0000000000000000' is no id");
  EXPECT_EQ(complaint("4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6"), "'4bf92f3577b34da6' is no id");
}

TEST(OtlpReceiver, NamesWhatIsMissingAndWhatItDoesNotKnow) {
  EXPECT_EQ(complaint(R"("kind":4,)", ""), "a span lacks kind");
  EXPECT_EQ(complaint(R"("endTimeUnixNano":"1700000000000000002",)", ""), "a span lacks endTimeUnixNano");
  EXPECT_EQ(complaint("spanId", "span_id"), "a span lacks spanId");
  EXPECT_EQ(complaint(R"("kind":4,)", R"("kind":4,"parent_span_id":"00f067aa0ba902b7",)"),
            "a span has 'parent_span_id', which OTLP does not know");
  EXPECT_EQ(complaint(R"({"code":2,)", R"({"status":2,)"), "a status lacks code");
  EXPECT_EQ(complaint(R"("scope":{"name":"coterie"},)", ""), "a scope's spans lacks scope");
}

TEST(OtlpReceiver, EnumsAreNumbers) {
  EXPECT_NE(complaint(R"("kind":4)", R"("kind":"SPAN_KIND_PRODUCER")"), "");
  EXPECT_EQ(complaint(R"("kind":4)", R"("kind":6)"), "the kind 6 is none");
  EXPECT_EQ(complaint(R"("code":2)", R"("code":3)"), "the status 3 is none");
}

TEST(OtlpReceiver, AValueHasOneKnownType) {
  EXPECT_NE(complaint(R"({"intValue":"7"})", R"({"int64Value":"7"})"), "");
  EXPECT_NE(complaint(R"({"intValue":"7"})", R"({"intValue":"7","stringValue":"7"})"), "");
  EXPECT_NE(complaint(R"({"intValue":"7"})", R"({"doubleValue":"much"})"), "");
  EXPECT_EQ(complaint(R"({"intValue":"7"})", R"({"doubleValue":"NaN"})"), "");
}

}  // namespace
}  // namespace coterie::otlp_test
