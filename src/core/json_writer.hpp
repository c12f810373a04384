#pragma once
#include <string>
#include <string_view>
#include <type_traits>

namespace coterie {

/// A JSON string, also of what is not UTF-8: such bytes become U+FFFD. What would move a terminal's cursor or
/// turn the direction of text stands in it as \uNNNN, for JSON is looked at in terminals too.
[[nodiscard]] std::string json_string(std::string_view text);
/// The same, at the end of `out`.
void append_json_string(std::string& out, std::string_view text);
/// Of a measurement: seven digits; null for what is no number.
[[nodiscard]] std::string json_number(double value);

/// One JSON object, written member by member on one line. Integers are exact.
class JsonObject {
 public:
  /// `json` is JSON text already.
  JsonObject& raw(std::string_view key, std::string_view json);
  JsonObject& add(std::string_view key, std::string_view value);
  JsonObject& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }
  JsonObject& add(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  JsonObject& add(std::string_view key, double value) { return raw(key, json_number(value)); }
  template <class Integer>
    requires(std::is_integral_v<Integer>)
  JsonObject& add(std::string_view key, Integer value) {
    return raw(key, std::to_string(value));
  }
  JsonObject& null(std::string_view key) { return raw(key, "null"); }
  [[nodiscard]] std::string str() const { return text_ + "}"; }

 private:
  void begin(std::string_view key);
  std::string text_ = "{";
};

class JsonArray {
 public:
  /// `json` is JSON text already.
  JsonArray& raw(std::string_view json);
  JsonArray& add(std::string_view value) { return raw(json_string(value)); }
  [[nodiscard]] std::string str() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

}  // namespace coterie
