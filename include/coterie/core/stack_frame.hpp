#pragma once
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/core/frame.hpp"

namespace coterie {

/// What `std::source_location::function_name()` says, as people write it: `void
/// app::f(app::f(int)::_ZN3app1fEi.Frame*)` (gcc 12, inside a coroutine) and `Task<T> app::f(T) [T = int]`
/// (clang) are both `app::f`. Without return type, parameters, template arguments and unnamed namespaces; a
/// lambda is `app::f::<lambda>`.
[[nodiscard]] std::string function_name(std::string_view pretty);

/// One level of a task's stack, at one moment. Refers to nothing but literals of the program.
class StackFrame {
 public:
  enum class Kind : std::uint8_t {
    coroutine,
    generator,
    function,  ///< a plain function that runs on top of the innermost coroutine
  };
  StackFrame(std::source_location where, Kind kind) noexcept : where_(where), kind_(kind) {}

  [[nodiscard]] std::string function() const { return function_name(where_.function_name()); }
  /// As it was given to the compiler.
  [[nodiscard]] std::string_view file() const noexcept { return where_.file_name(); }
  /// Of the newest `co_await`; before the first, of the function itself.
  [[nodiscard]] std::uint32_t line() const noexcept { return where_.line(); }
  [[nodiscard]] Kind kind() const noexcept { return kind_; }

 private:
  std::source_location where_;
  Kind kind_;
};

/// Innermost first.
using Stack = std::vector<StackFrame>;

/// The frames from `innermost` outwards to the task's root. `limit` > 0: only so many of the innermost; < 0:
/// of the outermost; none: all.
[[nodiscard]] Stack stack_of(const Frame* innermost, std::optional<int> limit = std::nullopt);
/// Cuts a stack as `limit` says.
void limit_stack(Stack& stack, std::optional<int> limit);

}  // namespace coterie
