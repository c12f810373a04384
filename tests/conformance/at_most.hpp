#pragma once

// wait_for() as the body of a task, for its tests.

#include <utility>

#include "coterie/timeout.hpp"

namespace coterie::test {

/// Awaits `inner` for at most `limit`, and has no more to say about it.
template <class Co, class Inner>
Co at_most(Duration limit, Inner inner) {
  co_await wait_for(limit, std::move(inner));
}

}  // namespace coterie::test
