#pragma once
#include "coterie/coterie.hpp"

namespace file_index {

/// Runs the task; a group of nothing but the broker's troubles is thrown as one of them.
int run_unwrapped(coterie::Task<int> task);

}  // namespace file_index
