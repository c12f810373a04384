#include <algorithm>

#include "coterie/debug/dump.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

constexpr std::array<std::size_t, 7> widths = {10, 20, 20, 50, 50, 15, 15};

std::string functions_of(const Stack& stack) {
  std::string text;
  for (const StackFrame& frame : stack) text += (text.empty() ? "" : " -> ") + printable(frame.function);
  return text;
}

std::string line_of(const TableRow& row) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += ' ';
    line += row[i];
    // Columns are counted in characters: the bytes 10xxxxxx of UTF-8 continue one.
    const auto shown = static_cast<std::size_t>(std::count_if(
        row[i].begin(), row[i].end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    if (shown < widths[i]) line.append(widths[i] - shown, ' ');
  }
  return line + "\n";
}

}  // namespace

std::vector<TableRow> table_rows(const LoopSnapshot& loop) {
  const TasksById tasks(loop);
  const std::string thread = std::to_string(loop.thread);
  std::vector<TableRow> rows;
  for (const TaskSnapshot& task : loop.tasks) {
    const TableRow unawaited = {thread, hex(task.id), name_of(task), functions_of(task.stack), "", "", "0x0"};
    if (task.awaited_by.empty()) rows.push_back(unawaited);
    for (const std::uint64_t id : task.awaited_by) {
      const TaskSnapshot* awaiter = tasks.find(id);
      TableRow& row = rows.emplace_back(unawaited);
      if (awaiter != nullptr) row[4] = functions_of(awaiter->stack);
      row[5] = awaiter != nullptr ? name_of(*awaiter) : "Unknown";
      row[6] = hex(id);
    }
  }
  return rows;
}

std::string format_table(const LoopSnapshot& loop) {
  std::string text = line_of(
      {"tid", "task id", "task name", "coroutine stack", "awaiter chain", "awaiter name", "awaiter id"});
  text += std::string(180, '-') + "\n";
  for (const TableRow& row : table_rows(loop)) text += line_of(row);
  return text;
}

}  // namespace coterie::debug
