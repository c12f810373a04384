#pragma once
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "coterie/core/children.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/exception_group.hpp"
#include "coterie/sleep.hpp"

namespace coterie {

/// Who won a race, and with what (std::monostate for void, std::reference_wrapper for references).
template <class T>
class RaceWinner {
 public:
  RaceWinner(std::size_t winner, T result) : index(winner), value(std::move(result)) {}
  std::size_t index;  ///< counts from 0, in the order of the arguments
  T value;
};

namespace detail {

template <class... Sources>
class [[nodiscard("a race starts nothing until it is awaited: co_await it")]] RaceTuple final
    : public TupleLeaf<Sources...> {
  using Result = std::variant<arrival_t<source_value_t<Sources>>...>;

 public:
  explicit RaceTuple(Sources... sources)
      : TupleLeaf<Sources...>(WaitKind::race, Until::first_end, std::move(sources)...) {}
  Result await_resume() {
    this->finish();
    return take(this->index_of(*this->decider()), std::index_sequence_for<Sources...>());
  }

 private:
  template <std::size_t... I>
  Result take(std::size_t winner, std::index_sequence<I...>) {
    std::optional<Result> result;
    auto take_one = [&]<std::size_t Index>(std::integral_constant<std::size_t, Index>) {
      if (winner == Index)
        result.emplace(std::in_place_index<Index>, arrival<true>(this->template handle<Index>()));
    };
    (take_one(std::integral_constant<std::size_t, I>()), ...);
    return *std::move(result);
  }
};

template <class Source>
class [[nodiscard("a race starts nothing until it is awaited: co_await it")]] RaceVector final
    : public VectorLeaf<Source> {
  using Value = arrival_t<source_value_t<Source>>;

 public:
  explicit RaceVector(std::vector<Source> sources)
      : VectorLeaf<Source>(WaitKind::race, Until::first_end, Claim::structured, std::move(sources)) {
    if (this->sources().empty()) throw std::invalid_argument("race(): give one Task at least");
  }
  RaceWinner<Value> await_resume() {
    this->finish();
    const std::size_t winner = this->index_of(*this->decider());
    return RaceWinner<Value>(winner, arrival<true>(this->handles()[winner]));
  }
};

/// Attempts that start one after the other; the part that does not depend on their type.
///
///     start 0 ──┬─ delay over, or 0 failed ──▶ start 1 ──┬─ … ──▶ the last one is running
///               └─ a value: winner; the others are cancelled and joined, no more are started
class StaggeredLeaf : public ChildrenLeaf, private Timer {
 public:
  CancelReply cancel(const CancelMessage& message) override;

 protected:
  explicit StaggeredLeaf(Duration delay) noexcept
      : ChildrenLeaf(WaitKind::race, Until::all_ended, Claim::structured), delay_(delay) {}
  ~StaggeredLeaf() { stop_starting(); }
  /// In await_suspend; the first attempt starts.
  void begin(std::span<Child> attempts);
  /// In await_resume: the winner's index; throws when there is none.
  [[nodiscard]] std::size_t winner();
  virtual TaskRec& start_attempt(std::size_t index) = 0;

 private:
  void child_ended(Child& child, TaskRec& task) noexcept override;
  void run() noexcept override;
  void start_next();
  void stop_starting() noexcept;
  Duration delay_;
  std::span<Child> attempts_;
  std::size_t started_ = 0;
};

template <class Source>
class [[nodiscard("a race starts nothing until it is awaited: co_await it")]] StaggeredRace final
    : public StaggeredLeaf {
  using T = source_value_t<Source>;

 public:
  StaggeredRace(Duration delay, std::vector<Source> sources)
      : StaggeredLeaf(delay), sources_(std::move(sources)) {
    if (sources_.empty()) throw std::invalid_argument("staggered_race(): give one Task at least");
    for (const auto& source : sources_) SourceTraits<Source>::check(source);
  }
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    handles_.reserve(sources_.size());
    attempts_ = std::make_unique<Child[]>(sources_.size());
    begin({attempts_.get(), sources_.size()});
    suspend(caller);
  }
  RaceWinner<arrival_t<T>> await_resume() {
    const std::size_t index = winner();
    return RaceWinner<arrival_t<T>>(index, arrival<true>(handles_[index]));
  }

 private:
  TaskRec& start_attempt(std::size_t index) override {
    handles_.push_back(SourceTraits<Source>::start(sources_[index]));
    return handles_.back().state();
  }
  std::vector<Source> sources_;
  std::vector<JoinHandle<T>> handles_;
  std::unique_ptr<Child[]> attempts_;
};

template <class... Args>
constexpr void check_racers() {
  static_assert(sizeof...(Args) > 0, "give one Task at least");
  check_sources<Args...>();
  if constexpr ((... && SourceTraits<source_in_t<Args>>::valid))
    static_assert(
        (... && is_bare<source_in_t<Args>>),
        "a race cancels and joins the losers, so it takes Tasks: race(f(x), g()); for handles there is "
        "wait(ReturnWhen::first_completed, a, b)");
}

}  // namespace detail

/// Runs several Tasks at once; the first that ends decides, by its value or by what it throws; the others are
/// cancelled, and when all have ended the race is over. So they may refer to the caller's locals, and the
/// race lasts as long as the slowest cleanup. Values that losers answer the cancel with are dropped.
///
/// Several arguments give a std::variant, whose index() tells the winner; a vector gives a RaceWinner. A
/// cancel of the awaiter cancels all; when they have ended `Cancelled` is thrown. For the first *success* see
/// staggered_race().
template <class... Tasks>
[[nodiscard]] auto race(Tasks&&... tasks) {
  detail::check_racers<Tasks...>();
  if constexpr (detail::is_one_vector<Tasks...>)
    return detail::RaceVector<detail::source_in_t<Tasks>...>(std::forward<Tasks>(tasks)...);
  else
    return detail::RaceTuple<std::remove_cvref_t<Tasks>...>(std::forward<Tasks>(tasks)...);
}

/// Attempts at the same thing, each started when the one before has failed or `delay` has passed since its
/// start, whichever is first: happy eyeballs (RFC 8305). The first value wins; the others are cancelled and
/// joined, those that have not started never run. When every attempt has failed, their errors are thrown as
/// an ExceptionGroup, in the order of the attempts. A cancel of the awaiter starts nothing more, cancels what
/// runs, and `Cancelled` is thrown when that has ended. The attempts may refer to the caller's locals.
/// (asyncio.staggered.staggered_race, CPython 3.14)
template <class Rep, class Period, class Vector>
[[nodiscard]] auto staggered_race(std::chrono::duration<Rep, Period> delay, Vector&& attempts) {
  static_assert(detail::is_one_vector<Vector>, "give the attempts as a std::vector<Task<T>>");
  detail::check_racers<Vector>();
  return detail::StaggeredRace<detail::source_in_t<Vector>>(detail::to_duration(delay),
                                                            std::forward<Vector>(attempts));
}

}  // namespace coterie
