#pragma once
#include <algorithm>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "coterie/core/children.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"

namespace coterie {

/// When wait() returns, unless its timeout comes first.
enum class ReturnWhen : std::uint8_t {
  all_completed,
  first_exception,  ///< at the first error, a cancel being none; else when all have ended
  first_completed,  ///< value, error or cancel
};

/// What wait() may be told: `wait(ReturnWhen::first_completed, a, b)`,
/// `wait(WaitOptions().timeout(2s), tasks)`.
class WaitOptions {
 public:
  WaitOptions() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  WaitOptions(ReturnWhen when) noexcept : when_(when) {}
  WaitOptions& return_when(ReturnWhen when) noexcept {
    when_ = when;
    return *this;
  }
  /// At most so long; by default without limit. Its end is no error: see WaitResult::pending.
  template <class Rep, class Period>
  WaitOptions& timeout(std::chrono::duration<Rep, Period> limit) {
    timeout_ = detail::to_duration(limit);
    return *this;
  }

  /// For the runtime.
  [[nodiscard]] detail::Until until() const {
    switch (when_) {
      case ReturnWhen::all_completed:
        return detail::Until::all_ended;
      case ReturnWhen::first_exception:
        return detail::Until::first_error;
      case ReturnWhen::first_completed:
        return detail::Until::first_end;
    }
    throw std::invalid_argument("wait(): this is no ReturnWhen");
  }
  [[nodiscard]] std::optional<Duration> limit() const noexcept { return timeout_; }

 private:
  std::optional<Duration> timeout_;
  ReturnWhen when_ = ReturnWhen::all_completed;
};

/// What had ended when wait() returned, and what had not; each in the order of the arguments.
template <class Handle>
class WaitResult {
 public:
  WaitResult() {}  // NOLINT(modernize-use-equals-default): no aggregate, which gcc 12 destroys twice
  std::vector<Handle> done;
  std::vector<Handle> pending;
};

namespace detail {

template <class Handle>
class [[nodiscard("wait() waits when it is awaited: co_await it")]] WaitForSeveral final
    : public VectorLeaf<Handle>,
      private Timer {
 public:
  WaitForSeveral(const WaitOptions& options, std::vector<Handle> handles)
      : VectorLeaf<Handle>(WaitKind::wait, options.until(), Claim::none, distinct(std::move(handles))),
        limit_(options.limit()) {
    if (this->sources().empty()) throw std::invalid_argument("wait(): give one task at least");
  }
  ~WaitForSeveral() { disarm(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    this->start();
    EventLoop& loop = EventLoop::current();
    if (limit_) loop.arm(*this, loop.now() + *limit_);
    this->suspend(caller);
  }
  WaitResult<Handle> await_resume() {
    disarm();
    this->finish();
    WaitResult<Handle> result;
    for (auto& handle : this->handles())
      (record_of(handle).done() ? result.done : result.pending).push_back(std::move(handle));
    return result;
  }

 private:
  static std::vector<Handle> distinct(std::vector<Handle> handles) {
    std::vector<Handle> result;
    for (auto& handle : handles)
      if (std::find(result.begin(), result.end(), handle) == result.end())
        result.push_back(std::move(handle));
    return result;
  }
  void run() noexcept override {
    if (this->waiting()) this->wake();
  }
  void disarm() noexcept {
    if (armed() || queued()) Leaf::task()->loop().disarm(*this);
  }
  std::optional<Duration> limit_;
};

template <class... Args>
constexpr void check_handles() {
  if constexpr ((... && SourceTraits<source_in_t<Args>>::valid))
    static_assert(
        (... && is_handle<source_in_t<Args>>),
        "this leaves tasks running, and a bare Task may refer to the caller's locals: spawn(f, x) it, "
        "or use gather() or race()");
}

/// Several handles as a vector: of their own type if they have the same, else of TaskRef.
template <class First, class... Rest>
auto handles_of(First&& first, Rest&&... rest) {
  using Type = std::remove_cvref_t<First>;
  if constexpr (is_one_vector<First, Rest...>) {
    return Type(std::forward<First>(first));
  } else {
    using Handle =
        std::conditional_t<(... && std::is_same_v<Type, std::remove_cvref_t<Rest>>), Type, TaskRef>;
    std::vector<Handle> handles;
    handles.reserve(1 + sizeof...(Rest));
    handles.push_back(std::forward<First>(first));
    (handles.push_back(std::forward<Rest>(rest)), ...);
    return handles;
  }
}

template <class Handle>
WaitForSeveral<Handle> wait_for_several(const WaitOptions& options, std::vector<Handle> handles) {
  return WaitForSeveral<Handle>(options, std::move(handles));
}

}  // namespace detail

/// Waits for several tasks and says which have ended: `auto [done, pending] = co_await wait(a, b);`, handles
/// or one vector of them. Tasks of several types come back as TaskRefs.
///
/// It never cancels a task and never throws what one threw, which remains to be retrieved. A cancel of the
/// waiter leaves the tasks running. Takes at least one tick, also when all have ended. Duplicates merge.
/// std::invalid_argument without a task; InvalidState for the waiting task itself or one of another loop.
/// (asyncio.wait, CPython 3.14)
template <class... Handles>
[[nodiscard]] auto wait(WaitOptions options, Handles&&... handles) {
  static_assert(sizeof...(Handles) > 0, "wait for one task at least");
  detail::check_sources<Handles...>();
  detail::check_handles<Handles...>();
  return detail::wait_for_several(options, detail::handles_of(std::forward<Handles>(handles)...));
}
template <class First, class... Rest>
  requires(!std::is_convertible_v<First, WaitOptions>)
[[nodiscard]] auto wait(First&& first, Rest&&... rest) {
  return wait(WaitOptions(), std::forward<First>(first), std::forward<Rest>(rest)...);
}

}  // namespace coterie
