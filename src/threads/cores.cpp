#include "coterie/threads/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace coterie {

std::size_t usable_cores() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool told = sched_getaffinity(0, sizeof allowed, &allowed) == 0;  // not with more than 1024 cores
  return std::max<std::size_t>(
      1, told ? static_cast<std::size_t>(CPU_COUNT(&allowed)) : std::thread::hardware_concurrency());
}

}  // namespace coterie
