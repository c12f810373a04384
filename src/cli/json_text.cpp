#include "src/cli/json_text.hpp"

#include "coterie/queue/json.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {

std::optional<std::string> json_problem(std::string_view text) {
  try {
    const queue::detail::JsonDocument document(text);
    return std::nullopt;
  } catch (const queue::JsonError& error) {
    return error.what();
  }
}

std::string embed_json(std::string_view text) {
  if (json_problem(text)) return json_string(text);
  std::string out;
  out.reserve(text.size());
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      out.push_back(c);
      if (c == '\\' && i + 1 < text.size())
        out.push_back(text[++i]);
      else if (c == '"')
        quoted = false;
      continue;
    }
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    quoted = c == '"';
    out.push_back(c);
  }
  return out;
}

std::optional<std::string> json_member(std::string_view text, std::string_view key) {
  try {
    const queue::detail::JsonDocument document(text);
    const boost::json::object* object = document.root().if_object();
    const boost::json::value* member =
        object == nullptr ? nullptr : object->if_contains(boost::json::string_view(key.data(), key.size()));
    const boost::json::string* value = member == nullptr ? nullptr : member->if_string();
    if (value == nullptr) return std::nullopt;
    return std::string(value->data(), value->size());
  } catch (const queue::JsonError&) {
    return std::nullopt;
  }
}

}  // namespace coterie::cli
