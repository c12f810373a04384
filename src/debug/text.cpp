#include "src/debug/text.hpp"

#include <array>
#include <cstdio>

namespace coterie::debug {
namespace {

std::string escape(std::string_view text, std::string_view special) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned>(c));
      result += code.data();
      continue;
    }
    if (special.find(c) != std::string_view::npos) result += '\\';
    result += c;
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

std::string hex(std::uint64_t number) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::string place_of(const StackFrame& frame) {
  std::string text = printable(frame.function);
  if (frame.line != 0) text += " " + printable(frame.file) + ":" + std::to_string(frame.line);
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
