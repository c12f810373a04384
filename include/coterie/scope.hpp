#pragma once
#include <optional>
#include <string>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/core/callable.hpp"
#include "coterie/core/child_list.hpp"
#include "coterie/core/leaf.hpp"
#include "coterie/spawn.hpp"

namespace coterie {

/// The tasks of an object, as a member of it: they may use the object, and it waits for them.
///
///     class Server {
///      public:
///       void accept(Socket socket) { sessions_.spawn([this](Socket s) { return serve(std::move(s)); }, …); }
///       Task<void> stop() { co_await sessions_.close(); }
///      private:
///       TaskScope sessions_{"sessions"};   // the last member: the others outlive it
///     };
///
/// A scope bounds lifetimes and handles no errors: one child's failure leaves the others alone, and is
/// reported unless somebody awaits its handle, as for every task. Where they are to end together, see
/// task_group(). Loop thread only.
///
/// Destroying a scope that is not empty is an error, which the loop's exception handler is told with the
/// names of the tasks. They would go on in an object that is gone, so they end there and then: their frames
/// are destroyed, newest first, and run nothing but destructors; who awaits them sees `Cancelled`. A task
/// that destroys its own scope is beyond help: std::terminate.
class TaskScope final : private detail::ChildList {
 public:
  /// `name` is for people.
  explicit TaskScope(std::string name = "TaskScope");
  ~TaskScope();

  /// Starts `fn(args...)` as a task of this scope, which owns them; see coterie::spawn(). InvalidState once
  /// close() was called; the arguments are then released.
  template <class Fn, class... Args>
    requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
  auto spawn(SpawnOptions options, Fn&& fn, Args&&... args) {
    COTERIE_GUARD_CALLABLE(Fn);
    check_open();
    const std::optional<bool> eager = options.eager_value();
    return begin(
        coterie::spawn(std::move(options).eager(false), std::forward<Fn>(fn), std::forward<Args>(args)...),
        eager);
  }
  template <class Fn, class... Args>
    requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
  auto spawn(Fn&& fn, Args&&... args) {
    COTERIE_GUARD_CALLABLE(Fn);
    check_open();
    return begin(
        detail::spawn_borrowing(detail::make_owning_task(std::forward<Fn>(fn), std::forward<Args>(args)...)),
        std::nullopt);
  }

  /// Tasks that have not ended.
  using ChildList::size;
  /// Requests a cancel of each, in the order of creation; more may be spawned afterwards.
  void cancel(std::string message = {});

  /// Waits until every task has ended, also those that are spawned meanwhile. A cancel of the waiter comes
  /// out at once and leaves the tasks alone.
  [[nodiscard("join() waits when it is awaited: co_await it")]] Task<void> join();
  /// Takes no more tasks, cancels all and waits until they have ended: then the object may go. A cancel of
  /// the waiter is kept until then. May be called again, and by several tasks; InvalidState in a task of this
  /// scope, which would wait for itself.
  [[nodiscard("close() waits when it is awaited: co_await it")]] Task<void> close();

 private:
  class Drained;
  template <class T>
  JoinHandle<T> begin(JoinHandle<T> child, std::optional<bool> eager) {
    adopt(child.state());
    detail::start_if_eager(child.state(), eager);
    return child;
  }
  void check_open() const;
  void check_waiter() const;
  void child_ended(TaskRec& task) noexcept override;
  [[nodiscard]] WaitingTask waiter() const noexcept override;

  std::string name_;
  LinkedList<Drained> waiters_;
  bool closed_ = false;
};

}  // namespace coterie
