#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "coterie/queue/doctor.hpp"

namespace broker_suite {

/// What a doctor found at one of its checks, which must be there once.
inline coterie::queue::Finding finding(const coterie::queue::Diagnosis& diagnosis, const std::string& check) {
  std::vector<coterie::queue::Finding> found;
  for (const coterie::queue::Finding& each : diagnosis.findings)
    if (each.check == check) found.push_back(each);
  if (found.size() != 1) throw std::runtime_error(std::to_string(found.size()) + " findings about " + check);
  return found[0];
}

}  // namespace broker_suite
