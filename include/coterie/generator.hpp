#pragma once
#include <coroutine>
#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/core/generator_frame.hpp"
#include "coterie/task.hpp"

namespace coterie {

template <class T>
class AsyncGenerator;

namespace detail {

/// gcc 12 destroys a temporary aggregate, or a closure that is converted, twice in a `co_yield`. True for
/// what is safe: lvalues, a T that has a constructor, and what needs no destruction.
template <class T, class U>
inline constexpr bool safe_in_yield =
    !miscompiles_closures || std::is_lvalue_reference_v<U> || std::is_trivially_destructible_v<U> ||
    (std::is_same_v<std::remove_cv_t<U>, std::remove_cv_t<T>> && !std::is_aggregate_v<U>);

/// Stands in the generator's frame while the consumer looks at the item.
template <class T, bool stores>
class YieldedItem final : public YieldPoint {
 public:
  YieldedItem(GeneratorFrame& frame, T& item) noexcept : YieldPoint(frame, std::addressof(item)) {}
};
template <class T>
class YieldedItem<T, true> final : public YieldPoint {
 public:
  template <class U>
  YieldedItem(GeneratorFrame& frame, U&& from)
      : YieldPoint(frame, std::addressof(item_)), item_(std::forward<U>(from)) {}

 private:
  T item_;
};

template <class T>
class GeneratorPromise final : public GeneratorFrame {
 public:
  explicit GeneratorPromise(std::source_location where = std::source_location::current()) noexcept
      : GeneratorFrame(where) {}
  AsyncGenerator<T> get_return_object() noexcept;
  void return_void() noexcept {}

  template <class U = T>
  auto yield_value(U&& item, std::source_location where = std::source_location::current()) {
    static_assert(safe_in_yield<T, U>,
                  "gcc 12 would destroy this temporary twice (PR 99576): give it a name and yield that (the "
                  "consumer may move from it), or give its type a constructor");
    set_awaiting(where);
    constexpr bool refers = std::is_convertible_v<std::remove_reference_t<U>*, T*> &&
                            std::is_same_v<std::remove_cvref_t<U>, std::remove_cv_t<T>>;
    if constexpr (refers)
      return YieldedItem<T, false>(*this, item);
    else
      return YieldedItem<T, true>(*this, std::forward<U>(item));
  }
};

template <class T>
class [[nodiscard("co_await it: the generator does not run before")]] NextAwaiter final
    : public GeneratorStep {
 public:
  explicit NextAwaiter(GeneratorOwner& generator) noexcept : GeneratorStep(generator, Purpose::next) {}
  T* await_resume() { return static_cast<T*>(end()); }
};

class [[nodiscard("co_await it: the generator's cleanup does not run before")]] CloseAwaiter final
    : public GeneratorStep {
 public:
  explicit CloseAwaiter(GeneratorOwner& generator) noexcept : GeneratorStep(generator, Purpose::close) {}
  void await_resume() { end(); }
};

}  // namespace detail

/// A coroutine that gives items one by one and may await between them: `co_yield` inside, and outside
///
///     AsyncGenerator<Row> rows = read_rows(file);
///     while (Row* row = co_await rows.next()) use(*row);
///
/// It is lazy and runs inside the task that awaits next(), like any coroutine: a cancel of that task is
/// delivered at the generator's innermost await, goes up through the generator, which ends by it, and comes
/// out of next(). One task at a time: next() and close() are InvalidState while another is under way.
/// (asynchronous generators of Python, PEP 525)
///
/// Cleanup. What the generator's destructors do happens in any case: a generator that goes before its end
/// releases its frame, and with it its locals. What awaits belongs behind the `co_yield`s, and runs when the
/// consumer ends the generator by `co_await close()`; see GeneratorExit.
template <class T>
class [[nodiscard("a generator does nothing until next() is awaited")]] AsyncGenerator final
    : private detail::GeneratorOwner {
  static_assert(!std::is_reference_v<T>, "a generator yields objects: next() gives a pointer to them");
  static_assert(alignof(T) <= 16, "gcc 12 misaligns over-aligned values in coroutine frames");

 public:
  using promise_type = detail::GeneratorPromise<T>;
  using value_type = T;

  AsyncGenerator(AsyncGenerator&&) noexcept = default;
  AsyncGenerator& operator=(AsyncGenerator&&) noexcept = default;

  /// Runs to the next `co_yield`. The item stands in the generator, or in the variable that it yielded, until
  /// next() or close() is called again or the generator goes; it may be moved from. Null at the end, and from
  /// then on. Throws what the generator threw; then, too, it has ended.
  detail::NextAwaiter<T> next() & { return detail::NextAwaiter<T>(*this); }
  detail::NextAwaiter<T> next() && = delete;  // the item would go with the generator
  /// Ends the generator where it stands: the pending `co_yield` throws GeneratorExit there, and what the
  /// generator awaits on its way out is awaited. One that has not begun never runs; one that has ended is
  /// left alone. Throws what comes out of the generator but GeneratorExit; InvalidState when it yields again.
  /// (aclose)
  detail::CloseAwaiter close() { return detail::CloseAwaiter(*this); }
  /// It has returned, thrown, been closed or moved from: next() gives null.
  [[nodiscard]] bool done() const noexcept { return frame() == nullptr; }

 private:
  friend promise_type;
  explicit AsyncGenerator(detail::GeneratorFrame& frame) noexcept : GeneratorOwner(frame) {}
};

template <class T>
AsyncGenerator<T> detail::GeneratorPromise<T>::get_return_object() noexcept {
  return AsyncGenerator<T>(*this);
}

}  // namespace coterie
