#include "coterie/core/stack_frame.hpp"

#include <algorithm>
#include <cstdlib>

namespace coterie {
namespace {

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

/// Reads a name from left to right and keeps what a person would write of it.
class NameReader {
 public:
  explicit NameReader(std::string_view text) noexcept : rest_(text) {}

  std::string read() {
    while (!rest_.empty() && !at_end()) step();
    const auto begin = name_.find_first_not_of("*&");  // clang: `char *f()`
    return begin == std::string::npos ? name_ : name_.substr(begin);
  }

 private:
  /// Template arguments and constraints follow the name: ` [with T = int]`, ` requires C<T>`.
  [[nodiscard]] bool at_end() const noexcept {
    return rest_.starts_with(" [") || rest_.starts_with(" requires ") || rest_.starts_with("  requires ");
  }

  void step() {
    if (skip("(anonymous namespace)::") || skip("{anonymous}::")) return;
    if (rest_.starts_with("<lambda") || rest_.starts_with("(anonymous class)") ||
        rest_.starts_with("(lambda at ")) {
      read_lambda();
    } else if (rest_.starts_with("operator") && (name_.empty() || !is_word(name_.back())) &&
               (rest_.size() == 8 || !is_word(rest_[8]))) {
      read_operator();
    } else if (rest_.front() == '(') {
      skip_brackets();
      while (skip(" const") || skip(" volatile") || skip(" noexcept") || skip(" &&") || skip(" &")) {
      }
    } else if (rest_.front() == '<') {
      skip_brackets();
    } else if (rest_.front() == ' ') {  // what stood before it was `static` or the type that is returned
      name_.clear();
      rest_.remove_prefix(1);
    } else {
      name_ += rest_.front();
      rest_.remove_prefix(1);
    }
  }

  void read_lambda() {
    skip_brackets();
    skip(" mutable");
    skip("::operator()");
    name_ += "<lambda>";
  }

  /// Everything up to the parameters is the name: `operator()`, `operator<<`, `operator bool`.
  void read_operator() {
    const bool call = rest_.starts_with("operator()");
    const std::size_t end = std::min(rest_.find('(', call ? 10 : 8), rest_.size());
    name_ += rest_.substr(0, end);
    rest_.remove_prefix(end);
  }

  bool skip(std::string_view prefix) noexcept {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }

  /// From a bracket to the one that closes it.
  void skip_brackets() noexcept {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == '(' || c == '<' || c == '{') ++depth;
      if (c == ')' || c == '}' || (c == '>' && rest_[i - 1] != '-')) --depth;
      if (depth == 0) {
        rest_.remove_prefix(i + 1);
        return;
      }
    }
    rest_ = {};
  }

  std::string_view rest_;
  std::string name_;
};

}  // namespace

std::string function_name(std::string_view pretty) {
  return NameReader(pretty).read();
}

Stack stack_of(const Frame* innermost, std::optional<int> limit) {
  Stack stack;
  for (const Frame* frame = innermost; frame != nullptr; frame = frame->caller()) {
    if (frame->kind() == FrameKind::wrapper) continue;
    if (limit && *limit >= 0 && stack.size() == static_cast<std::size_t>(*limit)) break;
    stack.emplace_back(frame->awaiting(), frame->kind() == FrameKind::generator
                                              ? StackFrame::Kind::generator
                                              : StackFrame::Kind::coroutine);
  }
  limit_stack(stack, limit);
  return stack;
}

void limit_stack(Stack& stack, std::optional<int> limit) {
  if (!limit) return;
  const auto count = std::min(stack.size(), static_cast<std::size_t>(std::abs(static_cast<long>(*limit))));
  if (*limit < 0)
    stack.erase(stack.begin(), stack.end() - static_cast<std::ptrdiff_t>(count));
  else
    stack.erase(stack.begin() + static_cast<std::ptrdiff_t>(count), stack.end());
}

}  // namespace coterie
