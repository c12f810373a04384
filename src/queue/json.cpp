// What queue/json.hpp needs of Boost.JSON that is no template: parsing with exact positions and exact
// numbers, the checks of single values, and the writing of text.
#include "coterie/queue/json.hpp"

#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <vector>

#include "src/queue/json_parser.hpp"

namespace coterie::queue::detail {

namespace json = boost::json;

namespace {

std::string kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
      return std::to_string(value.get_int64());
    case json::kind::uint64:
      return std::to_string(value.get_uint64());
    case json::kind::double_: {
      std::string text;
      write_number(text, value.get_double(), JsonPath());
      return text;
    }
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

/// A number without a fraction as an integer, however it was written: 3, 3.0 and 3e0 are the same to JSON.
template <class Int>
std::optional<Int> whole_number(const json::value& value) {
  if (const auto* number = value.if_int64())
    return std::in_range<Int>(*number) ? std::optional<Int>(static_cast<Int>(*number)) : std::nullopt;
  if (const auto* number = value.if_uint64())
    return std::in_range<Int>(*number) ? std::optional<Int>(static_cast<Int>(*number)) : std::nullopt;
  constexpr double exact = 9007199254740992.0;  // beyond 2^53 a double does not say which integer was meant
  if (const auto* number = value.if_double())
    if (std::trunc(*number) == *number && std::abs(*number) <= exact &&
        (*number >= 0 || std::is_signed_v<Int>))
      return static_cast<Int>(*number);
  return std::nullopt;
}

/// The length of the UTF-8 character at the start of `text`, 0 where there is none (no overlong forms, no
/// surrogates).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

template <class Number>
void append_number(std::string& out, Number number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), number);
  out.append(text, end.ptr);
}

template <class Float>
void append_float(std::string& out, Float number, const JsonPath& path) {
  if (std::isnan(number)) json_fail(path, "JSON has no NaN");
  if (std::isinf(number)) json_fail(path, "JSON has no infinity");
  append_number(out, number);
}

}  // namespace

std::string JsonPath::str() const {
  std::vector<const JsonPath*> steps;
  for (const JsonPath* step = this; step->up_ != nullptr; step = step->up_) steps.push_back(step);
  std::string text = "$";
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if ((*step)->index_ != no_index)
      text += "[" + std::to_string((*step)->index_) + "]";
    else
      text += "." + std::string((*step)->key_.substr(0, 64));
  }
  return text;
}

void json_fail(const JsonPath& path, std::string_view problem) {
  throw JsonError(path.str() + ": " + std::string(problem));
}

void json_expected(const JsonPath& path, std::string_view what, const json::value& got) {
  json_fail(path, "expected " + std::string(what) + ", got " + kind_of(got));
}

const json::array& json_array(const json::value& value, const JsonPath& path) {
  if (const auto* array = value.if_array()) return *array;
  json_expected(path, "an array", value);
}

const json::array& json_array(const json::value& value, std::size_t size, const JsonPath& path) {
  const json::array& array = json_array(value, path);
  if (array.size() == size) return array;
  json_fail(path,
            "expected an array of " + std::to_string(size) + ", got one of " + std::to_string(array.size()));
}

const json::object& json_object(const json::value& value, const JsonPath& path) {
  if (const auto* object = value.if_object()) return *object;
  json_expected(path, "an object", value);
}

std::string_view json_string(const json::value& value, const JsonPath& path) {
  if (const auto* text = value.if_string()) return {text->data(), text->size()};
  json_expected(path, "a string", value);
}

std::int64_t json_signed(const json::value& value, std::int64_t least, std::int64_t most,
                         const JsonPath& path) {
  if (!value.is_number()) json_expected(path, "a number", value);
  const std::optional<std::int64_t> number = whole_number<std::int64_t>(value);
  if (number && *number >= least && *number <= most) return *number;
  json_expected(path, "a whole number from " + std::to_string(least) + " to " + std::to_string(most), value);
}

std::uint64_t json_unsigned(const json::value& value, std::uint64_t most, const JsonPath& path) {
  if (!value.is_number()) json_expected(path, "a number", value);
  const std::optional<std::uint64_t> number = whole_number<std::uint64_t>(value);
  if (number && *number <= most) return *number;
  json_expected(path, "a whole number from 0 to " + std::to_string(most), value);
}

double json_double(const json::value& value, const JsonPath& path) {
  if (const auto* number = value.if_double()) return *number;
  if (const auto* number = value.if_int64()) return static_cast<double>(*number);
  if (const auto* number = value.if_uint64()) return static_cast<double>(*number);
  json_expected(path, "a number", value);
}

bool json_bool(const json::value& value, const JsonPath& path) {
  if (const auto* truth = value.if_bool()) return *truth;
  json_expected(path, "true or false", value);
}

Uuid json_uuid(const json::value& value, const JsonPath& path) {
  const std::optional<Uuid> id = parse_uuid(json_string(value, path));
  if (!id) json_fail(path, "expected a UUID like 0190a6e2-7e5c-7a3b-9c4d-0123456789ab");
  return *id;
}

void json_unknown_name(const json::value& got, const std::string& known, const JsonPath& path) {
  const json::string& text = got.get_string();
  json_fail(path, "expected one of " + known + ", got \"" +
                      std::string(text.data(), std::min<std::size_t>(text.size(), 64)) + "\"");
}

void write_string(std::string& out, std::string_view text, const JsonPath& path) {
  constexpr char hex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // from here to `i` nothing needs an escape
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    if (c >= 0x80) {
      const std::size_t length = utf8_length(text.substr(i));
      if (length == 0) json_fail(path, "not valid UTF-8 at byte " + std::to_string(i));
      i += length;
      continue;
    }
    out.append(text, plain, i - plain);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += hex[c >> 4];
        out += hex[c & 15];
    }
    plain = ++i;
  }
  out.append(text, plain, text.size() - plain);
  out += '"';
}

void write_number(std::string& out, std::int64_t number) {
  append_number(out, number);
}
void write_number(std::string& out, std::uint64_t number) {
  append_number(out, number);
}
void write_number(std::string& out, double number, const JsonPath& path) {
  append_float(out, number, path);
}
void write_number(std::string& out, float number, const JsonPath& path) {
  append_float(out, number, path);
}

void write_value(std::string& out, const json::value& value, const JsonPath& path) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      write_number(out, value.get_int64());
      break;
    case json::kind::uint64:
      write_number(out, value.get_uint64());
      break;
    case json::kind::double_:
      write_number(out, value.get_double(), path);
      break;
    case json::kind::string:
      write_json(out, std::string_view(value.get_string()), path);
      break;
    case json::kind::array: {
      const json::array& array = value.get_array();
      out += '[';
      for (std::size_t i = 0; i < array.size(); ++i) {
        if (i != 0) out += ',';
        write_value(out, array[i], JsonPath(path, i));
      }
      out += ']';
      break;
    }
    case json::kind::object: {
      char before = '{';
      for (const auto& [key, item] : value.get_object()) {
        const JsonPath place(path, std::string_view(key.data(), key.size()));
        out += std::exchange(before, ',');
        write_string(out, std::string_view(key.data(), key.size()), place);
        out += ':';
        write_value(out, item, place);
      }
      if (before == '{') out += before;
      out += '}';
      break;
    }
  }
}

JsonDocument::JsonDocument(std::string_view text) : root_(parse_document(text, &memory_)) {}

}  // namespace coterie::queue::detail
