#include "src/queue/json_parser.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "coterie/queue/json.hpp"

namespace coterie::queue::detail {
namespace {

namespace json = boost::json;

/// Takes the parser's events, builds the value, and remembers enough to say what could have come next.
class Builder {
 public:
  using Error = json::error_code;
  using Text = json::string_view;
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  enum class After : unsigned char { start, value, name, object_begin, array_begin };
  [[nodiscard]] After after() const noexcept { return after_; }
  [[nodiscard]] bool in_object() const noexcept { return !nesting_.empty() && nesting_.back(); }
  [[nodiscard]] bool nested() const noexcept { return !nesting_.empty(); }

  void reset(json::storage_ptr memory) { stack_.reset(std::move(memory)); }
  json::value release() { return stack_.release(); }

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return begin(true); }
  bool on_object_end(std::size_t size, Error&) {
    stack_.push_object(size);
    return end();
  }
  bool on_array_begin(Error&) { return begin(false); }
  bool on_array_end(std::size_t size, Error&) {
    stack_.push_array(size);
    return end();
  }
  bool on_key_part(Text part, std::size_t, Error&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_key(Text part, std::size_t, Error&) {
    stack_.push_key(part);
    after_ = After::name;
    return true;
  }
  bool on_string_part(Text part, std::size_t, Error&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(Text part, std::size_t, Error&) {
    stack_.push_string(part);
    return value();
  }
  bool on_number_part(Text part, Error&) {
    number_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t number, Text, Error&) {
    stack_.push_int64(number);
    return value();
  }
  bool on_uint64(std::uint64_t number, Text, Error&) {
    stack_.push_uint64(number);
    return value();
  }
  bool on_double(double rough, Text part, Error& error) {
    number_.append(part.data(), part.size());
    double number = rough;  // stays where the text is out of range: infinite, or next to zero
    const char* const last = number_.data() + number_.size();
    if (std::from_chars(number_.data(), last, number).ptr != last) number = rough;
    if (std::isinf(number)) {
      error = json::make_error_code(json::error::exponent_overflow);
      return false;
    }
    stack_.push_double(number);
    return value();
  }
  bool on_bool(bool truth, Error&) {
    stack_.push_bool(truth);
    return value();
  }
  bool on_null(Error&) {
    stack_.push_null();
    return value();
  }
  bool on_comment_part(Text, Error&) { return true; }
  bool on_comment(Text, Error&) { return true; }

 private:
  bool begin(bool object) {
    nesting_.push_back(object);
    after_ = object ? After::object_begin : After::array_begin;
    return true;
  }
  bool end() {
    nesting_.pop_back();
    return value();
  }
  bool value() {
    number_.clear();
    after_ = After::value;
    return true;
  }

  json::value_stack stack_;
  std::string number_;
  std::vector<bool> nesting_;
  After after_ = After::start;
};

constexpr std::string_view space = " \t\r\n";

/// What may stand at `offset`, judged by the last event and the text just before.
std::string_view expected_at(const Builder& builder, std::string_view text, std::size_t offset) {
  const std::size_t before = offset == 0 ? std::string_view::npos : text.find_last_not_of(space, offset - 1);
  const char last = before == std::string_view::npos ? '\0' : text[before];
  switch (builder.after()) {
    case Builder::After::start:
      return last == '\0' ? "a value" : "";
    case Builder::After::value:
      if (!builder.nested()) return "the end of the text";
      if (last == ',') return builder.in_object() ? "a name in double quotes" : "a value";
      return builder.in_object() ? "',' or '}'" : "',' or ']'";
    case Builder::After::name:
      if (last == '"') return "':'";
      return last == ':' ? "a value" : "";
    case Builder::After::object_begin:
      return last == '{' ? "a name in double quotes, or '}'" : "";
    case Builder::After::array_begin:
      return last == '[' ? "a value, or ']'" : "";
  }
  return "";
}

std::string quoted(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7F) return std::string("'") + c + "'";
  constexpr char hex[] = "0123456789abcdef";
  return std::string("the byte 0x") + hex[byte >> 4] + hex[byte & 15];
}

std::string problem_at(const Builder& builder, std::string_view text, std::size_t offset,
                       const json::error_code& error) {
  if (error == json::error::too_deep)
    return "nested deeper than " + std::to_string(json_max_depth) + " levels";
  if (error == json::error::exponent_overflow) return "this number is too large for a double";
  if (error == json::error::expected_hex_digit) return "\\u needs four hexadecimal digits";
  const std::string_view expected = expected_at(builder, text, offset);
  if (offset >= text.size() || error == json::error::incomplete)
    return "the text ends too early" + (expected.empty() ? "" : ", expected " + std::string(expected));
  const char got = text[offset];
  if (static_cast<unsigned char>(got) < 0x20 && space.find(got) == std::string_view::npos)
    return "a control character, " + quoted(got);
  if (!expected.empty()) return "expected " + std::string(expected) + ", got " + quoted(got);
  const std::size_t before = offset == 0 ? 0 : offset - 1;
  if (text[before] == '\\') return "no such escape: \\" + std::string(1, got);
  if (static_cast<unsigned char>(got) >= 0x80) return "not valid UTF-8, " + quoted(got);
  if (got == '\n' || got == '\t' || got == '\r')
    return "a string must not hold a line break or tab, write \\n, \\r or \\t";
  return "unexpected " + quoted(got);
}

[[noreturn]] void malformed(std::string_view text, std::size_t offset, const std::string& problem) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  std::size_t line = 1;
  for (const char c : before) line += c == '\n';
  throw JsonError("malformed JSON at offset " + std::to_string(offset) + " (line " + std::to_string(line) +
                  ", column " + std::to_string(offset - line_start + 1) + "): " + problem);
}

}  // namespace

json::value parse_document(std::string_view text, json::storage_ptr memory) {
  json::parse_options options;
  options.max_depth = json_max_depth;
  json::basic_parser<Builder> parser(options);
  Builder& builder = parser.handler();
  builder.reset(std::move(memory));
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error) malformed(text, used, problem_at(builder, text, used, error));
  const std::size_t rest = text.find_first_not_of(space, used);
  if (rest != std::string_view::npos)
    malformed(text, rest, "expected the end of the text, got " + quoted(text[rest]));
  return builder.release();
}

}  // namespace coterie::queue::detail
