// Runs in a signal handler, in a process of which nothing can be believed: no allocation, no lock, no library
// function that is not async-signal-safe, and no memory that is not asked for.
#include "coterie/debug/crash.hpp"

#include <unistd.h>
#include <csignal>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "coterie/loop.hpp"
#include "src/core/debug_block.hpp"
#include "src/core/utf8.hpp"
#include "src/debug/alternate_stack.hpp"
#include "src/debug/memory.hpp"

namespace coterie::debug {
namespace {

using Address = std::uint64_t;

constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t most_frames = 100;

/// A line of output, cut where it is too long.
class Line {
 public:
  /// What would move a terminal's cursor, or is no UTF-8, is shown as a question mark.
  Line& operator<<(std::string_view text) noexcept {
    while (!text.empty()) {
      const Utf8Character next = first_character(text);
      const std::size_t length = next.length == 0 ? 1 : next.length;
      if (size_ + length >= text_.size()) break;
      if (next.length == 0 || is_hostile(next.code))
        text_[size_++] = '?';
      else
        for (std::size_t i = 0; i < length; ++i) text_[size_++] = text[i];
      text.remove_prefix(length);
    }
    return *this;
  }
  Line& operator<<(std::uint64_t number) noexcept {
    std::array<char, 20> digits{};
    std::size_t first = digits.size();
    do digits[--first] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    return *this << std::string_view(digits.data() + first, digits.size() - first);
  }
  void end() noexcept {
    text_[size_++] = '\n';
    (void)!::write(STDERR_FILENO, text_.data(), size_);
    size_ = 0;
  }

 private:
  std::array<char, 600> text_{};
  std::size_t size_ = 0;
};

using Text = std::array<char, 300>;

std::string_view text_at(Memory& memory, Address address, Text& into) noexcept {
  std::size_t size = 0;
  while (size < into.size() && memory.read(address + size, &into[size], 1) && into[size] != '\0') ++size;
  return {into.data(), size};
}

/// `void app::f(app::f(int)::_ZN3app1fEi.Frame*)` and `Task<T> app::f(T) [T = int]`: what stands before the
/// parameters, and behind the type that is returned.
std::string_view short_name(std::string_view pretty) noexcept {
  constexpr std::string_view unnamed = "(anonymous namespace)";
  std::size_t end = pretty.find('(');
  while (end != std::string_view::npos && pretty.substr(end).starts_with(unnamed))
    end = pretty.find('(', end + unnamed.size());
  pretty = pretty.substr(0, end);
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < pretty.size(); ++i) {
    if (pretty[i] == '<' || pretty[i] == '(') ++depth;
    if (pretty[i] == '>' || pretty[i] == ')') --depth;
    if (pretty[i] == ' ' && depth == 0) begin = i + 1;
  }
  return pretty.substr(begin);
}

std::string_view name_of_signal(int signo) noexcept {
  switch (signo) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    default:
      return "SIGABRT";
  }
}

void print_frame(Memory& memory, Address frame) noexcept {
  const auto& at = coterie_debug_block;
  const auto where = memory.get<Address>(frame + at.frame_awaiting).value_or(0);
  Text text{};
  Line line;
  line << "   at "
       << short_name(text_at(memory, memory.get<Address>(where + at.location_function).value_or(0), text))
       << "() ";
  const std::string_view file =
      text_at(memory, memory.get<Address>(where + at.location_file).value_or(0), text);
  const auto slash = file.rfind('/');
  line << file.substr(slash == std::string_view::npos ? 0 : slash + 1) << ":"
       << std::uint64_t{memory.get<std::uint32_t>(where + at.location_line).value_or(0)};
  line.end();
}

void print_stack(Memory& memory, Address task) noexcept {
  const auto& at = coterie_debug_block;
  Address frame = memory.get<Address>(task + at.task_top).value_or(0);
  for (std::size_t i = 0; frame != 0 && i < most_frames * 100; ++i) {
    const Address slot = memory.get<Address>(frame + at.frame_child).value_or(0) & ~Address{1};
    const Address child = slot != 0 ? memory.get<Address>(slot).value_or(0) : 0;
    if (child == 0) break;
    frame = child;
  }
  for (std::size_t i = 0; frame != 0 && i < most_frames; ++i) {
    const auto caller = memory.get<Address>(frame + at.frame_caller);
    if (!caller) return;
    if ((*caller & at.frame_kind_mask) >> at.frame_kind_shift != at.frame_wrapper) print_frame(memory, frame);
    frame = (*caller & at.frame_root_tag) != 0 ? 0 : *caller & ~at.frame_tags;
  }
}

void print_report(int signo) noexcept {
  const EventLoop* const loop = EventLoop::current_or_null();
  if (loop == nullptr) return;
  const auto& at = coterie_debug_block;
  const auto task = reinterpret_cast<std::uintptr_t>(loop->current_task());
  ProcessMemory memory(::getpid());
  Line line;
  line << "coterie: " << name_of_signal(signo);
  if (task == 0) {
    line << " outside of any task";
    return line.end();
  }
  line << " in task #" << memory.get<std::uint64_t>(task + at.task_id).value_or(0);
  Text text{};
  if (const auto notes = memory.get<Address>(task + at.task_notes).value_or(0); notes != 0)
    if (const auto name =
            text_at(memory, memory.get<Address>(notes + at.notes_name + at.string_data).value_or(0), text);
        !name.empty())
      line << " '" << name << "'";
  line.end();
  print_stack(memory, task);
}

void on_crash(int signo) {
  print_report(signo);
  // SA_RESETHAND: it is the default one again. What faulted faults again on return; who raised it has it now.
  ::raise(signo);
}

}  // namespace

void report_crashes() noexcept {
  report_uncaught();
  use_alternate_stack();
  for (const int signo : signals) {
    struct sigaction now{};
    if (::sigaction(signo, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction ours{};
    ours.sa_handler = &on_crash;
    ours.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK | SA_NODEFER);
    ::sigaction(signo, &ours, nullptr);
  }
}

}  // namespace coterie::debug
