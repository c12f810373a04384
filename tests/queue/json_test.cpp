// The typed layer: values as text and back, and what is said of text that does not fit.
#include "coterie/queue/json.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

namespace queue_tests {
namespace {

using namespace coterie::queue;

enum class Mode { fast, slow };
BOOST_DESCRIBE_ENUM(Mode, fast, slow)

struct Item {
  double price = 0;
  std::optional<int> stock;
};
BOOST_DESCRIBE_STRUCT(Item, (), (price, stock))

struct Base {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Base, (), (name))

struct Order : Base {
  std::vector<Item> items;
  std::map<std::string, std::vector<int>> tags;
  Mode mode = Mode::fast;
  std::uint8_t level = 0;
  std::pair<int, std::string> place;
  bool paid = false;
};
BOOST_DESCRIBE_STRUCT(Order, (Base), (items, tags, mode, level, place, paid))

struct Nothing {};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

template <class T>
std::string error_of(std::string_view text) {
  try {
    (void)from_json<T>(text);
  } catch (const JsonError& error) {
    return error.what();
  }
  return "no error";
}
template <class T>
std::string write_error_of(const T& value) {
  try {
    (void)to_json(value);
  } catch (const JsonError& error) {
    return error.what();
  }
  return "no error";
}
template <class T>
void round_trip(const T& value, const std::string& text) {
  EXPECT_EQ(to_json(value), text);
  EXPECT_EQ(to_json(from_json<T>(text)), text);
}

TEST(Json, ValuesComeBackAsTheyWent) {
  round_trip(true, "true");
  round_trip(std::numeric_limits<std::int64_t>::min(), "-9223372036854775808");
  round_trip(std::numeric_limits<std::uint64_t>::max(), "18446744073709551615");
  round_trip(0.1 + 0.2, "0.30000000000000004");
  round_trip(5e-324, "5e-324");
  round_trip(1.7976931348623157e308, "1.7976931348623157e+308");
  round_trip(0.1F, "0.1");
  round_trip(std::string("\"\\\n\t\x01/é€😀"), R"("\"\\\n\t\u0001/é€😀")");
  round_trip(std::string("a\0b", 3), R"("a\u0000b")");
  round_trip(std::vector<bool>{true, false}, "[true,false]");
  round_trip(std::set<int>{3, 1, 2}, "[1,2,3]");
  round_trip(std::deque<std::string>{}, "[]");
  round_trip(std::array<int, 3>{1, 2, 3}, "[1,2,3]");
  round_trip(std::tuple<int, std::string, bool>(1, "x", true), R"([1,"x",true])");
  round_trip(std::unordered_map<std::string, int>{{"k", 1}}, R"({"k":1})");
  round_trip(std::map<std::string, int>{}, "{}");
  round_trip(std::optional<int>(), "null");
  round_trip(std::optional<int>(3), "3");
  round_trip(Mode::slow, "\"slow\"");
  round_trip(Nothing(), "{}");
  round_trip(derived_uuid("x"), "\"" + derived_uuid("x").str() + "\"");
  round_trip(from_json<boost::json::value>(R"({"a":[1,2.5,null,"x",{"b":true}]})"),
             R"({"a":[1,2.5,null,"x",{"b":true}]})");
}

TEST(Json, AStructIsAnObjectWithItsBasesMembers) {
  Order order;
  order.name = "Zoë";
  order.items = {Item{1.5, std::nullopt}, Item{2, 3}};
  order.tags["t"] = {1, 2};
  order.mode = Mode::slow;
  order.level = 255;
  order.place = {1, "x"};
  round_trip(
      order,
      R"({"name":"Zoë","items":[{"price":1.5},{"price":2,"stock":3}],"tags":{"t":[1,2]},"mode":"slow",)"
      R"("level":255,"place":[1,"x"],"paid":false})");
}

TEST(Json, WhatProducersDoIsAccepted) {
  EXPECT_EQ(from_json<int>(" \t\r\n 3 \n"), 3);
  EXPECT_EQ(from_json<int>("3.0"), 3);
  EXPECT_EQ(from_json<int>("3e2"), 300);
  EXPECT_EQ(from_json<double>("3"), 3.0);
  EXPECT_EQ(from_json<std::string>(R"("\u00e9\ud83d\ude00\/")"), "é😀/");
  EXPECT_EQ(from_json<Item>(R"({"price":1,"stock":null,"newer":{"x":[]}})").price, 1);
  EXPECT_EQ(from_json<Item>(R"({"price":1,"price":2})").price, 2);
}

TEST(Json, ErrorsNameTheirPlace) {
  const std::string rest = R"(,"tags":{},"mode":"fast","level":1,"place":[1,"x"],"paid":true})";
  const auto order = [&rest](const std::string& items) { return R"({"name":"n","items":)" + items + rest; };
  EXPECT_EQ(error_of<Order>(order(R"([{"price":1},{"price":"2"}])")),
            "$.items[1].price: expected a number, got a string");
  EXPECT_EQ(error_of<Order>(order(R"([{"price":1},{}])")), "$.items[1].price: missing");
  EXPECT_EQ(error_of<Order>(order(R"([{"price":1,"stock":1.5}])")),
            "$.items[0].stock: expected a whole number from -2147483648 to 2147483647, got 1.5");
  EXPECT_EQ(error_of<Order>(order("{}")), "$.items: expected an array, got an object");
  EXPECT_EQ(error_of<Order>("[]"), "$: expected an object, got an array");
  EXPECT_EQ(error_of<Order>("{}"), "$.name: missing");
  EXPECT_EQ(error_of<std::uint8_t>("256"), "$: expected a whole number from 0 to 255, got 256");
  EXPECT_EQ(error_of<std::uint8_t>("-1"), "$: expected a whole number from 0 to 255, got -1");
  EXPECT_EQ(
      error_of<std::int64_t>("9223372036854775808"),
      "$: expected a whole number from -9223372036854775808 to 9223372036854775807, got 9223372036854775808");
  EXPECT_EQ(error_of<std::int64_t>("1e300"),
            "$: expected a whole number from -9223372036854775808 to 9223372036854775807, got 1e+300");
  EXPECT_EQ(error_of<Mode>("\"medium\""), R"($: expected one of "fast", "slow", got "medium")");
  EXPECT_EQ(error_of<bool>("1"), "$: expected true or false, got 1");
  EXPECT_EQ(error_of<std::string>("null"), "$: expected a string, got null");
  EXPECT_EQ((error_of<std::map<std::string, int>>(R"({"a":{}})")), "$.a: expected a number, got an object");
  EXPECT_EQ((error_of<std::pair<int, int>>("[1]")), "$: expected an array of 2, got one of 1");
  EXPECT_EQ(error_of<Uuid>("\"x\""), "$: expected a UUID like 0190a6e2-7e5c-7a3b-9c4d-0123456789ab");
}

TEST(Json, MalformedTextIsSaidWhereAndWhat) {
  struct Case {
    std::string text;
    std::string error;
  };
  const std::vector<Case> cases = {
      {"", "offset 0 (line 1, column 1): the text ends too early, expected a value"},
      {" ", "offset 1 (line 1, column 2): the text ends too early, expected a value"},
      {"{", "offset 1 (line 1, column 2): the text ends too early, expected a name in double quotes, or '}'"},
      {"[1,2", "offset 4 (line 1, column 5): the text ends too early, expected ',' or ']'"},
      {"[1 2]", "offset 3 (line 1, column 4): expected ',' or ']', got '2'"},
      {"[1,]", "offset 3 (line 1, column 4): expected a value, got ']'"},
      {"[,1]", "offset 1 (line 1, column 2): expected a value, or ']', got ','"},
      {"[1}", "offset 2 (line 1, column 3): expected ',' or ']', got '}'"},
      {"{\"a\" 1}", "offset 5 (line 1, column 6): expected ':', got '1'"},
      {"{\"a\":}", "offset 5 (line 1, column 6): expected a value, got '}'"},
      {"{\"a\":1,}", "offset 7 (line 1, column 8): expected a name in double quotes, got '}'"},
      {"{\"a\":1 \"b\":2}", "offset 7 (line 1, column 8): expected ',' or '}', got '\"'"},
      {"{a:1}", "offset 1 (line 1, column 2): expected a name in double quotes, or '}', got 'a'"},
      {"{\n  \"a\": 1,\n  'b': 2\n}",
       "offset 14 (line 3, column 3): expected a name in double quotes, got '''"},
      {"True", "offset 0 (line 1, column 1): expected a value, got 'T'"},
      {"01", "offset 1 (line 1, column 2): expected the end of the text, got '1'"},
      {"[1] x", "offset 4 (line 1, column 5): expected the end of the text, got 'x'"},
      {"1e999", "offset 5 (line 1, column 6): this number is too large for a double"},
      {"-", "offset 1 (line 1, column 2): the text ends too early"},
      {"\"abc", "offset 4 (line 1, column 5): the text ends too early"},
      {"\"a\nb\"",
       "offset 2 (line 1, column 3): a string must not hold a line break or tab, write \\n, \\r or \\t"},
      {"\"\\x\"", "offset 2 (line 1, column 3): no such escape: \\x"},
      {"\"\\u12g4\"", "offset 5 (line 1, column 6): \\u needs four hexadecimal digits"},
      {"\"\xff\"", "offset 1 (line 1, column 2): not valid UTF-8, the byte 0xff"},
      {std::string("1\0", 2), "offset 1 (line 1, column 2): expected the end of the text, got the byte 0x00"},
      {"// c\n1", "offset 0 (line 1, column 1): expected a value, got '/'"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(error_of<boost::json::value>(each.text), "malformed JSON at " + each.error) << each.text;
}

TEST(Json, NestingIsLimitedBeforeAnythingIsBuilt) {
  const std::string fits = std::string(json_max_depth, '[') + std::string(json_max_depth, ']');
  EXPECT_EQ(error_of<boost::json::value>(fits), "no error");
  const std::string deep = std::string(1'000'000, '[');
  EXPECT_EQ(error_of<boost::json::value>(deep),
            "malformed JSON at offset 64 (line 1, column 65): nested deeper than 64 levels");
}

TEST(Json, WhatJsonCannotHoldIsRefused) {
  EXPECT_EQ(write_error_of(Item{std::nan(""), 1}), "$.price: JSON has no NaN");
  EXPECT_EQ(write_error_of(std::vector<double>{1, -HUGE_VAL}), "$[1]: JSON has no infinity");
  EXPECT_EQ(write_error_of(std::map<std::string, std::string>{{"k", "ok\xC3("}}),
            "$.k: not valid UTF-8 at byte 2");
  EXPECT_EQ(write_error_of(std::string("\xED\xA0\x80")), "$: not valid UTF-8 at byte 0");
  EXPECT_EQ(write_error_of(static_cast<Mode>(7)), "$: this enum's value has no name");
}

}  // namespace
}  // namespace queue_tests
