#include "src/core/json_writer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "src/core/utf8.hpp"

namespace coterie {
namespace {

/// Stands in a string as it is; nearly all text does.
bool is_plain(char c) noexcept {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

void append_special(std::string& out, std::string_view text, Utf8Character character) {
  if (character.length == 0) {
    out += replacement_character;
  } else if (character.code == '"' || character.code == '\\') {
    out += '\\';
    out += static_cast<char>(character.code);
  } else if (character.code == '\n') {
    out += "\\n";
  } else if (is_hostile(character.code)) {
    char escape[16];
    std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(character.code));
    out += escape;
  } else {
    out += text.substr(0, character.length);
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto plain =
        static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_plain) - text.begin());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Utf8Character character = first_character(text);
    append_special(out, text, character);
    text.remove_prefix(std::max<std::size_t>(character.length, 1));
  }
  out += '"';
}

std::string json_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_string(out, text);
  return out;
}

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, value, std::chars_format::general, 7).ptr);
}

void JsonObject::begin(std::string_view key) {
  if (text_.size() > 1) text_ += ',';
  append_json_string(text_, key);
  text_ += ':';
}

JsonObject& JsonObject::raw(std::string_view key, std::string_view json) {
  begin(key);
  text_ += json;
  return *this;
}

JsonObject& JsonObject::add(std::string_view key, std::string_view value) {
  begin(key);
  append_json_string(text_, value);
  return *this;
}

JsonArray& JsonArray::raw(std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_ += json;
  return *this;
}

}  // namespace coterie
