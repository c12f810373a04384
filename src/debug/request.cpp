#include "src/debug/request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

using What = Request::What;

constexpr std::array<std::pair<std::string_view, What>, 4> verbs{
    {{"info", What::info}, {"dump", What::dump}, {"ps", What::ps}, {"tree", What::tree}}};
constexpr std::array<std::string_view, 7> states{"pending",  "running", "cancelling", "cancelled",
                                                 "finished", "ready",   "waiting"};

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument(why);
}

bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == ':' || c == '/';
}

std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain(c))
      result += c;
    else
      (result += '%').append({digits[byte >> 4], digits[byte & 15U]});
  }
  return result;
}

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    unsigned byte = 0;
    const char* const digits = text.data() + i + 1;
    if (text.size() - i < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
      refuse("'" + printable(text) + "': a % is followed by two hexadecimal digits");
    result += static_cast<char>(byte);
    i += 2;
  }
  return result;
}

template <class Number>
Number number(std::string_view key, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    refuse("'" + printable(text) + "' is no number for '" + std::string(key) + "'");
  return value;
}

void set_option(Request& request, std::string_view word) {
  const auto equals = word.find('=');
  const std::string_view key = word.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
  TaskFilter& filter = request.options.filter;
  if (key == "json")
    request.json = true;
  else if (key == "group")
    request.options.group = true;
  else if (key == "older_ms")
    filter.older_than = std::chrono::milliseconds(number<std::uint32_t>(key, value));
  else if (key == "class")
    filter.sched_class = number<SchedClass>(key, value);
  else if (key == "task")
    filter.id = number<std::uint64_t>(key, value);
  else if (key == "name")
    filter.name = decoded(value);
  else if (key == "state")
    filter.state = decoded(value);
  else
    refuse("nothing is known of '" + printable(key) + "'");
}

void check_state(const std::string& state) {
  std::string known;
  for (const std::string_view one : states) {
    if (state == one || state.empty()) return;
    known.append(known.empty() ? "" : ", ").append(one);
  }
  refuse("a task is never '" + printable(state) + "': it is " + known);
}

}  // namespace

std::string format_request(const Request& request) {
  std::string line;
  for (const auto& [word, what] : verbs)
    if (what == request.what) line = word;
  const TaskFilter& filter = request.options.filter;
  if (request.json) line += " json";
  if (request.options.group) line += " group";
  if (filter.older_than)
    line += " older_ms=" +
            std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(*filter.older_than).count());
  if (filter.sched_class) line += " class=" + std::to_string(*filter.sched_class);
  if (filter.id) line += " task=" + std::to_string(*filter.id);
  if (!filter.name.empty()) line += " name=" + encoded(filter.name);
  if (!filter.state.empty()) line += " state=" + encoded(filter.state);
  return line;
}

Request parse_request(std::string_view line) {
  if (line.size() > longest_request) refuse("a request has at most 4096 bytes");
  Request request;
  bool is_known = false;
  bool is_first = true;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (word.empty()) continue;
    if (!std::exchange(is_first, false)) {
      set_option(request, word);
      continue;
    }
    for (const auto& [verb, what] : verbs)
      if (verb == word) request.what = what, is_known = true;
    if (!is_known) refuse("'" + printable(word) + "' is unknown: ask for info, dump, ps or tree");
  }
  if (!is_known) refuse("ask for info, dump, ps or tree");
  check_state(request.options.filter.state);
  return request;
}

}  // namespace coterie::debug
