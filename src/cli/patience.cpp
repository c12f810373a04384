#include "src/cli/patience.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "coterie/queue/errors.hpp"
#include "coterie/sleep.hpp"

namespace coterie::cli {
namespace {

constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{5000};

}  // namespace

Task<void> until_answered(std::function<Task<void>()> step, std::function<void(const std::string&)> warn) {
  std::chrono::milliseconds pause = first_pause;
  for (bool warned = false;;) {
    try {
      co_await step();
      co_return;
    } catch (const queue::BrokerUnavailable& error) {
      if (!std::exchange(warned, true))
        warn(std::string("the broker does not answer, trying again: ") + error.what());
    }
    co_await sleep(pause);
    pause = std::min(pause * 2, longest_pause);
  }
}

}  // namespace coterie::cli
