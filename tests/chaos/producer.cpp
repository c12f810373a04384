// Enqueues, and says before each call what it asks for and afterwards what came of it.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <random>

#include "agent.hpp"
#include "coterie/await_outcome.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"

namespace chaos {
namespace {

namespace queue = coterie::queue;
using coterie::Task;

constexpr std::size_t batch_jobs = 16;        // one script on Redis: there as a whole or not at all
constexpr std::size_t script_jobs = 64;       // of more jobs each so many are
constexpr std::size_t long_batch_jobs = 200;  // now and then
constexpr std::size_t big_payload = 6000;     // has a key of its own on Redis
constexpr std::size_t quotes = 2;             // of a payload
constexpr std::size_t remembered = 32;        // jobs that others may wait for
constexpr int tries = 40;
/// While so many jobs are not final none are added: under faults workers do less than producers ask for, and
/// in the end all must be worked off.
constexpr std::uint64_t most_unfinished = 2000;

/// By this machine's clock; the broker's is another one, which the run sets.
queue::UnixMillis wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<queue::Milliseconds>(now).count();
}

std::atomic<bool> stopping{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

class Producer {
 public:
  Producer(const Orders& orders, const Events& events)
      : orders_(orders), events_(events), client_(open_in_time(orders.url)), random_(orders.seed) {}

  Task<int> run() {
    while (!stopping) {
      const std::uint64_t waiting = co_await unfinished();
      if (waiting > most_unfinished) {
        const std::chrono::milliseconds pause(500);
        co_await coterie::sleep(pause);
        continue;
      }
      std::vector<queue::JobSpec> batch = next_batch();
      const std::size_t size = batch.size();
      co_await enqueue(std::move(batch));
      Task<void> pause = pause_for(1000 * size / std::max<std::uint64_t>(orders_.jobs, 1));
      co_await std::move(pause);
    }
    co_return 0;
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  /// Long after a long batch: whoever is told to end does not wait for it.
  static Task<void> pause_for(std::uint64_t left_ms) {
    while (left_ms > 0 && !stopping) {
      const std::uint64_t step = std::min<std::uint64_t>(left_ms, 100);
      const std::chrono::milliseconds pause(step);
      co_await coterie::sleep(pause);
      left_ms -= step;
    }
  }

  /// The first of all producers, and one of four that come later, begins with a long batch, so that a short
  /// run on a slow machine has one too; the others make it later. No more: where many are killed, and others
  /// begin, the load stays what it is. Most are not much longer than a script.
  std::size_t draw_size() {
    if (batches_ % 40 != (orders_.number % 4 == 1 ? 0U : 24U)) return 1 + draw(batch_jobs);
    const std::uint64_t more = std::min<std::uint64_t>(long_batch_jobs - script_jobs, 6 * orders_.jobs);
    return script_jobs + 1 + draw(1 + draw(std::max<std::uint64_t>(more, 1)));
  }

  /// Poison comes early and ten jobs apart, so that there is time for it to be found.
  std::string draw_kind() {
    static constexpr std::array<unsigned, 6> weights{38, 23, 12, 8, 16, 3};
    if (poison_made_ < orders_.poison && made_ >= 10 * (poison_made_ + 1)) {
      ++poison_made_;
      return "poison";
    }
    std::uint64_t left = draw(100);
    std::size_t kind = 0;
    while (left >= weights[kind]) left -= weights[kind++];
    return kinds[kind];
  }

  std::vector<queue::JobSpec> next_batch() {
    std::vector<queue::JobSpec> batch;
    const std::size_t size = draw_size();
    for (std::size_t i = 0; i < size; ++i) {
      queue::JobSpec job(draw_kind());
      // The same in every run of a seed, and of no other process: the upper half is the process's, the lower
      // the job's.
      std::array<char, 40> id{};
      std::snprintf(id.data(), id.size(), "c4a05000-%04x-8000-8000-%012llx",
                    static_cast<unsigned>(orders_.number), static_cast<unsigned long long>(++made_));
      job.id = queue::parse_uuid(id.data()).value();
      job.payload = "\"" + std::string(draw(25) == 0 ? big_payload : 20 + draw(100), 'p') + "\"";
      job.priority = static_cast<int>(draw(3));
      job.backoff.base = queue::Milliseconds(50);
      job.backoff.cap = queue::Milliseconds(500);
      choose_terms(job, batch);
      // What others do to a run may make any job a suspect; only poison may be convicted. Few, for each runs
      // alone.
      const std::uint32_t patient = draw(4) == 0 ? 50 : 0;
      job.max_crashes = job.name == "poison" ? 3 : patient;
      batch.push_back(std::move(job));
    }
    return batch;
  }

  /// When it may start: after jobs before it, in its batch or confirmed; not before some time, not after
  /// another.
  void choose_terms(queue::JobSpec& job, const std::vector<queue::JobSpec>& batch) {
    if (draw(10) == 0) job.delay = queue::Milliseconds(draw(1500));
    if (draw(20) == 0) job.run_at = wall_clock() + static_cast<queue::UnixMillis>(draw(1500));
    if (draw(15) == 0 && job.name != "poison") job.expires_at = next_expiry();  // poison is to be convicted
    if (!confirmed_.empty() && draw(10) == 0) job.after.push_back(confirmed_[draw(confirmed_.size())]);
    if (batch.empty() || draw(8) != 0) return;
    const std::size_t first = draw(batch.size());
    const std::size_t last = std::min(batch.size(), first + 1 + draw(3));
    for (std::size_t i = first; i < last; ++i) job.after.push_back(batch[i].id);
  }

  /// Of four one is too late by each clock of the run, which are hours apart, and one in time by each: in
  /// every run some job is to expire, and some to run that could. The others are as it comes: at once, or in
  /// some seconds.
  queue::UnixMillis next_expiry() {
    constexpr queue::UnixMillis day = 24 * 60 * 60 * 1000;
    const queue::UnixMillis now = wall_clock();
    switch (expiries_made_++ % 4) {
      case 0:
        return now + day;
      case 1:
        return now - day;
      case 2:
        return now + static_cast<queue::UnixMillis>(draw(4));
      default:
        return now + static_cast<queue::UnixMillis>(draw(8000));
    }
  }

  static std::string terms_of(const queue::JobSpec& job) {
    std::string after;
    for (const queue::JobId& id : job.after) {
      after.append(after.empty() ? "\"" : "\",\"").append(id.str());
    }
    if (!after.empty()) after += '"';
    return "{\"after\":[" + after + "]," + field("delay", static_cast<std::uint64_t>(job.delay.count())) +
           "," + field("run_at", static_cast<std::uint64_t>(job.run_at)) + "," +
           field("expires_at", static_cast<std::uint64_t>(job.expires_at)) + "," +
           field("bytes", job.payload.size() - quotes) + "}";
  }

  static std::string jobs_of(const std::vector<queue::JobSpec>& batch) {
    std::string text = "\"jobs\":[";
    for (const queue::JobSpec& job : batch) {
      if (text.back() == ']') text += ',';
      text.append("[\"").append(job.id.str()).append("\",\"").append(job.name).append("\",");
      text.append(terms_of(job)).append("]");
    }
    return text + "]";
  }

  /// 0 where the broker does not say.
  Task<std::uint64_t> unfinished() {
    Task<std::vector<queue::QueueInfo>> call = client_.broker()->queues();
    const coterie::Outcome<std::vector<queue::QueueInfo>> answer = co_await coterie::outcome(std::move(call));
    std::uint64_t count = 0;
    if (!answer.has_value()) co_return count;
    for (const queue::QueueInfo& info : answer.get())
      for (const auto& [state, jobs] : info.counts) count += queue::is_final(state) ? 0 : jobs;
    co_return count;
  }

  /// The newest of what was confirmed: most of these have not ended yet.
  void remember(const std::vector<queue::JobId>& ids) {
    confirmed_.insert(confirmed_.end(), ids.begin(), ids.end());
    if (confirmed_.size() > remembered)
      confirmed_.erase(confirmed_.begin(), confirmed_.end() - static_cast<std::ptrdiff_t>(remembered));
  }

  Task<void> enqueue(std::vector<queue::JobSpec> batch) {
    const std::string number = field("batch", ++batches_);
    const std::string jobs = jobs_of(batch);
    for (int i = 0; i < tries; ++i) {
      events_.write("asked", number + "," + jobs);
      std::vector<queue::JobSpec> copy = batch;
      Task<std::vector<queue::JobId>> call = client_.enqueue(std::move(copy));
      coterie::Outcome<std::vector<queue::JobId>> end = co_await coterie::outcome(std::move(call));
      if (end.has_value()) {
        events_.write("confirmed", number);
        remember(end.get());
        co_return;
      }
      bool again = true;
      try {
        std::rethrow_exception(end.error());
      } catch (const queue::BrokerUnavailable& error) {
        events_.write("unknown", number + "," + field("why", error.what()));
      } catch (const std::exception& error) {
        events_.write("refused", number + "," + field("why", error.what()));
        confirmed_.clear();  // a fault may have taken them
        again = false;
      }
      if (!again || stopping || (draw(8) == 0 && batch.size() <= script_jobs)) co_return;
      const std::chrono::milliseconds pause(20 + draw(180));
      co_await coterie::sleep(pause);
    }
  }

  const Orders& orders_;
  const Events& events_;
  queue::Client client_;
  std::mt19937_64 random_;
  std::uint64_t made_ = 0;
  std::uint64_t poison_made_ = 0;
  std::uint64_t expiries_made_ = 0;
  std::uint64_t batches_ = 0;
  std::vector<queue::JobId> confirmed_;
};

}  // namespace

int produce(const Orders& orders, const Events& events) {
  std::signal(SIGTERM, [](int) { stopping = true; });
  coterie::RunOptions options;
  options.handle_signals = false;
  Producer producer(orders, events);
  return coterie::run(producer.run(), options);
}

}  // namespace chaos
