#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "coterie/debug/stack.hpp"
#include "src/debug/memory.hpp"

namespace coterie::debug {

/// How much a walk believes at most, of memory that may be torn or garbage.
struct WalkLimits {
  std::size_t loops = 1'000;
  std::size_t tasks = 1'000'000;
  std::size_t frames = 10'000;  // of a task
  std::size_t all_frames = 4'000'000;
  std::size_t text = 1'000;  // bytes of a name
  WalkLimits() = default;
};

/// The loops that a debug block lists, read without their help: `synchronised` is false, and what could not
/// be read is said in `problem`. Who awaits a task is known where the awaiter waits for that task alone.
///
/// `only`: the address of one loop; 0: all. `problem` gets what is wrong with the block itself.
[[nodiscard]] std::vector<LoopSnapshot> walk(Memory& memory, std::uint64_t block, std::string& problem,
                                             std::uint64_t only = 0, const WalkLimits& limits = WalkLimits());

}  // namespace coterie::debug
