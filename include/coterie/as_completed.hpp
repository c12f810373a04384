#pragma once
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "coterie/core/children.hpp"
#include "coterie/core/linked_list.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/sleep.hpp"
#include "coterie/timeout.hpp"
#include "coterie/wait.hpp"

namespace coterie {
namespace detail {

/// Which of several tasks have ended, first ended first; the part that does not depend on their types. Each
/// goes to one consumer: to the one that has waited longest, or to the next that asks.
class Completions final : private Timer {
 public:
  Completions() = default;
  ~Completions();
  /// Once, when it stands where it will stay.
  void watch(const std::vector<TaskRec*>& tasks, std::optional<Duration> limit);

  class Next : public Leaf, public ListNode {
   public:
    bool await_ready() const noexcept {
      return !completions_->ended_.empty() || completions_->unreceived_ == 0 || completions_->expired_;
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      completions_->consumers_.push_back(*this);
      suspend(caller);
    }
    CancelReply cancel(const CancelMessage&) override {
      unlink();
      return CancelReply::detached;
    }

   protected:
    void pass_on_class(std::vector<TaskRec*>& targets) noexcept override {
      completions_->pass_on_class(targets);
    }
    explicit Next(Completions& completions) noexcept
        : Leaf(WaitKind::as_completed, &completions), completions_(&completions) {}
    ~Next();
    /// In await_resume: the index of a task that has ended; nothing when all were received.
    [[nodiscard]] std::optional<std::size_t> receive();

   private:
    friend class Completions;
    void undo() noexcept override { give_back(); }
    void give_back() noexcept;
    Completions* completions_;
    std::optional<std::size_t> index_;
  };

 private:
  struct Child final : DoneCallback {
    void after_done(TaskRec&) noexcept override { owner->child_ended(*this); }
    [[nodiscard]] WaitingTask waiting_task() const noexcept override { return owner->most_urgent(); }
    Completions* owner = nullptr;
  };
  [[nodiscard]] WaitingTask most_urgent() const noexcept;
  void pass_on_class(std::vector<TaskRec*>& targets) noexcept;
  void child_ended(Child& child) noexcept;
  void offer() noexcept;
  void run() noexcept override;
  void disarm() noexcept;
  void release_consumers() noexcept;

  std::unique_ptr<Child[]> children_;
  std::size_t count_ = 0;
  std::size_t running_ = 0;
  std::size_t unreceived_ = 0;
  std::deque<std::size_t> ended_;  // offered to nobody yet
  LinkedList<Next> consumers_;
  EventLoop* loop_ = nullptr;
  bool expired_ = false;
};

}  // namespace detail

/// Tasks in the order in which they end: see as_completed(). A copyable handle; all copies are one sequence,
/// so that several consumers can share it. Loop thread only.
template <class Handle>
class [[nodiscard("ask it for the next()")]] AsCompleted {
  struct Sequence {
    detail::Completions completions;
    std::vector<Handle> handles;
  };

 public:
  class [[nodiscard("co_await it")]] Next final : public detail::Completions::Next {
   public:
    explicit Next(std::shared_ptr<Sequence> state)
        : detail::Completions::Next(state->completions), state_(std::move(state)) {}
    std::optional<Handle> await_resume() {
      const std::optional<std::size_t> index = this->receive();
      return index ? std::optional<Handle>(state_->handles[*index]) : std::nullopt;
    }

   private:
    std::shared_ptr<Sequence> state_;
  };

  /// Awaits the next task that has ended, as the handle that was given; nothing when all were received. It
  /// has ended, so its result() is there, or its error to be retrieved. TimeoutError past the limit, for what
  /// had not ended by then. A cancel of the consumer loses nothing: its task goes to another one.
  Next next() const { return Next(state_); }

  /// For as_completed().
  AsCompleted(const WaitOptions& options, std::vector<Handle> handles)
      : state_(std::make_shared<Sequence>()) {
    std::vector<TaskRec*> tasks;
    for (auto& handle : handles) {
      TaskRec& task = detail::record_of(handle);
      if (std::find(tasks.begin(), tasks.end(), &task) != tasks.end()) continue;
      tasks.push_back(&task);
      state_->handles.push_back(std::move(handle));
    }
    state_->completions.watch(tasks, options.limit());
  }

 private:
  std::shared_ptr<Sequence> state_;
};

/// Several tasks in the order in which they end:
///
///     auto pages = as_completed(handles);
///     while (auto page = co_await pages.next()) show(page->result());
///
/// Takes handles or one vector of them; those of several types come back as TaskRefs. Never cancels a task,
/// never throws what one threw. May be left and gone on with; duplicates merge. The limit of
/// `as_completed(WaitOptions().timeout(2s), …)` runs from this call and leaves the tasks running. Bare Tasks
/// are refused: the sequence can be left before they have ended. (asyncio.as_completed, CPython 3.14, as an
/// async iterator)
template <class... Handles>
[[nodiscard]] auto as_completed(WaitOptions options, Handles&&... handles) {
  static_assert(sizeof...(Handles) > 0, "give tasks, or a vector of them");
  detail::check_sources<Handles...>();
  detail::check_handles<Handles...>();
  auto list = detail::handles_of(std::forward<Handles>(handles)...);
  return AsCompleted<typename decltype(list)::value_type>(options, std::move(list));
}
template <class First, class... Rest>
  requires(!std::is_convertible_v<First, WaitOptions>)
[[nodiscard]] auto as_completed(First&& first, Rest&&... rest) {
  return as_completed(WaitOptions(), std::forward<First>(first), std::forward<Rest>(rest)...);
}

}  // namespace coterie
