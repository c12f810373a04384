#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/queue/validate.hpp"

/// What the memory broker keeps. Nothing in here locks: the store's mutex guards all of it.
namespace coterie::brokers::memory {

using queue::Backoff;
using queue::JobError;
using queue::JobId;
using queue::JobState;
using queue::LeaseRef;
using queue::Milliseconds;
using queue::UnixMillis;
using queue::Verdict;

/// A record's place in the pool; also the `hint` of its leases, less one.
using Slot = std::uint32_t;
inline constexpr Slot no_slot = 0xFFFF'FFFF;

/// One incarnation of a worker, and the reply to its newest call for the case that it asks again.
struct Worker {
  queue::WorkerRef ref;
  bool elsewhere = false;  ///< another process than this one: it can vanish without this store
  std::uint64_t last_seq = 0;
  UnixMillis last_call = 0;
  struct Reply {
    std::vector<Verdict> done, failed, alive;
    std::vector<JobId> cancel;
    std::vector<LeaseRef> leases;
  } reply;
};

struct Failures {
  JobError last;
  std::vector<queue::Attempt> attempts;
};

/// What most jobs have no need of.
struct Rare {
  Backoff backoff;
  queue::Headers headers;
  std::unique_ptr<Failures> failures;
  double progress = 0;
  std::string note;
};

struct Stream;

struct Record {
  JobId id;
  Stream* stream = nullptr;  ///< of its queue and name
  std::string payload;
  std::string result;
  std::unique_ptr<Rare> rare;
  std::shared_ptr<Worker> worker;   ///< who has it, or had it last
  std::uint64_t order = 0;          ///< of creation, from 1
  std::uint64_t place = 0;          ///< in the order of becoming ready, of all jobs
  std::uint64_t token = 0;          ///< of the newest lease
  std::uint64_t settled_token = 0;  ///< of the newest lease that was acknowledged
  UnixMillis created_at = 0;
  UnixMillis run_at = 0;
  UnixMillis expires_at = 0;
  UnixMillis started_at = 0;
  UnixMillis finished_at = 0;
  Milliseconds timeout{0};
  Milliseconds result_ttl{0};
  std::uint32_t attempt = 0;
  std::uint32_t max_attempts = 1;
  std::uint32_t crashes = 0;
  std::uint32_t alone_crashes = 0;
  std::uint32_t max_crashes = 0;
  std::uint32_t waits_for = 0;
  std::uint32_t queue = 0;  ///< index of its queue
  std::uint32_t generation =
      0;  ///< how often this slot was given to a job: an edge to an earlier one is void
  std::uint32_t edges = no_slot;  ///< the newest of its list of dependents
  std::uint32_t timer = no_slot;  ///< place in the heap that belongs to its state
  Slot previous = no_slot;        ///< in its line of ready jobs
  Slot next = no_slot;
  std::int16_t priority = 0;
  JobState state = JobState::blocked;
  bool cancel_requested : 1 = false;
  bool started : 1 = false;       ///< the lease was reported started
  bool alone : 1 = false;         ///< the lease was given to a worker that runs nothing else
  bool lost_before : 1 = false;   ///< a lease of this attempt was lost with its worker
  bool settled_done : 1 = false;  ///< that acknowledgement was `done`
  bool in_line : 1 = false;       ///< it stands in a line of ready jobs

  Rare& need_rare() {
    if (!rare) rare = std::make_unique<Rare>();
    return *rare;
  }
  [[nodiscard]] bool is_suspect() const { return queue::is_suspect(crashes, max_crashes); }
  /// `expires_at` counts until an attempt has been spent on it.
  [[nodiscard]] bool may_expire() const { return expires_at != 0 && attempt == 0 && crashes == 0; }
};

/// Records at addresses that never move, in slabs; freed slots are used again, last freed first.
class Pool {
 public:
  Record& operator[](Slot slot) { return slabs_[slot >> slab_bits][slot & (slab_size - 1)]; }
  const Record& operator[](Slot slot) const { return slabs_[slot >> slab_bits][slot & (slab_size - 1)]; }
  [[nodiscard]] bool holds(std::uint64_t slot) const noexcept { return slot < used_; }

  Slot take() {
    if (!free_.empty()) {
      const Slot slot = free_.back();
      free_.pop_back();
      return slot;
    }
    if ((used_ & (slab_size - 1)) == 0) slabs_.push_back(std::make_unique<Record[]>(slab_size));
    return used_++;
  }
  void give_back(Slot slot) {
    const std::uint32_t generation = (*this)[slot].generation + 1;
    (*this)[slot] = Record{};
    (*this)[slot].generation = generation;
    free_.push_back(slot);
  }

 private:
  static constexpr unsigned slab_bits = 8;
  static constexpr Slot slab_size = Slot{1} << slab_bits;
  std::vector<std::unique_ptr<Record[]>> slabs_;
  std::vector<Slot> free_;
  Slot used_ = 0;
};

/// Jobs that wait to be taken: by priority, and among equals first come, first served. Putting a job in and
/// taking any one out is O(log priorities).
class Line {
 public:
  void push(Pool& pool, Slot slot) {
    Record& record = pool[slot];
    Level& level = levels_[record.priority];
    record.previous = level.last;
    record.next = no_slot;
    record.in_line = true;
    (level.last == no_slot ? level.first : pool[level.last].next) = slot;
    level.last = slot;
    ++size_;
  }
  void remove(Pool& pool, Slot slot) {
    Record& record = pool[slot];
    const auto found = levels_.find(record.priority);
    Level& level = found->second;
    (record.previous == no_slot ? level.first : pool[record.previous].next) = record.next;
    (record.next == no_slot ? level.last : pool[record.next].previous) = record.previous;
    record.in_line = false;
    --size_;
    // A few empty levels stay, so that a queue that runs empty again and again does not allocate each time.
    if (level.first == no_slot && levels_.size() > 8) levels_.erase(found);
  }
  [[nodiscard]] Slot front() const {
    for (const auto& [priority, level] : levels_) {
      if (level.first != no_slot) return level.first;
    }
    return no_slot;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// The time since which its longest waiting job could run; 0: it is empty.
  [[nodiscard]] UnixMillis oldest(const Pool& pool) const {
    UnixMillis oldest = 0;
    for (const auto& [priority, level] : levels_) {
      if (level.first == no_slot) continue;
      const UnixMillis since = pool[level.first].run_at;
      if (oldest == 0 || since < oldest) oldest = since;
    }
    return oldest;
  }

 private:
  struct Level {
    Slot first = no_slot;
    Slot last = no_slot;
  };
  std::map<int, Level, std::greater<>> levels_;
  std::size_t size_ = 0;
};

/// A queue's jobs of one handler's name. A worker takes from the streams that it has handlers for.
struct Stream {
  std::string name;
  std::uint64_t jobs = 0;  ///< in any state
  Line ready;
  Line suspects;
};

struct Queue {
  std::string name;
  std::array<std::uint64_t, queue::job_state_count> counts{};
  std::unordered_map<std::string, Stream> streams;  // which stay where they are
  std::uint64_t suspects = 0;                       ///< in all streams
  [[nodiscard]] Stream* find_stream(const std::string& handler) {
    const auto found = streams.find(handler);
    return found == streams.end() ? nullptr : &found->second;
  }
  Stream& add_to_stream(const std::string& handler) {
    Stream& stream = streams[handler];
    if (stream.jobs++ == 0) stream.name = handler;
    return stream;
  }
  void leave_stream(const Stream& stream) { streams.erase(streams.find(stream.name)); }
  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts) sum += count;
    return sum;
  }
};

}  // namespace coterie::brokers::memory
