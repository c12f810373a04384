#pragma once
#include <array>
#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "coterie/core/done_callback.hpp"
#include "coterie/core/leaf.hpp"
#include "coterie/outcome.hpp"
#include "coterie/spawn.hpp"
#include "coterie/task.hpp"

namespace coterie {
namespace detail {

/// What a gathered T arrives as: nothing has no place in a tuple.
template <class T>
using gathered_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// Waits for several tasks; the part that does not depend on their types.
class GatherLeaf : public Leaf {
 public:
  /// `fail_fast`: the first error counts. `joins`: it is thrown only after the others were cancelled and have
  /// ended.
  GatherLeaf(bool fail_fast, bool joins) noexcept
      : Leaf(WaitKind::gather, this), fail_fast_(fail_fast), joins_(joins) {}
  CancelReply cancel(const CancelMessage& message) override;

 protected:
  struct Child final : DoneCallback {
    void after_done(TaskRec& task) noexcept override { owner->child_ended(task); }
    [[nodiscard]] WaitingTask waiting_task() const noexcept override { return {owner->task(), owner}; }
    GatherLeaf* owner = nullptr;
  };
  ~GatherLeaf() = default;
  void watch(Child& child, TaskRec& task);
  void set_children(Child* first, std::size_t count) noexcept {
    children_ = first;
    count_ = pending_ = count;
  }
  /// Throws the first error, or `Cancelled` when the gather was cancelled.
  void finish();

 private:
  void child_ended(TaskRec& task) noexcept;
  std::exception_ptr target_cancel() noexcept override;
  Child* children_ = nullptr;
  std::size_t count_ = 0;
  std::size_t pending_ = 0;
  bool fail_fast_;
  bool joins_;
  bool cancel_requested_ = false;
  CancelMessage message_;
  std::exception_ptr first_error_;
  bool first_error_is_cancel_ = false;
};

template <class T>
JoinHandle<T> start_gathered(Task<T>& task) {
  return spawn_borrowing(std::move(task));
}
template <class T>
JoinHandle<T> start_gathered(JoinHandle<T>& handle) {
  return handle;
}

/// One child's part of the result. A bare Task is ours alone: its value moves.
template <bool Outcomes, bool Owned, class T>
auto collect(JoinHandle<T>& handle) {
  Outcome<T>& end = handle.state().kept();
  if constexpr (Outcomes) {
    if constexpr (Owned)
      return Outcome<T>(std::move(end));
    else
      return Outcome<T>(end);
  } else if constexpr (std::is_void_v<T>) {
    end.get();
    return std::monostate();
  } else if constexpr (Owned) {
    return T(std::move(end).get());
  } else {
    return T(std::as_const(end).get());
  }
}

template <bool Outcomes, bool Owned, class... Ts>
class GatherTuple final : public GatherLeaf {
  template <class T>
  using Source = std::conditional_t<Owned, Task<T>, JoinHandle<T>>;

 public:
  explicit GatherTuple(Source<Ts>... sources)
      : GatherLeaf(!Outcomes, Owned), sources_(std::move(sources)...) {}
  bool await_ready() const noexcept { return sizeof...(Ts) == 0; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    set_children(children_.data(), sizeof...(Ts));
    start(std::index_sequence_for<Ts...>());
    suspend(caller);
  }
  auto await_resume() {
    finish();
    return take(std::index_sequence_for<Ts...>());
  }

 private:
  template <std::size_t... I>
  void start(std::index_sequence<I...>) {
    // Braces: in the order of the arguments. gcc evaluates those of a call from right to left.
    handles_ = std::tuple<JoinHandle<Ts>...>{start_gathered(std::get<I>(sources_))...};
    (watch(children_[I], std::get<I>(*handles_).state()), ...);
  }
  template <std::size_t... I>
  auto take(std::index_sequence<I...>) {
    return std::tuple(collect<Outcomes, Owned>(std::get<I>(*handles_))...);
  }
  std::tuple<Source<Ts>...> sources_;
  std::optional<std::tuple<JoinHandle<Ts>...>> handles_;
  std::array<Child, sizeof...(Ts) == 0 ? 1 : sizeof...(Ts)> children_;
};

template <bool Outcomes, bool Owned, class T>
class GatherVector final : public GatherLeaf {
  using Source = std::conditional_t<Owned, Task<T>, JoinHandle<T>>;
  using Result = std::conditional_t<Outcomes, Outcome<T>, gathered_t<T>>;

 public:
  explicit GatherVector(std::vector<Source> sources)
      : GatherLeaf(!Outcomes, Owned), sources_(std::move(sources)) {}
  bool await_ready() const noexcept { return sources_.empty(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    children_ = std::make_unique<Child[]>(sources_.size());
    set_children(children_.get(), sources_.size());
    handles_.reserve(sources_.size());
    for (auto& source : sources_) handles_.push_back(start_gathered(source));
    for (std::size_t i = 0; i < handles_.size(); ++i) watch(children_[i], handles_[i].state());
    suspend(caller);
  }
  std::vector<Result> await_resume() {
    finish();
    std::vector<Result> results;
    results.reserve(handles_.size());
    for (auto& handle : handles_) results.push_back(collect<Outcomes, Owned>(handle));
    return results;
  }

 private:
  std::vector<Source> sources_;
  std::vector<JoinHandle<T>> handles_;
  std::unique_ptr<Child[]> children_;
};

}  // namespace detail

/// Runs several at once and gives their values in the order of the arguments: a tuple (std::monostate for
/// void), or a vector for a vector.
///
/// Bare Tasks are structured: they start when this is awaited; at the first error the others are cancelled,
/// and the error is thrown when all have ended; so they may refer to the caller's locals. JoinHandles are as
/// in asyncio.gather: the first error is thrown at once, the others run on, and what they throw later is not
/// reported. A cancel of the awaiter cancels every child; when they have ended `Cancelled` is thrown,
/// whatever they answered.
template <class... Ts>
[[nodiscard]] detail::GatherTuple<false, true, Ts...> gather(Task<Ts>... tasks) {
  return detail::GatherTuple<false, true, Ts...>(std::move(tasks)...);
}
template <class T, class... Ts>
[[nodiscard]] detail::GatherTuple<false, false, T, Ts...> gather(JoinHandle<T> first,
                                                                 JoinHandle<Ts>... rest) {
  return detail::GatherTuple<false, false, T, Ts...>(std::move(first), std::move(rest)...);
}
template <class T>
[[nodiscard]] detail::GatherVector<false, true, T> gather(std::vector<Task<T>> tasks) {
  return detail::GatherVector<false, true, T>(std::move(tasks));
}
template <class T>
[[nodiscard]] detail::GatherVector<false, false, T> gather(std::vector<JoinHandle<T>> handles) {
  return detail::GatherVector<false, false, T>(std::move(handles));
}

/// The same, but waits for all and gives an Outcome for each: errors and cancels of children are values
/// (asyncio.gather with return_exceptions=True). A cancel of the awaiter still throws.
template <class... Ts>
[[nodiscard]] detail::GatherTuple<true, true, Ts...> gather_outcomes(Task<Ts>... tasks) {
  return detail::GatherTuple<true, true, Ts...>(std::move(tasks)...);
}
template <class T, class... Ts>
[[nodiscard]] detail::GatherTuple<true, false, T, Ts...> gather_outcomes(JoinHandle<T> first,
                                                                         JoinHandle<Ts>... rest) {
  return detail::GatherTuple<true, false, T, Ts...>(std::move(first), std::move(rest)...);
}
template <class T>
[[nodiscard]] detail::GatherVector<true, true, T> gather_outcomes(std::vector<Task<T>> tasks) {
  return detail::GatherVector<true, true, T>(std::move(tasks));
}
template <class T>
[[nodiscard]] detail::GatherVector<true, false, T> gather_outcomes(std::vector<JoinHandle<T>> handles) {
  return detail::GatherVector<true, false, T>(std::move(handles));
}

}  // namespace coterie
