#pragma once
#include <memory>
#include <string>
#include <utility>

#include "coterie/sched/priority.hpp"
#include "sched/support.hpp"

namespace coterie::test {

inline constexpr SchedClass low = -5;
inline constexpr SchedClass middle = 0;
inline constexpr SchedClass high = 5;

/// Runs `body()` as the most urgent task of all, so that it goes on when it can.
template <class Body>
void run_by_priority(Body body, PriorityOptions options = PriorityOptions()) {
  run_under(std::make_unique<PriorityPolicy>(options), [&body]() -> Task<void> {
    auto main = spawn(at(PriorityPolicy::highest), std::ref(body));
    co_await main;
  });
}

/// So many steps, each written down.
inline Task<void> steps(std::string& log, char name, int count) {
  for (int i = 0; i < count; ++i) {
    log += name;
    co_await yield();
  }
}

inline Task<void> join(JoinHandle<void> task) {
  co_await task;
}

}  // namespace coterie::test
