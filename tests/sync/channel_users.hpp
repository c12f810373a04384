#pragma once

// The two sides of a channel as the bodies of tasks, for its tests.

#include <optional>
#include <vector>

#include "coterie/coterie.hpp"

namespace coterie::test {

template <class How>
Task<void, How> send(Channel<int>& channel, int item) {
  co_await channel.send(item);
}
template <class How>
Task<std::optional<int>, How> receive(Channel<int>& channel) {
  co_return co_await channel.receive();
}
template <class How>
Task<std::vector<int>, How> receive_all(Channel<int>& channel) {
  std::vector<int> items;
  while (std::optional<int> item = co_await channel.receive()) items.push_back(*item);
  co_return items;
}

}  // namespace coterie::test
