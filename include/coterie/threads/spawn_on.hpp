#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "coterie/core/callable.hpp"
#include "coterie/spawn.hpp"
#include "coterie/threads/bound_call.hpp"
#include "coterie/threads/remote_handle.hpp"

namespace coterie {
namespace detail {

/// Rides with no message.
struct NoRider {};

/// The message that starts a task on its loop: owns the function and its arguments on the way. `Rider` goes
/// when the task is there, or when there will be none.
template <class T, class Rider, class Fn, class... Args>
class SpawnMessage final : public Posted {
 public:
  template <class F, class... A>
  SpawnMessage(RemoteRef<RemoteTaskOf<T>> remote, Rider rider, SpawnOptions options, F&& fn, A&&... args)
      : rider_(std::move(rider)),
        remote_(std::move(remote)),
        options_(std::move(options)),
        fn_(std::forward<F>(fn)),
        args_(std::forward<A>(args)...) {
    if (options_.context_ref().empty()) options_.context_ref() = ContextSlot::capture();
  }

  void run() noexcept override {
    const std::optional<bool> eager = options_.eager_value();
    if (const JoinHandle<T> task = make()) {
      try {
        start_if_eager(task.state(), eager);
      } catch (...) {  // only Fatal comes out, which the loop has already
      }
    }
    delete this;
  }
  void drop() noexcept override {
    remote_->lose();
    delete this;
  }

  /// The task, not started; empty when that failed, which is told.
  JoinHandle<T> make() noexcept {
    try {
      JoinHandle<T> task = spawn_borrowing(body(), std::move(options_));
      remote_->start(task.state());
      return task;
    } catch (...) {
      remote_->fail(std::current_exception());
      EventLoop::report_anywhere(
          ErrorContext("Exception while a task was being made", std::current_exception(), remote_->name()));
      return {};
    }
  }
  /// The task's coroutine; once.
  auto body() {
    return std::apply([this](Args&... args) { return make_owning_task(std::move(fn_), std::move(args)...); },
                      args_);
  }
  [[no_unique_address]] Rider rider_;
  RemoteRef<RemoteTaskOf<T>> remote_;
  SpawnOptions options_;
  Fn fn_;
  std::tuple<Args...> args_;
};

/// The message that calls a plain function on a loop.
template <class T, class Fn, class... Args>
class CallMessage final : public Posted {
 public:
  template <class... A>
  explicit CallMessage(RemoteRef<RemoteTaskOf<T>> remote, A&&... args)
      : remote_(std::move(remote)), call_(std::forward<A>(args)...) {}
  void run() noexcept override {
    remote_->finish(call_.template call<T>());
    delete this;
  }
  void drop() noexcept override {
    remote_->lose();
    delete this;
  }

 private:
  RemoteRef<RemoteTaskOf<T>> remote_;
  BoundCall<Fn, Args...> call_;
};

template <class Fn, class... Args>
using RemoteHandleOf = RemoteHandle<task_result_t<std::decay_t<Fn>&, std::decay_t<Args>...>>;

template <class Rider, class Fn, class... Args>
auto make_remote(const std::shared_ptr<Inbox>& owner, Rider rider, SpawnOptions options, Fn&& fn,
                 Args&&... args) {
  using T = task_result_t<std::decay_t<Fn>&, std::decay_t<Args>...>;
  RemoteRef<RemoteTaskOf<T>> remote(new RemoteTaskOf<T>(owner, options.name_ref()));
  using Message = SpawnMessage<T, Rider, std::decay_t<Fn>, std::decay_t<Args>...>;
  // Makes the coroutine's instance here: made at the end of the file, as from run(), it would have gcc warn
  // of closures, whose types have no linkage (-Wsubobject-linkage).
  static_assert(is_task<decltype(std::declval<Message&>().body())>);
  PostedPtr message(new Message(remote, std::move(rider), std::move(options), std::forward<Fn>(fn),
                                std::forward<Args>(args)...));
  owner->post(std::move(message));
  return RemoteHandle<T>(std::move(remote));
}

}  // namespace detail

/// Starts `fn(args...)`, which must return Task<T>, as a task of `loop`, from any thread: spawn() for a loop
/// that runs elsewhere. The task and its frames live and die on that loop's thread; `fn` and decayed copies
/// of `args` travel there, and whoever shares something with them by std::ref shares it between threads.
/// Runtime::spawn() chooses the loop.
///
/// Order is kept: what one thread sends to one loop arrives in that order. Where the options or that loop say
/// so, the task starts eagerly, in the turn in which it arrives. When the loop has closed, or closes before
/// the task has started, the handle ends with LoopClosed; an error in making the task (its function throws
/// before it is a coroutine, an argument cannot be copied) ends it with that error, which the loop reports
/// too. The context of the caller is copied; the class and the parent of the spawning task are not inherited.
template <class Fn, class... Args>
  requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
detail::RemoteHandleOf<Fn, Args...> spawn_on(EventLoop& loop, Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return detail::make_remote(loop.inbox(), detail::NoRider(), SpawnOptions(), std::forward<Fn>(fn),
                             std::forward<Args>(args)...);
}
/// With a name, a scheduling class, an eager start.
template <class Fn, class... Args>
  requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
detail::RemoteHandleOf<Fn, Args...> spawn_on(EventLoop& loop, SpawnOptions options, Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return detail::make_remote(loop.inbox(), detail::NoRider(), std::move(options), std::forward<Fn>(fn),
                             std::forward<Args>(args)...);
}
/// On a loop that may be gone: by its EventLoop::inbox(), which outlives it.
template <class Fn, class... Args>
  requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
detail::RemoteHandleOf<Fn, Args...> spawn_on(const std::shared_ptr<Inbox>& loop, Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return detail::make_remote(loop, detail::NoRider(), SpawnOptions(), std::forward<Fn>(fn),
                             std::forward<Args>(args)...);
}

/// Runs the plain function `fn(args...)` on the thread of `loop`, in a turn of its own: for what only that
/// thread may look at. The handle is as spawn_on()'s, but what `fn` throws is told to nobody else, and a
/// cancel does not stop it.
template <class Fn, class... Args>
auto call_on(EventLoop& loop, Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  using T = std::invoke_result_t<std::decay_t<Fn>, std::decay_t<Args>...>;
  static_assert(!detail::is_task<T>, "call_on() runs plain functions: use spawn_on() for a coroutine");
  detail::RemoteRef<detail::RemoteTaskOf<T>> remote(new detail::RemoteTaskOf<T>(loop.inbox(), {}));
  loop.inbox()->post(PostedPtr(new detail::CallMessage<T, std::decay_t<Fn>, std::decay_t<Args>...>(
      remote, std::forward<Fn>(fn), std::forward<Args>(args)...)));
  return RemoteHandle<T>(std::move(remote));
}

/// A task, for people.
struct TaskSnapshot {
  std::uint64_t id;
  std::uint64_t parent_id;
  std::string name;
  std::source_location spawned_at;
  WaitInfo waits_for;

  explicit TaskSnapshot(const TaskRec& task);
};

/// The tasks of `loop` that have not ended, in order of their creation, from any thread: `co_await` it, or
/// get() it where no loop runs. The loop itself answers, between two steps, so what it tells was true at one
/// moment. (asyncio.all_tasks(loop), CPython 3.14)
[[nodiscard]] RemoteHandle<std::vector<TaskSnapshot>> all_tasks_threadsafe(EventLoop& loop);

/// spawn_on() by asyncio's name.
template <class Fn, class... Args>
  requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
detail::RemoteHandleOf<Fn, Args...> run_coroutine_threadsafe(EventLoop& loop, Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return spawn_on(loop, std::forward<Fn>(fn), std::forward<Args>(args)...);
}

}  // namespace coterie
