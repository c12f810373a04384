#pragma once
// One simulated world: the store on a clock of its own, what goes wrong in it, and the checker.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "coterie/testing/seeded_loop.hpp"
#include "src/brokers/memory/memory_broker.hpp"
#include "tests/simulation/queue/ledger.hpp"

namespace coterie::simulation {

using testing::Random;
using testing::SeededLoop;

/// What happens to a call on its way, there and back.
struct Fate {
  queue::Milliseconds before{0};  ///< until it is applied
  queue::Milliseconds after{0};   ///< until the reply is there
  queue::Milliseconds copy{0};    ///< after so long it arrives once more; 0: it does not
  bool refused = false;           ///< it is never applied
  bool lost = false;              ///< it is applied, and the reply lost
  bool slow = false;
};

/// What a handler does with a job.
enum class Act : std::uint8_t {
  succeeds,
  fails,     ///< so many times, then it succeeds
  gives_up,  ///< a permanent error
  lasts,     ///< longer than two leases
  stubborn,  ///< does not end when it is cancelled, and then returns a result
  kills,     ///< its worker, so many times
  blocks,    ///< the loop, for longer than a lease
};
struct Plan {
  Act act = Act::succeeds;
  std::uint32_t times = 0;
  queue::Milliseconds takes{0};
};

/// A mistake in the protocol that the broker of a world makes, for the tests of the simulation itself.
enum class Bug : std::uint8_t {
  none,
  settles_by_old_tokens,  ///< who holds a job no more ends it all the same, under whoever holds it
  settles_silently,       ///< the same, but he is told that he was fenced
  forgets_seq,            ///< a call that comes again is applied again
  drops_a_wakeup,         ///< of one change in eight nobody is told
};

/// Shared by all that lives in it. What it draws from the seed at its beginning decides how rough it is.
class World {
 public:
  World(SeededLoop& loop, bool told);

  // --- time
  // -------------------------------------------------------------------------------------------------
  [[nodiscard]] double elapsed_ms() const;
  /// The broker's wall clock, as set.
  [[nodiscard]] queue::UnixMillis wall() const { return read_clock().wall; }
  /// Somebody sets the broker's wall clock.
  void step_clock(queue::Milliseconds by);
  /// The thread that all share stands still.
  void block(queue::Milliseconds time);

  // --- the store: each call is applied at once and entered in the ledger
  // ------------------------------------
  std::vector<queue::Enqueued> apply(const std::vector<queue::JobSpec>& jobs);
  queue::CycleReply apply(const queue::CycleRequest& request);
  struct Cancel {
    std::vector<queue::JobId> ids;
  };
  std::vector<queue::CancelResult> apply(const Cancel& call);
  struct Retry {
    std::vector<queue::JobId> ids;
  };
  std::vector<bool> apply(const Retry& call);
  struct Get {
    std::vector<queue::JobId> ids;
    bool bodies;
  };
  std::vector<std::optional<queue::JobInfo>> apply(const Get& call);

  [[nodiscard]] Ledger& ledger();
  [[nodiscard]] const std::shared_ptr<brokers::memory::Store>& store() const noexcept { return store_; }

  [[nodiscard]] Fate fate();
  /// Nobody can reach the broker.
  [[nodiscard]] bool away() const { return elapsed_ms() < away_until_; }
  void go_away(queue::Milliseconds time) { away_until_ = elapsed_ms() + static_cast<double>(time.count()); }
  void note(const std::string& who, const std::string& what);
  /// Whether nobody is told that this version has come, which its store forgot to say.
  [[nodiscard]] bool swallows(std::uint64_t version);

  SeededLoop& seeded;
  Random random;
  Story story;
  // Drawn once.
  const std::uint32_t roughness;  ///< a call goes wrong once in so many; 0: never
  const queue::Milliseconds lease;
  const bool sets_clock;
  const bool blocks_loop;

  bool calm = false;     ///< no more faults; what is there comes to its end
  bool closing = false;  ///< the workers go home
  int late_copies = 0;   ///< on their way
  std::map<queue::JobId, Plan> plans;
  Bug bug = Bug::none;

 private:
  /// A job's newest lease.
  struct Holder {
    queue::LeaseRef lease;
    queue::WorkerRef worker;
  };
  [[nodiscard]] queue::ClockReading read_clock() const;
  void tick();
  queue::CycleReply play(const queue::CycleRequest& request);
  bool settle_by_old_token(const queue::Done& done);

  queue::Milliseconds wall_offset_{0};
  double away_until_ = 0;
  Ledger ledger_;
  std::shared_ptr<brokers::memory::Store> store_;
  // Of the bugs.
  std::map<queue::Uuid, std::uint64_t>
      calls_;  ///< the newest `seq` of each incarnation, as the store heard it
  std::map<queue::JobId, Holder> holders_;
  std::map<std::uint64_t, bool> swallowed_;  ///< by version
};

}  // namespace coterie::simulation
