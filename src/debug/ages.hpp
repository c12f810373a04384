#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "coterie/poller.hpp"

namespace coterie::debug {

/// How old tasks are, at a clock's look a second for all of them: ids are given in the order of spawning, so
/// what the newest id was at some moment says of every task whether it is older than that.
class Ages {
 public:
  void note(TimePoint now, std::uint64_t newest_id);
  /// It is at least so old; not older by more than the distance of two notes, or a hundredth of its age.
  [[nodiscard]] Duration at_least(std::uint64_t id, TimePoint now) const;

 private:
  void thin_out(TimePoint now);
  struct Note {
    TimePoint at;
    std::uint64_t newest_id;
  };
  std::vector<Note> notes_;
};

}  // namespace coterie::debug
