#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "src/brokers/redis/routing.hpp"
#include "src/queue/clock.hpp"

namespace coterie::brokers::redis {

/// A shard to be visited in a call, and how many jobs to take there.
struct Visit {
  std::uint32_t shard = 0;
  std::uint32_t want = 0;
  Visit(std::uint32_t at, std::uint32_t jobs) : shard(at), want(jobs) {}
};

/// What one worker knows of the shards, and so where it goes: no I/O, and no clock but what it is told.
///
/// At a shard where it has found less than it wanted it is *asleep*: written down there, and told when there
/// is something. All others may have something for it: those that it has not been at, where it got all that
/// it asked for, or of which it was told. It goes there as long as it wants something, to its homes first
/// (see homes_of), and once in a while, in turn, to one that is nobody's business of its own: so a shard
/// whose own workers cannot run its jobs is served, too.
///
/// While all is quiet, it makes one call in each two fifths of its lease: in turn it says that it lives,
/// looks after its homes, says again at one more shard that it sleeps there.
class Itinerary {
 public:
  explicit Itinerary(std::uint32_t shards);

  /// What a call is to do before any shard has answered.
  struct Call {
    std::vector<bool> settles;   ///< shards for which it has something
    std::vector<bool> told;      ///< shards of which the worker was told since its last call
    bool everywhere = false;     ///< it cannot be told, or is new: nothing is known of any shard
    bool said_it_lives = false;  ///< just now
    std::uint32_t want = 0;
    std::uint32_t width = 1;  ///< shards to take from at once at most
    queue::Milliseconds now{0};
    queue::Milliseconds lease{0};
    Call() = default;
  };
  /// The shards to go to first.
  [[nodiscard]] std::vector<Visit> begin(const Call& call);
  /// Where to go on for what is still wanted; none: nowhere.
  [[nodiscard]] std::vector<Visit> go_on(std::uint32_t want, std::uint32_t width);

  /// So that a repetition goes there, too.
  void add_to_plan(const std::vector<Visit>& visits);

  /// What a visit has shown.
  struct Seen {
    std::uint32_t wanted = 0;
    std::uint32_t got = 0;
    bool asleep = false;
    bool repeated = false;
    std::uint64_t suspects = 0;
    std::uint64_t version = 0;
    std::optional<queue::Milliseconds> due_in;  ///< until somebody must look there
    Seen() = default;
  };
  void note(std::uint32_t shard, const Seen& seen, queue::Milliseconds now);

  /// How long a place among a shard's sleepers is good for: until the worker comes by again.
  [[nodiscard]] queue::Milliseconds place_for(queue::Milliseconds lease) const;

  /// It is time to say again that the worker lives.
  [[nodiscard]] bool must_say_it_lives(queue::Milliseconds now, queue::Milliseconds lease) const;
  void settle_at(std::uint64_t rank, std::uint64_t workers, queue::Milliseconds now);
  [[nodiscard]] static queue::Milliseconds lives_for(queue::Milliseconds lease) { return lease * 5 / 4; }

  /// Something may have become ready there since its visit.
  void reopen(std::uint32_t shard) { stands_.at(shard).closed = stands_.at(shard).asleep = false; }

  [[nodiscard]] std::uint64_t suspects() const noexcept;
  [[nodiscard]] std::uint64_t suspects_at(std::uint32_t shard) const { return stands_.at(shard).suspects; }
  [[nodiscard]] std::uint64_t version() const noexcept;
  [[nodiscard]] std::optional<queue::Milliseconds> due() const noexcept;

  std::uint64_t seq = 0;             ///< of the last call; 0: none yet
  std::vector<Visit> plan;           ///< where that one has been, each shard once
  queue::UnixMillis broker_now = 0;  ///< as a shard said last, which was…
  queue::Milliseconds heard_at{0};   ///< …then
  queue::Milliseconds used{0};

 private:
  struct Stand {
    bool asleep = false;
    bool closed = false;  // in this call
    queue::Milliseconds place_ends{0};
    std::optional<queue::Milliseconds> due;
    std::uint64_t suspects = 0;
    std::uint64_t version = 0;
    std::uint64_t taken = 0;  // number of the newest visit that wanted something
  };
  [[nodiscard]] std::vector<std::uint32_t> hungry(bool homes) const;
  [[nodiscard]] std::vector<std::uint32_t> first_takes(const Call& call, const std::vector<bool>& must);
  [[nodiscard]] bool is_home(std::uint32_t shard) const;
  void quiet_visits(std::vector<bool>& must);
  static std::vector<Visit> share(const std::vector<std::uint32_t>& shards, std::uint32_t want,
                                  std::uint32_t width);

  std::vector<Stand> stands_;
  std::vector<std::uint32_t> homes_;
  std::optional<queue::Milliseconds> lived_at_;
  queue::Milliseconds guest_at_{0};
  std::uint32_t guest_ = 0;  // the last one
  queue::Milliseconds lease_{0};
  std::uint64_t takes_ = 0;  // visits that wanted something
  std::uint32_t quiet_ = 0;  // quiet calls so far
};

}  // namespace coterie::brokers::redis
