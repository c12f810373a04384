#pragma once
#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "coterie/core/done_callback.hpp"
#include "coterie/core/leaf.hpp"
#include "coterie/spawn.hpp"
#include "coterie/task.hpp"
#include "coterie/task_ref.hpp"

/// What gather(), race(), staggered_race() and wait() have in common: a wait for several tasks.
namespace coterie::detail {

/// When a wait for several tasks is decided.
enum class Until : std::uint8_t {
  all_ended,
  first_failure,  ///< an error or a cancel
  first_error,    ///< an error; a cancel is none
  first_end,
};

/// What a wait has to do with the tasks that it waits for.
enum class Claim : std::uint8_t {
  /// It looks on: a cancel of the waiter leaves them alone, and their errors are still to be retrieved.
  none,
  /// It speaks for them: a cancel goes on to them, and their errors count as retrieved.
  results,
  /// And they may refer to the waiter's locals: what decides the wait early cancels the others, and the
  /// waiter goes on only when all have ended. If its frame is destroyed meanwhile, theirs are destroyed
  /// first.
  structured,
};

/// Waits for several tasks; the part that does not depend on their types. Allocates nothing.
class ChildrenLeaf : public Leaf {
 public:
  CancelReply cancel(const CancelMessage& message) override;
  void pass_on_class(std::vector<TaskRec*>& targets) noexcept override;

 protected:
  class Child final : public DoneCallback {
   public:
    Child() = default;
    ~Child();

   private:
    friend class ChildrenLeaf;
    void after_done(TaskRec& task) noexcept override { owner_->child_ended(*this, task); }
    [[nodiscard]] WaitingTask waiting_task() const noexcept override { return {owner_->task(), owner_}; }
    ChildrenLeaf* owner_ = nullptr;
  };

  ChildrenLeaf(WaitKind kind, Until until, Claim claim) noexcept
      : Leaf(kind, this), until_(until), claim_(claim) {}
  ~ChildrenLeaf() = default;

  /// First thing in await_suspend: InvalidState when it was awaited before.
  void begin_once();
  void set_children(std::span<Child> children) noexcept { children_ = children; }
  void watch(Child& child, TaskRec& task);
  /// One tick after a child's end.
  virtual void child_ended(Child& child, TaskRec& task) noexcept;
  /// Those that have not ended, in the order of the arguments; false when there is none.
  bool cancel_rest(const CancelMessage& message) noexcept;
  void detach_all() noexcept;
  /// In await_resume: throws `Cancelled` if the wait was cancelled, or what the deciding child threw.
  void finish();
  /// The child that decided the wait before all had ended; null: none.
  [[nodiscard]] Child* decider() const noexcept { return decider_; }
  void decide(Child& child) noexcept { decider_ = &child; }
  [[nodiscard]] std::size_t index_of(const Child& child) const noexcept {
    return static_cast<std::size_t>(&child - children_.data());
  }
  [[nodiscard]] std::size_t pending() const noexcept { return pending_; }
  void one_ended() noexcept { --pending_; }

 private:
  std::exception_ptr target_cancel() noexcept override;
  [[nodiscard]] bool decides(const TaskRec& task) const noexcept;
  std::span<Child> children_;
  std::size_t pending_ = 0;  // watched and not ended
  Child* decider_ = nullptr;
  Until until_;
  Claim claim_;
  bool begun_ = false;
  bool passing_cancel_ = false;
  bool cancel_requested_ = false;
  CancelMessage message_;
};

/// What one can wait for together with others: a bare coroutine, a task, a task of any type.
template <class Source>
struct SourceTraits {
  static constexpr bool valid = false;
};
template <class T, class How>
struct SourceTraits<Task<T, How>> {
  static constexpr bool valid = true;
  static constexpr bool bare = true;
  using value_type = T;
  using Handle = JoinHandle<T>;
  static void check(const Task<T, How>& task) {
    if (!task.valid()) throw_no_coroutine();
  }
  static Handle start(Task<T, How>& task) { return spawn_borrowing(std::move(task)); }
};
template <class T>
struct SourceTraits<JoinHandle<T>> {
  static constexpr bool valid = true;
  static constexpr bool bare = false;
  using value_type = T;
  using Handle = JoinHandle<T>;
  static void check(const JoinHandle<T>&) {}
  static Handle start(const JoinHandle<T>& handle) { return handle; }
};
template <>
struct SourceTraits<TaskRef> {
  static constexpr bool valid = true;
  static constexpr bool bare = false;
  using Handle = TaskRef;
  static void check(const TaskRef&) {}
  static Handle start(const TaskRef& task) { return task; }
};

template <class Source>
inline constexpr bool is_bare = SourceTraits<Source>::bare;
template <class Source>
inline constexpr bool is_handle = SourceTraits<Source>::valid && !is_bare<Source>;
template <class Source>
using source_value_t = typename SourceTraits<Source>::value_type;
template <class Source>
using source_handle_t = typename SourceTraits<Source>::Handle;

/// What stands in an argument: itself, or what stands in a vector.
template <class Arg>
struct SourceIn {
  using type = Arg;
};
template <class Source>
struct SourceIn<std::vector<Source>> {
  using type = Source;
};
template <class Arg>
using source_in_t = typename SourceIn<std::remove_cvref_t<Arg>>::type;

/// One argument, and that a vector.
template <class... Args>
inline constexpr bool is_one_vector = false;
template <class Arg>
inline constexpr bool is_one_vector<Arg> = !std::is_same_v<std::remove_cvref_t<Arg>, source_in_t<Arg>>;

/// Advice at compile time. `Args` as they were deduced: references for lvalues.
template <class... Args>
constexpr void check_sources() {
  static_assert(sizeof...(Args) == 1 || !(... || is_one_vector<Args>), "give several tasks or one vector");
  static_assert(
      (... && SourceTraits<source_in_t<Args>>::valid),
      "give Tasks (f(x)) or JoinHandles (spawn(f, x)); a Future, a sleep or another awaitable needs a "
      "coroutine around it");
  if constexpr ((... && SourceTraits<source_in_t<Args>>::valid)) {
    static_assert(!(... || (std::is_lvalue_reference_v<Args> && is_bare<source_in_t<Args>>)),
                  "a Task is awaited once, so it is given away: std::move(task)");
    static_assert(
        (... && is_bare<source_in_t<Args>>) || (... && !is_bare<source_in_t<Args>>),
        "give all as Tasks, which are joined whatever happens, or all as JoinHandles, which are not");
  }
}

inline TaskRec& record_of(const TaskRef& task) {
  if (!task) throw InvalidState("this TaskRef refers to no task");
  return *task;
}
template <class T>
TaskRec& record_of(const JoinHandle<T>& handle) {
  return handle.state();
}

/// What a T arrives as, among others: nothing has no place in a tuple, a reference none in a variant.
template <class T>
struct Arrival {
  using type = T;
};
template <>
struct Arrival<void> {
  using type = std::monostate;
};
template <class T>
struct Arrival<T&> {
  using type = std::reference_wrapper<T>;
};
template <class T>
using arrival_t = typename Arrival<T>::type;

/// The end of a task for one who waited for it. A bare Task is ours alone: its value moves.
template <bool Owned, class T>
Outcome<T> arrived(JoinHandle<T>& handle) {
  if constexpr (Owned)
    return std::move(handle.state().kept());
  else
    return handle.state().share();
}
/// Its value, or what it threw.
template <bool Owned, class T>
arrival_t<T> arrival(JoinHandle<T>& handle) {
  if constexpr (std::is_void_v<T>) {
    handle.state().kept().get();
    return std::monostate();
  } else if constexpr (Owned || !copies<T>) {
    return arrival_t<T>(arrived<Owned>(handle).get());
  } else {
    return arrival_t<T>(std::as_const(handle.state().kept()).get());
  }
}

/// Starts and watches a fixed number of children.
template <class... Sources>
class TupleLeaf : public ChildrenLeaf {
 public:
  bool await_ready() const noexcept { return sizeof...(Sources) == 0; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    start(std::index_sequence_for<Sources...>());
    suspend(caller);
  }

 protected:
  static constexpr bool bare = (... && is_bare<Sources>);
  TupleLeaf(WaitKind kind, Until until, Sources... sources)
      : ChildrenLeaf(kind, until, bare ? Claim::structured : Claim::results),
        sources_(std::move(sources)...) {}
  ~TupleLeaf() = default;
  template <std::size_t I>
  [[nodiscard]] auto& handle() {
    return std::get<I>(*handles_);
  }

 private:
  template <std::size_t... I>
  void start(std::index_sequence<I...>) {
    begin_once();
    (SourceTraits<Sources>::check(std::get<I>(sources_)), ...);  // before any is started
    // Braces: in the order of the arguments. gcc evaluates those of a call from right to left.
    handles_ =
        std::tuple<source_handle_t<Sources>...>{SourceTraits<Sources>::start(std::get<I>(sources_))...};
    (check_awaitable(record_of(handle<I>())), ...);
    this->set_children(children_);
    (watch(children_[I], record_of(handle<I>())), ...);
  }
  std::tuple<Sources...> sources_;
  std::optional<std::tuple<source_handle_t<Sources>...>> handles_;
  std::array<Child, sizeof...(Sources)> children_;
};

/// Starts and watches any number of children.
template <class Source>
class VectorLeaf : public ChildrenLeaf {
 public:
  using Handle = source_handle_t<Source>;
  bool await_ready() const noexcept { return sources_.empty(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    start();
    suspend(caller);
  }

 protected:
  VectorLeaf(WaitKind kind, Until until, Claim claim, std::vector<Source> sources)
      : ChildrenLeaf(kind, until, claim), sources_(std::move(sources)) {}
  ~VectorLeaf() = default;
  void start() {
    begin_once();
    for (const auto& source : sources_) SourceTraits<Source>::check(source);  // before any is started
    handles_.reserve(sources_.size());
    for (auto& source : sources_) handles_.push_back(SourceTraits<Source>::start(source));
    for (const auto& handle : handles_) check_awaitable(record_of(handle));
    children_ = std::make_unique<Child[]>(handles_.size());
    set_children({children_.get(), handles_.size()});
    for (std::size_t i = 0; i < handles_.size(); ++i) watch(children_[i], record_of(handles_[i]));
  }
  [[nodiscard]] const std::vector<Source>& sources() const noexcept { return sources_; }
  [[nodiscard]] std::vector<Handle>& handles() noexcept { return handles_; }

 private:
  std::vector<Source> sources_;
  std::vector<Handle> handles_;
  std::unique_ptr<Child[]> children_;
};

}  // namespace coterie::detail
