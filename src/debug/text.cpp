#include "src/debug/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "src/core/source_path.hpp"
#include "src/core/utf8.hpp"

namespace coterie::debug {
namespace {

std::string spelled(const char* format, std::uint32_t code) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), format, static_cast<unsigned>(code));
  return text.data();
}

/// How much from the beginning needs no look: nearly always all.
std::size_t plain_length(std::string_view text, std::string_view special) noexcept {
  std::size_t length = 0;
  while (length < text.size() && text[length] >= 0x20 && text[length] < 0x7f &&
         special.find(text[length]) == std::string_view::npos)
    ++length;
  return length;
}

std::string escape(std::string_view text, std::string_view special) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (const std::size_t plain = plain_length(text, special); plain > 0) {
      result += text.substr(0, plain);
      text.remove_prefix(plain);
      continue;
    }
    const auto [code, length] = first_character(text);
    if (length == 0) {
      result += spelled("\\x%02x", static_cast<unsigned char>(text[0]));
    } else if (is_hostile(code)) {
      result += spelled(code < 0x80 ? "\\x%02x" : "\\u%04x", code);
    } else {
      if (length == 1 && special.find(text[0]) != std::string_view::npos) result += '\\';
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text) {
  return escape(text, "");
}

std::string quoted(std::string_view text) {
  return "'" + escape(text, "'\\") + "'";
}

std::string base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return printable(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string time_text(Duration time) {
  const double seconds = std::chrono::duration<double>(time).count();
  std::array<char, 48> text{};
  const auto whole = static_cast<std::int64_t>(seconds);
  const auto part = [&](std::int64_t unit, std::int64_t of) { return static_cast<int>(whole / unit % of); };
  if (seconds < 1)
    std::snprintf(text.data(), text.size(), "%.0fms", seconds * 1000);
  else if (seconds < 60)
    std::snprintf(text.data(), text.size(), "%.1fs", seconds);
  else if (seconds < 3600)
    std::snprintf(text.data(), text.size(), "%dm%02ds", part(60, 60), part(1, 60));
  else if (seconds < 86'400)
    std::snprintf(text.data(), text.size(), "%dh%02dm", part(3600, 24), part(60, 60));
  else
    std::snprintf(text.data(), text.size(), "%lldd%02dh", static_cast<long long>(whole / 86'400),
                  part(3600, 24));
  return text.data();
}

std::string hex(std::uint64_t number) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::string place_of(const StackFrame& frame) {
  std::string text = printable(frame.function);
  if (frame.line != 0)
    text += " " + printable(coterie::detail::source_path(frame.file)) + ":" + std::to_string(frame.line);
  return text;
}

std::string name_of(const TaskSnapshot& task) {
  return task.name.empty() ? "Task-" + std::to_string(task.id) : printable(task.name);
}

TasksById::TasksById(const LoopSnapshot& loop) {
  for (const TaskSnapshot& task : loop.tasks) tasks_.emplace(task.id, &task);
}

const TaskSnapshot* TasksById::find(std::uint64_t id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : found->second;
}

}  // namespace coterie::debug
