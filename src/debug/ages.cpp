#include "src/debug/ages.hpp"

#include <algorithm>

namespace coterie::debug {
namespace {
constexpr std::size_t most_notes = 8192;
constexpr int fraction = 512;
}  // namespace

void Ages::note(TimePoint now, std::uint64_t newest_id) {
  if (!notes_.empty() && notes_.back().newest_id == newest_id) return;  // nobody is younger
  if (notes_.size() == most_notes) thin_out(now);
  notes_.push_back({now, newest_id});
}

/// What is long past need not be known to a second: of those that are closer than a fraction of their age one
/// is kept. What is left grows with the logarithm of the time.
void Ages::thin_out(TimePoint now) {
  std::size_t kept = 1;
  for (std::size_t i = 1; i < notes_.size(); ++i)
    if (notes_[i].at - notes_[kept - 1].at >= (now - notes_[i].at) / fraction) notes_[kept++] = notes_[i];
  notes_.resize(kept);
}

Duration Ages::at_least(std::uint64_t id, TimePoint now) const {
  const auto first = std::lower_bound(notes_.begin(), notes_.end(), id,
                                      [](const Note& note, std::uint64_t of) { return note.newest_id < of; });
  return first == notes_.end() ? Duration::zero() : std::max(now - first->at, Duration::zero());
}

}  // namespace coterie::debug
