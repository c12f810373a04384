#pragma once
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "coterie/future.hpp"
#include "coterie/queue/broker.hpp"
#include "coterie/scope.hpp"
#include "src/brokers/redis/dependencies.hpp"
#include "src/brokers/redis/pace.hpp"
#include "src/brokers/redis/record.hpp"
#include "src/brokers/redis/scripts.hpp"
#include "src/brokers/redis/servers.hpp"
#include "src/queue/clock.hpp"

namespace coterie::brokers::redis {

/// What one script does at most.
inline constexpr std::size_t units = 64;
inline constexpr std::size_t bytes_per_script = std::size_t{256} << 10;

/// A worker's part of a cycle at one shard, which may be taken up again within the same call.
struct Turn {
  std::string channel;               ///< on which the worker listens while it sleeps; empty: on none
  queue::Milliseconds kept_for{-1};  ///< how long it counts as asleep; negative: for a lease
  std::size_t part = 0;              ///< scripts of this call there so far; the settlements go with the first
  bool not_first = false;            ///< the reply has a job already: one too big for `max_bytes` waits
  bool asleep = false;               ///< set: it is written down there, and told where a job is for it
  bool more_on_record = false;       ///< set: the call was made before, and had more scripts here
  Turn() = default;
};

inline constexpr std::size_t id_bytes = 16;

/// How many jobs in other shards a job waits for, by what describe.lua gives; 0 where that is not said.
[[nodiscard]] std::uint32_t far_awaited(const Reply& described);

/// A job in another shard.
struct FarJob {
  std::uint32_t shard = 0;
  queue::JobId id;
  FarJob(std::uint32_t at, const queue::JobId& job) : shard(at), id(job) {}
};

/// What one shard has to tell another, see far.lua.
struct Letter {
  std::uint32_t to = 0;
  std::string bytes;
  Letter(std::uint32_t shard, std::string text) : to(shard), bytes(std::move(text)) {}
};

/// Which of all workers that live one is.
struct Member {
  std::uint64_t rank = 0;
  std::uint64_t workers = 1;
  Member() = default;
};

/// The broker's calls on one shard, where the requests are valid already. Each is one script or several,
/// which take at most 64 units of work and 256 KiB each; every one of them is complete by itself and can be
/// repeated. Where the shard is, `Servers` knows.
///
/// Belongs to one loop.
class Shard {
 public:
  /// `servers` are open, and outlive it. `clock`: instead of the server's time, for tests.
  Shard(Servers& servers, std::uint32_t number, const queue::Limits& limits,
        std::optional<queue::ClockSource> clock);

  Task<std::vector<queue::Enqueued>> enqueue(std::vector<queue::JobSpec> jobs);
  /// `turn` lives until it has ended.
  Task<queue::CycleReply> cycle(queue::CycleRequest request, Turn& turn);
  Task<std::vector<queue::Verdict>> extend(queue::Uuid worker, std::vector<queue::LeaseRef> leases,
                                           queue::Milliseconds lease);
  /// A worker was told of a job and cannot take it: tells another one. `times`: see pass.lua.
  Task<void> pass(std::string queue, std::string handler, std::string times);
  Task<std::uint64_t> version();
  Task<std::vector<std::optional<queue::JobInfo>>> get(std::vector<queue::JobId> ids, bool bodies);
  /// A page of this shard.
  struct Walked {
    queue::JobPage page;
    std::vector<std::uint64_t> numbers;  ///< of its jobs, by creation
    Walked() = default;
  };
  Task<Walked> list(queue::JobFilter filter);
  Task<queue::JobLinks> links(queue::JobId id, std::uint32_t most);
  Task<std::vector<queue::JobInfo>> recently_ended(std::uint32_t limit);
  Task<std::vector<queue::QueueInfo>> queues();
  Task<std::vector<queue::CancelResult>> cancel(std::vector<queue::JobId> ids);
  Task<std::vector<bool>> retry(std::vector<queue::JobId> ids);
  Task<std::uint64_t> purge(queue::JobFilter filter);
  Task<void> pause(std::string queue, bool paused);
  Task<std::vector<std::string>> paused();
  /// Who is blocked only because nobody has come by since what it waited for ended, is no more.
  Task<void> release_all();
  Task<std::vector<std::optional<queue::JobExport>>> export_jobs(std::vector<queue::JobId> ids,
                                                                 bool payloads);
  /// Who waits for one of these in another shard counts as waiting until drop_far_dependents().
  Task<std::vector<queue::Withdrawn>> withdraw(std::vector<queue::JobId> ids);
  /// Who waits for it in other shards, or did.
  Task<std::vector<queue::JobId>> far_dependents(queue::JobId id);
  Task<void> drop_far_dependents(queue::JobId id, std::vector<FarJob> far);
  Task<void> readmit(std::vector<queue::JobId> ids);
  Task<std::optional<std::string>> get_note(std::string key);
  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value);

  // What only some shards are asked, or what shards have to do with each other (shard_far.cpp).
  /// At shard 0: how many shards the queue has, where that is written down.
  Task<std::optional<std::uint32_t>> written_layout();
  /// The same; where it is not, it is `shards` from now on.
  Task<std::uint32_t> layout(std::uint32_t shards);
  /// At shard 0: the worker lives.
  Task<Member> member(queue::Uuid worker, queue::Milliseconds counts_for);
  // At shard 0, too: who works here, and what is asked of them (shard_fleet.cpp).
  /// `channel`: see channel_for_questions().
  Task<void> announce(queue::WorkerReport report, std::string channel);
  /// A worker as it is written down.
  struct Listed {
    queue::WorkerInfo info;
    std::string channel;  ///< where it hears of questions
    Listed() = default;
  };
  struct Members {
    queue::UnixMillis now = 0;
    std::vector<Listed> workers;
    Members() = default;
  };
  /// Those that were heard of last, `most` of them.
  Task<Members> members(std::size_t most);
  Task<std::optional<Listed>> find_member(queue::Uuid worker, queue::UnixMillis& now);
  /// `answers_to`: the channel of who asks. Gives how many others wait for it already where it was not asked,
  /// because these are too many; else 0.
  Task<std::size_t> ask(queue::Uuid worker, std::string channel, queue::Question question,
                        std::string answers_to);
  Task<std::vector<queue::Question>> questions(queue::Uuid worker);
  Task<void> answer(queue::Uuid worker, queue::Uuid question, queue::WorkerAnswer answer);
  Task<std::optional<queue::WorkerAnswer>> answer_to(queue::Uuid question);
  Task<void> withdraw_question(queue::Uuid worker, queue::Uuid question);

  /// Of which ids enqueue() would say `exists`.
  Task<std::vector<Known>> known(std::vector<queue::JobId> ids);
  /// enqueue() of jobs that wait for others in other shards, too: `far` of each. They are registered there
  /// by forwarding what outbox() gives then.
  Task<std::vector<queue::Enqueued>> enqueue_far(std::vector<queue::JobSpec> jobs,
                                                 std::vector<std::vector<FarJob>> far);
  /// What is to be said to other shards, up to 64 of them; who asks for them within the next seconds does not
  /// get these again. `ahead`: also what is to be said only by then.
  Task<std::vector<Letter>> outbox(queue::Milliseconds ahead);
  /// Letters from shard `from`: applied here, each as often as it comes. A letter of the answer for each.
  Task<std::string> deliver(std::uint32_t from, std::vector<Letter> letters);
  /// What another shard has answered: they are said, and not kept any longer.
  Task<void> delivered(std::vector<Letter> letters, std::string answers);

  /// Ends the enqueues that wait to go with others. To be called after the servers' close().
  Task<void> close();
  /// On which changes are published: the version.
  [[nodiscard]] std::string channel() const { return prefix_ + "v"; }
  /// On which workers of one process are told that there is work for them.
  [[nodiscard]] std::string channel_of(const queue::Uuid& process) const {
    return prefix_ + "y" + process.str();
  }
  /// On which those of one process hear of questions to its workers, and of answers to its own.
  [[nodiscard]] std::string channel_for_questions(const queue::Uuid& process) const {
    return prefix_ + "q" + process.str();
  }
  /// Listens to one of these.
  [[nodiscard]] std::unique_ptr<Subscription> listen(std::string channel, Subscription::OnMessage on_message,
                                                     Subscription::OnConnected on_connected);

 private:
  // shard.cpp
  [[nodiscard]] Command begin(Script script, std::size_t room = 0) const;
  [[nodiscard]] const Settings& settings() const noexcept { return servers_.settings(); }
  /// See Servers.
  Task<std::vector<Reply>> send(std::vector<Command> commands);
  Task<std::vector<Reply>> send_durably(std::vector<Command> commands, Durable durable);
  Task<std::vector<Reply>> run(std::vector<Command> commands);
  Task<Reply> run(Command command);
  void learn(queue::UnixMillis now, queue::UnixMillis steps);
  [[nodiscard]] std::vector<Command> for_ids(Script script, const std::vector<queue::JobId>& ids) const;
  /// Of these, for those at the places: what had no answer is asked for again.
  [[nodiscard]] std::vector<Command> for_ids(Script script, const std::vector<queue::JobId>& ids,
                                             const std::vector<std::size_t>& places) const;

  // shard_enqueue.cpp
  Task<void> check_dependencies(const std::vector<queue::JobSpec>& jobs);
  static void add_job(Command& command, const queue::JobSpec& job, bool more);
  Task<void> add_dependencies(const queue::JobSpec& job);
  Task<std::vector<Reply>> add(std::vector<Command> commands, const std::vector<queue::JobSpec>& jobs,
                               const std::vector<std::size_t>& starts);
  [[nodiscard]] static std::size_t work_of(const std::vector<queue::JobSpec>& jobs);
  [[nodiscard]] Command enqueue_command(const std::vector<const queue::JobSpec*>& jobs) const;
  Task<std::vector<Reply>> send_enqueue(std::vector<Command> commands);
  [[nodiscard]] static bool is_unknown_dependency(const Reply& reply, std::size_t& job, std::size_t& which);
  [[nodiscard]] static std::exception_ptr unknown_dependency(const std::vector<queue::JobSpec>& jobs,
                                                             std::size_t job, std::size_t which);

  // shard_gather.cpp
  /// An enqueue that waits to go with others.
  struct Gathered {
    std::vector<queue::JobSpec> jobs;
    std::size_t work = 0;
    std::size_t bytes = 0;
    std::uint64_t number = 0;  ///< in the order of their coming
    Future<std::vector<queue::Enqueued>> verdicts;
  };
  Task<std::vector<queue::Enqueued>> gather(std::vector<queue::JobSpec> jobs);
  Task<void> send_gathered();
  [[nodiscard]] std::vector<std::shared_ptr<Gathered>> next_together();
  Task<void> send_together(std::vector<std::shared_ptr<Gathered>> together);
  static void tell_verdicts(const Reply& reply, const std::vector<std::shared_ptr<Gathered>>& together);

  // shard_cycle.cpp
  /// What a cycle's takes have come to.
  struct Taken {
    bool more = false;        ///< something is left to promote or recover, before jobs are given out
    std::uint64_t bytes = 0;  ///< of payload, the long ones' too
    std::vector<queue::JobId> long_ones;  ///< whose payloads are still to be fetched
    Taken() = default;
  };
  [[nodiscard]] Command begin_part(Script script, const queue::CycleRequest& request, std::size_t part,
                                   std::size_t room) const;
  [[nodiscard]] std::vector<Command> settles(const queue::CycleRequest& request) const;
  [[nodiscard]] Command take(const queue::CycleRequest& request, const Turn& turn, std::size_t part,
                             std::size_t want, std::uint64_t bytes, bool not_first) const;
  [[nodiscard]] std::size_t add_takes(const queue::CycleRequest& request, const Turn& turn,
                                      const Taken& taken, std::size_t before,
                                      std::vector<Command>& commands) const;
  void read_settle(const Reply& reply, const queue::CycleRequest& request, std::size_t& entry,
                   queue::CycleReply& out);
  void read_take(const Reply& reply, queue::CycleReply& out, Turn& turn, Taken& taken);
  Task<void> fetch_long(queue::CycleReply& reply, const std::vector<queue::JobId>& long_ones);
  [[nodiscard]] bool looks_for_the_gone(const queue::CycleRequest& request, queue::Milliseconds now) const;
  Task<void> bury_gone(const queue::CycleRequest& request);

  // shard_move.cpp
  Task<std::vector<std::string>> dependents(queue::JobId id);
  [[nodiscard]] std::string dependents_key(const queue::JobId& id) const {
    return prefix_ + "d" + std::string(bytes_of(id));
  }
  Task<void> complete_export(const Record& record, bool payloads, queue::JobExport& job);

  // shard_fleet.cpp
  Task<Members> ask_members(Command command);
  [[nodiscard]] std::string questions_key(const queue::Uuid& worker) const {
    return prefix_ + "q" + std::string(bytes_of(worker));
  }
  [[nodiscard]] std::string answer_key(const queue::Uuid& question) const {
    return prefix_ + "R" + std::string(bytes_of(question));
  }

  // shard_query.cpp
  [[nodiscard]] Command walk(Script script, const queue::JobFilter& filter, std::size_t most) const;
  Task<std::vector<Reply>> describe(std::vector<queue::JobId> ids, bool attempts);
  Task<void> fetch_bodies(const Reply& reply, queue::JobInfo& info);

  Servers& servers_;
  const std::uint32_t number_;
  queue::Limits limits_;
  std::optional<queue::ClockSource> clock_;
  std::string prefix_;  // "{namespace:number}"
  std::string key_;     // prefix_ + "m"
  Pace pace_;
  mutable std::minstd_rand random_;
  std::deque<std::shared_ptr<Gathered>> gathered_;
  std::uint64_t gathered_ever_ = 0;
  std::size_t sends_running_ = 0;
  // What the shard's clock said last, and when that was by ours. It is the shard's and not the server's, for
  // it goes with the shard where that is moved.
  bool knows_time_ = false;
  queue::UnixMillis server_now_ = 0;
  queue::UnixMillis server_steps_ = 0;
  queue::Milliseconds known_at_{0};
  std::optional<queue::Milliseconds> buried_at_;
  queue::Milliseconds bury_every_{0};
  std::optional<queue::Milliseconds> due_seen_at_;  // when a worker was last in charge of what is due here
  TaskScope sends_{"gathered enqueues"};
};

}  // namespace coterie::brokers::redis
