#include "src/debug/ages.hpp"

#include <algorithm>

namespace coterie::debug {
namespace {
constexpr std::size_t most_notes = 8192;
}

void Ages::note(TimePoint now, std::uint64_t newest_id) {
  if (!notes_.empty() && notes_.back().newest_id == newest_id) return;  // nobody is younger
  if (notes_.size() == most_notes) {  // what is long past need not be known so well
    std::size_t kept = 0;
    for (std::size_t i = 0; i < most_notes / 2; i += 2) notes_[kept++] = notes_[i];
    notes_.erase(notes_.begin() + static_cast<std::ptrdiff_t>(kept),
                 notes_.begin() + static_cast<std::ptrdiff_t>(most_notes / 2));
  }
  notes_.push_back({now, newest_id});
}

Duration Ages::at_least(std::uint64_t id, TimePoint now) const {
  const auto first = std::lower_bound(notes_.begin(), notes_.end(), id,
                                      [](const Note& note, std::uint64_t of) { return note.newest_id < of; });
  return first == notes_.end() ? Duration::zero() : std::max(now - first->at, Duration::zero());
}

}  // namespace coterie::debug
