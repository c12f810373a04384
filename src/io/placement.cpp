#include "coterie/placement.hpp"

#include <limits>
#include <stdexcept>

#include "coterie/runtime.hpp"

namespace coterie {
namespace {

/// Each bit of the value changes half of those of the result (the end of splitmix64): std::hash of a number
/// is that number.
std::uint64_t mixed(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

/// Of the loops that serve the one with the least, of equals the first; 0 when none does, where LoopClosed is
/// the answer. Each is asked once: others change their answers meanwhile.
template <class Measure>
std::size_t least_of(const Runtime& runtime, Measure measure) {
  std::size_t best = 0;
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t i = 0; i < runtime.size(); ++i) {
    if (!runtime.serves(i)) continue;
    const std::uint64_t its = measure(i);
    if (its >= least) continue;
    best = i;
    least = its;
  }
  return best;
}

}  // namespace

std::size_t Placement::LeastLoaded::choose(const Runtime& runtime) const {
  return least_of(runtime, [&runtime](std::size_t i) { return runtime.load(i); });
}

std::size_t Placement::ByKey::choose(const Runtime& runtime) const {
  return least_of(runtime, [this](std::size_t i) { return mixed(hash_ ^ mixed(i)); });
}

std::size_t Placement::Here::choose(const Runtime& runtime) const {
  if (const auto index = runtime.here()) return *index;
  throw std::logic_error(
      "Placement::here() outside of this Runtime's loops: say least_loaded() or by_key() there");
}

}  // namespace coterie
