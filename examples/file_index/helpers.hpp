#pragma once
#include <string>

#include "coterie/coterie.hpp"
#include "options.hpp"

namespace file_index {

/// Another process of this program that works on the same run, from its start to its end. One that dies costs
/// nothing: what it had in hand is given to the others.
coterie::Task<void> run_helper(Options options, std::string run);

}  // namespace file_index
