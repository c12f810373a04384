#pragma once
#include <type_traits>
#include <utility>
#include <vector>

#include "coterie/core/children.hpp"
#include "coterie/outcome.hpp"
#include "coterie/spawn.hpp"
#include "coterie/task.hpp"

namespace coterie {
namespace detail {

/// The values of several (`Outcomes` false: the first failure decides), or how each of them ended.
template <bool Outcomes>
inline constexpr Until gather_until = Outcomes ? Until::all_ended : Until::first_failure;

template <bool Outcomes, bool Owned, class T>
auto gathered(JoinHandle<T>& handle) {
  if constexpr (!Outcomes)
    return arrival<Owned>(handle);
  else
    return arrived<Owned>(handle);
}

/// Before the first value moves out: InvalidState for one that was moved out before costs the others nothing.
template <bool Owned, class T>
void check_kept(JoinHandle<T>& handle) {
  if constexpr (!Owned && !copies<T>) (void)handle.state().kept();
}

template <bool Outcomes, class... Sources>
class [[nodiscard("a gather starts nothing until it is awaited: co_await it")]] GatherTuple final
    : public TupleLeaf<Sources...> {
 public:
  explicit GatherTuple(Sources... sources)
      : TupleLeaf<Sources...>(WaitKind::gather, gather_until<Outcomes>, std::move(sources)...) {}
  auto await_resume() {
    this->finish();
    check(std::index_sequence_for<Sources...>());
    return take(std::index_sequence_for<Sources...>());
  }

 private:
  template <std::size_t... I>
  void check(std::index_sequence<I...>) {
    (check_kept<is_bare<Sources>>(this->template handle<I>()), ...);
  }
  template <std::size_t... I>
  auto take(std::index_sequence<I...>) {
    return std::tuple<decltype(gathered<Outcomes, is_bare<Sources>>(this->template handle<I>()))...>{
        gathered<Outcomes, is_bare<Sources>>(this->template handle<I>())...};
  }
};

template <bool Outcomes, class Source>
class [[nodiscard("a gather starts nothing until it is awaited: co_await it")]] GatherVector final
    : public VectorLeaf<Source> {
  using T = source_value_t<Source>;
  using Result = std::conditional_t<Outcomes, Outcome<T>, arrival_t<T>>;

 public:
  explicit GatherVector(std::vector<Source> sources)
      : VectorLeaf<Source>(WaitKind::gather, gather_until<Outcomes>,
                           is_bare<Source> ? Claim::structured : Claim::results, std::move(sources)) {}
  std::vector<Result> await_resume() {
    this->finish();
    for (auto& handle : this->handles()) check_kept<is_bare<Source>>(handle);
    std::vector<Result> results;
    results.reserve(this->handles().size());
    for (auto& handle : this->handles()) results.push_back(gathered<Outcomes, is_bare<Source>>(handle));
    return results;
  }
};

template <bool Outcomes, class... Sources>
auto make_gather(Sources&&... sources) {
  check_sources<Sources...>();
  if constexpr (is_one_vector<Sources...>)
    return GatherVector<Outcomes, typename std::remove_cvref_t<Sources>::value_type...>(
        std::forward<Sources>(sources)...);
  else
    return GatherTuple<Outcomes, std::remove_cvref_t<Sources>...>(std::forward<Sources>(sources)...);
}

}  // namespace detail

/// Runs several at once and gives their values in the order of the arguments: a tuple (std::monostate for
/// void, std::reference_wrapper for references), or a vector for a vector.
///
/// Bare Tasks are structured: they start when this is awaited; at the first failure the others are cancelled,
/// and it is thrown when all have ended; so they may refer to the caller's locals. JoinHandles are as in
/// asyncio.gather: the first failure is thrown at once, the others run on, and what they throw later is not
/// reported. A cancelled child has failed with `Cancelled`. A cancel of the awaiter cancels every child; when
/// they have ended `Cancelled` is thrown, whatever they answered. Values of handles are copied, as a handle
/// may have other owners; a value that cannot be copied moves out, once. InvalidState for a handle of the
/// awaiting task itself or of another loop, and where one gather is awaited twice. (asyncio.gather,
/// CPython 3.14)
template <class... Sources>
[[nodiscard]] auto gather(Sources&&... sources) {
  return detail::make_gather<false>(std::forward<Sources>(sources)...);
}
/// The same, but waits for all and gives an Outcome for each: failures of children are values. A cancel of
/// the awaiter still throws. (asyncio.gather with return_exceptions=True)
template <class... Sources>
[[nodiscard]] auto gather_outcomes(Sources&&... sources) {
  return detail::make_gather<true>(std::forward<Sources>(sources)...);
}
/// gather_outcomes() by the name that JavaScript gave it.
template <class... Sources>
[[nodiscard]] auto all_settled(Sources&&... sources) {
  return detail::make_gather<true>(std::forward<Sources>(sources)...);
}

}  // namespace coterie
