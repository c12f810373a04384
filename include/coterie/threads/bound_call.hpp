#pragma once
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coterie/core/context_slot.hpp"
#include "coterie/outcome.hpp"

namespace coterie::detail {

/// A function and its arguments, called once, in a copy of the context in which it was made.
template <class Fn, class... Args>
class BoundCall {
 public:
  template <class F, class... A>
  explicit BoundCall(F&& fn, A&&... args) : fn_(std::forward<F>(fn)), args_(std::forward<A>(args)...) {}
  template <class T>
  Outcome<T> call() {
    Outcome<T> end;
    const ContextScope scope(context_);
    try {
      if constexpr (std::is_void_v<T>) {
        std::apply(std::forward<Fn>(fn_), std::move(args_));
        end.set_value();
      } else {
        end.set_value(std::apply(std::forward<Fn>(fn_), std::move(args_)));
      }
    } catch (...) {
      end.set_exception(std::current_exception());
    }
    return end;
  }

 private:
  Fn fn_;
  std::tuple<Args...> args_;
  ContextSlot context_ = ContextSlot::capture();
};

}  // namespace coterie::detail
