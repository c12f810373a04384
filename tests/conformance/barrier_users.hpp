#pragma once

// Who waits at a barrier, for its tests.

#include <string>
#include <vector>

#include "support/runtime.hpp"

namespace coterie::test {

template <class How>
Task<void, How> pass(Barrier& barrier, std::vector<std::size_t>& indices) {
  std::size_t index = co_await barrier.wait();
  indices.push_back(index);
}
/// How the waits of the tasks ended.
inline Task<std::vector<std::string>> ends_of(std::vector<JoinHandle<void>>& tasks) {
  std::vector<std::string> ends;
  for (auto& task : tasks) {
    std::string end = co_await end_of(task);
    ends.push_back(end.starts_with("the barrier was") ? "broken" : end);
  }
  co_return ends;
}

}  // namespace coterie::test
