#pragma once
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coterie/core/frame.hpp"

namespace coterie {

/// What `std::source_location::function_name()` says, as people write it: `void
/// app::f(app::f(int)::_ZN3app1fEi.Frame*)` (gcc 12, inside a coroutine) and `Task<T> app::f(T) [T = int]`
/// (clang) are both `app::f`. Without return type, parameters, template arguments and unnamed namespaces; a
/// lambda is `app::f::<lambda>`.
[[nodiscard]] std::string function_name(std::string_view pretty);

/// One level of a task's stack, at one moment, as data.
struct StackFrame {
  enum class Kind : std::uint8_t {
    coroutine,
    generator,
    function,  ///< a plain function that runs on top of the innermost coroutine
  };
  std::string function;  ///< see function_name()
  std::string file;      ///< as it was given to the compiler
  std::uint32_t line =
      0;  ///< of the newest `co_await`; before the first, of the function itself; 0: not known
  Kind kind = Kind::coroutine;

  StackFrame(std::source_location where, Kind what)
      : function(function_name(where.function_name())),
        file(where.file_name()),
        line(where.line()),
        kind(what) {}
  explicit StackFrame(std::string name, std::string path = {}, std::uint32_t number = 0,
                      Kind what = Kind::coroutine)
      : function(std::move(name)), file(std::move(path)), line(number), kind(what) {}
};

/// Innermost first.
using Stack = std::vector<StackFrame>;

/// The frames from `innermost` outwards to the task's root. `limit` > 0: only so many of the innermost; < 0:
/// of the outermost; none: all.
[[nodiscard]] Stack stack_of(const Frame* innermost, std::optional<int> limit = std::nullopt);
/// Cuts a stack as `limit` says.
void limit_stack(Stack& stack, std::optional<int> limit);

}  // namespace coterie
