#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace coterie::dashboard {

/// A JSON string; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);
[[nodiscard]] std::string json_number(double value);

/// One JSON object, written member by member. Integers are exact.
class JsonObject {
 public:
  JsonObject& raw(std::string_view key, std::string_view json);
  JsonObject& add(std::string_view key, std::string_view value) { return raw(key, json_string(value)); }
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
  std::string text_ = "{";
};

class JsonArray {
 public:
  JsonArray& raw(std::string_view json) {
    if (text_.size() > 1) text_ += ',';
    text_ += json;
    return *this;
  }
  [[nodiscard]] std::string str() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

}  // namespace coterie::dashboard
