#pragma once
#include <concepts>
#include <functional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coterie/task.hpp"

namespace coterie::detail {

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
inline constexpr bool miscompiles_closures = true;
#else
inline constexpr bool miscompiles_closures = false;
#endif

/// gcc 12 destroys a temporary closure with non-trivial captures twice when it stands in an expression with
/// `co_await` (PR 99576). True for what is safe: lvalues, and closures that need no destruction.
template <class Fn>
inline constexpr bool safe_in_await = !miscompiles_closures || std::is_lvalue_reference_v<Fn> ||
                                      std::is_trivially_destructible_v<std::decay_t<Fn>>;

/// The same for an argument: a temporary aggregate, or a closure, that needs destruction.
template <class Arg>
inline constexpr bool safe_as_argument =
    !miscompiles_closures || std::is_lvalue_reference_v<Arg> ||
    std::is_trivially_destructible_v<std::decay_t<Arg>> ||
    !(std::is_aggregate_v<std::decay_t<Arg>> ||
      (requires { &std::decay_t<Arg>::operator(); } && !std::is_default_constructible_v<std::decay_t<Arg>>));

template <class... Args>
inline constexpr bool safe_as_arguments =
    (... && safe_as_argument<Args>);  // NOLINT(misc-redundant-expression): of two of one type it is

/// Every API that takes arguments and returns what is nearly always awaited in the same expression says this.
#define COTERIE_GUARD_ARGUMENTS(...)                                                                        \
  static_assert(::coterie::detail::safe_as_arguments<__VA_ARGS__>,                                          \
                "gcc 12 would destroy this temporary aggregate or lambda twice (PR 99576): give it a name " \
                "and pass that, or give its type a constructor")

/// Every API that takes a callable and returns an awaitable says this first.
#define COTERIE_GUARD_CALLABLE(Fn)                                                                     \
  static_assert(                                                                                       \
      ::coterie::detail::safe_in_await<Fn>,                                                            \
      "gcc 12 would destroy this temporary lambda twice (PR 99576): give it a name and pass that, or " \
      "pass a captureless lambda and its arguments, or capture by reference")

/// An object of `args`, in braces where it is an aggregate.
template <class T, class... Args>
T make_item(Args&&... args) {
  if constexpr (std::is_constructible_v<T, Args...>)
    return T(std::forward<Args>(args)...);
  else
    return T{std::forward<Args>(args)...};
}

/// The T of a callable that returns Task<T>.
template <class Fn, class... Args>
  requires is_task<std::invoke_result_t<Fn, Args...>>
using task_result_t = typename std::invoke_result_t<Fn, Args...>::value_type;

template <class Fn, class... Args>
concept TaskFunction = std::invocable<Fn, Args...> && is_task<std::invoke_result_t<Fn, Args...>>;

// Whether a coroutine function keeps all of its arguments in its own frame: then nothing else must own them.
// A parameter of another type than its argument may only refer to it: std::string_view to a std::string.
template <class Params, class Args>
inline constexpr bool keeps_all = false;
template <class... Params, class... Args>
  requires(sizeof...(Params) == sizeof...(Args))
inline constexpr bool keeps_all<void(Params...), void(Args...)> =
    (... && std::is_same_v<Params, Args>);  // NOLINT(misc-redundant-expression): with no arguments it is
template <class Fn, class... Args>
inline constexpr bool takes_values = false;
template <class R, class... P, class... Args>
inline constexpr bool takes_values<R (*)(P...), Args...> = keeps_all<void(P...), void(Args...)>;
template <class R, class... P, class... Args>
inline constexpr bool takes_values<R (*)(P...) noexcept, Args...> = keeps_all<void(P...), void(Args...)>;
template <class Member, class... Args>
inline constexpr bool call_takes_values = false;
template <class R, class C, class... P, class... Args>
inline constexpr bool call_takes_values<R (C::*)(P...) const, Args...> = keeps_all<void(P...), void(Args...)>;
template <class R, class C, class... P, class... Args>
inline constexpr bool call_takes_values<R (C::*)(P...) const noexcept, Args...> =
    keeps_all<void(P...), void(Args...)>;
template <class Fn>
concept PlainCallOperator = std::is_empty_v<Fn> && requires { &Fn::operator(); };
template <PlainCallOperator Fn, class... Args>
inline constexpr bool takes_values<Fn, Args...> = call_takes_values<decltype(&Fn::operator()), Args...>;

/// What a coroutine gives that only keeps arguments for `Body`, and ends as that one does: what it throws is
/// handed on, not thrown once more.
template <class Body>
class Owning {
  using Result = typename Body::value_type;
  class BodyAwaiter : public TaskAwaiter<Result> {
   public:
    using TaskAwaiter<Result>::TaskAwaiter;
    Outcome<Result> await_resume() { return this->take_outcome(); }
  };

 public:
  class promise_type final : public ResultPromise<Result> {
   public:
    explicit promise_type(std::source_location where = std::source_location::current()) noexcept
        : ResultPromise<Result>(where) {
      this->set_kind(FrameKind::wrapper);
    }
    Owning get_return_object() noexcept { return Owning(Body(*this)); }
    auto await_transform(Body body, std::source_location where = std::source_location::current()) {
      if (!body.valid()) throw_no_coroutine();
      this->set_awaiting(where);
      return BodyAwaiter(body.release());
    }
    void return_value(Outcome<Result>&& end) { this->outcome() = std::move(end); }
  };

  [[nodiscard]] Body take() && { return std::move(task_); }

 private:
  explicit Owning(Body task) noexcept : task_(std::move(task)) {}
  Body task_;
};

/// Keeps the callable and its arguments alive until the coroutine that uses them has ended.
template <class Body, class Fn, class... Args>
Owning<Body> owning(Fn fn, Args... args) {
  co_return co_await std::invoke(fn, std::move(args)...);
}

/// A Task that owns `fn` and decayed copies of `args`: it may outlive its caller.
template <class Fn, class... Args>
auto make_owning_task(Fn&& fn, Args&&... args) {
  using Body = std::invoke_result_t<std::decay_t<Fn>&, std::decay_t<Args>...>;
  if constexpr (takes_values<std::decay_t<Fn>, std::decay_t<Args>...>) {
    return std::invoke(fn, std::decay_t<Args>(std::forward<Args>(args))...);
  } else {
    return owning<Body, std::decay_t<Fn>, std::decay_t<Args>...>(std::forward<Fn>(fn),
                                                                 std::forward<Args>(args)...)
        .take();
  }
}

}  // namespace coterie::detail
