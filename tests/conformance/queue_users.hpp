#pragma once

// Tasks that use a Queue, for its tests.

#include "coterie/sync/queue.hpp"

namespace coterie::test {

template <class How>
Task<int, How> get(Queue<int>& queue) {
  co_return co_await queue.get();
}
template <class How>
Task<void, How> put(Queue<int>& queue, int item) {
  co_await queue.put(item);
}

}  // namespace coterie::test
