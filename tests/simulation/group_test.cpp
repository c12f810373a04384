#include "coterie/group.hpp"

#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

struct Failure : std::runtime_error {
  Failure() : std::runtime_error("failure") {}
};

struct Family {
  int children = 0;          // that have not ended
  std::size_t failures = 0;  // thrown by children and the body
};

Task<void> child(SeededLoop& seeded, Family& family) {
  Random& random = seeded.random();
  const Inside alive(family.children);
  Outcome<void> end = co_await outcome(linger(random));
  if (random.one_in(6)) co_await linger(random);  // slow to end, or deaf
  if (random.one_in(4)) {
    ++family.failures;
    throw Failure();
  }
  std::move(end).get();
}

template <class How>
Task<void, How> body(SeededLoop& seeded, Family& family, TaskGroup& group) {
  Random& random = seeded.random();
  for (std::uint64_t left = random.below(4); left > 0; --left) {
    try {
      auto one = group.spawn(child, std::ref(seeded), std::ref(family));
      if (random.one_in(2)) (void)seeded.subject(std::move(one));
    } catch (const InvalidState&) {  // it is shutting down
    }
    if (random.one_in(3)) co_await linger(random);
  }
  if (random.one_in(8)) group.cancel();
  co_await linger(random);
  if (random.one_in(8)) {
    ++family.failures;
    throw Failure();
  }
}

Task<void> one_group(SeededLoop& seeded) {
  Family family;
  TaskRec& self = EventLoop::require_task();
  const std::uint32_t cancels_before = cancels_of_this_task(seeded);
  auto catches = [&](TaskGroup& group) { return body<catching>(seeded, family, group); };
  auto dies = [&](TaskGroup& group) { return body<no_catch>(seeded, family, group); };
  Outcome<void> end;
  if (seeded.random().one_in(2))
    end = co_await outcome(task_group(catches));
  else
    end = co_await outcome(task_group(dies));
  EXPECT_EQ(family.children, 0) << "a child outlived its group";
  const std::uint32_t cancels = cancels_of_this_task(seeded);
  EXPECT_EQ(self.cancelling(), cancels) << "the group's own request stays, or took another along";
  if (end.cancelled()) {
    EXPECT_EQ(family.failures, 0U) << "a cancel hides an error";
    EXPECT_GT(cancels, 0U) << "cancelled by nobody";
    std::move(end).get();
  }
  if (end.has_value()) {
    EXPECT_EQ(family.failures, 0U) << "an error is lost";
    EXPECT_EQ(cancels, cancels_before) << "a cancel from outside is lost";
  } else {
    try {
      std::move(end).get();
    } catch (const ExceptionGroup& errors) {
      EXPECT_EQ(errors.errors().size(), family.failures);
    }
  }
  const bool armed = family.failures > 0 && cancels > 0;
  Outcome<void> next = co_await outcome(yield());
  EXPECT_TRUE(next.cancelled() || !armed) << "the cancel from outside was lost to the errors";
  EXPECT_TRUE(!next.cancelled() || cancels_of_this_task(seeded) > 0)
      << "cancelled by nobody, after the group";
  std::move(next).get();
}

Task<void> work(SeededLoop& seeded) {
  co_await rounds(seeded, [&]<class How>() { return one_group(seeded); });
}

COTERIE_SEEDED_TEST(TaskGroupSimulation, EveryChildEndsAndNoErrorOrCancelIsLost, seeds) {
  Tasks tasks;
  for (std::uint64_t left = 1 + seeded.random().below(2); left > 0; --left)
    tasks.push_back(seeded.subject(spawn(work, std::ref(seeded))));
  co_await all_end(seeded, tasks);
  EXPECT_EQ(seeded.loop().task_count(), 1U) << "a task is left besides main";
}

}  // namespace
}  // namespace coterie::simulation
