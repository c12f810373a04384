#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/brokers/redis_key_walk.hpp"

namespace broker_suite {

/// What must hold in the keys between any two scripts, looked at from outside. The broker may be open or
/// closed.
inline void expect_sound_keys(const std::vector<std::string>& servers,
                              const std::string& name_space = "coterie") {
  for (const KeyFinding& finding : walk_keys(read_keys(servers, name_space))) ADD_FAILURE() << finding.text;
}

/// What must hold also where a script failed midway, and nobody said it again: nothing is lost.
inline void expect_nothing_lost_in_keys(const std::string& server) {
  for (const KeyFinding& finding : walk_keys(read_keys({server}, "coterie")))
    if (finding.kind == KeyFinding::Kind::wrong) ADD_FAILURE() << finding.text;
}

}  // namespace broker_suite
