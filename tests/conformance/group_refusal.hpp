#pragma once

// Why a group takes no child, for the tests of TaskGroup.

#include <string>
#include <utility>

#include "coterie/group.hpp"

namespace coterie::test {

/// What the group says to a child that is given `argument`.
template <class Argument>
std::string refusal(TaskGroup& group, Argument argument) {
  try {
    group.spawn([](Argument) -> Task<void> { co_return; }, std::move(argument));
  } catch (const InvalidState& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace coterie::test
