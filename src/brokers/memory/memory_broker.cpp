#include "src/brokers/memory/memory_broker.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "coterie/loop.hpp"
#include "coterie/threads/completion.hpp"
#include "src/brokers/builtin.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers {
namespace {

/// The named stores of this process. Never destroyed: a broker may be used while statics are being destroyed.
std::shared_ptr<memory::Store> named_store(const std::string& name) {
  static std::mutex mutex;
  static auto* const stores = new std::map<std::string, std::shared_ptr<memory::Store>>();
  const std::lock_guard lock(mutex);
  std::shared_ptr<memory::Store>& store = (*stores)[name];
  if (!store) store = std::make_shared<memory::Store>(queue::read_system_clock);
  return store;
}

/// A wait for a change that ends by itself after `at_most`; what is left of it ends with this object, on the
/// loop that waits.
class ChangeWait {
 public:
  ChangeWait(memory::Store& store, std::uint64_t seen, queue::Milliseconds at_most) : store_(store) {
    subscription_ = store.subscribe(seen, [woken = woken_] { woken.set_value(); });
    if (subscription_ == 0) return;
    timer_ = EventLoop::current().call_later(std::min(at_most, queue::duration_max),
                                             [woken = woken_] { woken.set_value(); });
  }
  ChangeWait(const ChangeWait&) = delete;
  ChangeWait& operator=(const ChangeWait&) = delete;
  ~ChangeWait() {
    if (subscription_ == 0) return;
    store_.unsubscribe(subscription_);
    timer_.cancel();
  }
  [[nodiscard]] bool must_wait() const noexcept { return subscription_ != 0; }
  [[nodiscard]] auto woken() const { return woken_.wait(WaitKind::wakeup); }

 private:
  memory::Store& store_;
  Completion<void> woken_;
  CallbackHandle timer_;
  std::uint64_t subscription_ = 0;
};

/// Ends a wait after some time, and what it has left behind when it is over however it ended.
template <class End>
class Deadline {
 public:
  template <class Late>
  Deadline(queue::Milliseconds after, Late late, End end)
      : timer_(EventLoop::current().call_later(after, std::move(late))), end_(std::move(end)) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() {
    timer_.cancel();
    end_();
  }

 private:
  CallbackHandle timer_;
  End end_;
};

}  // namespace

std::shared_ptr<queue::Broker> open_memory_broker(const BrokerUrl& url, const queue::BrokerOptions& options) {
  url.require_known({});
  std::shared_ptr<memory::Store> store =
      url.path.empty() ? std::make_shared<memory::Store>(queue::read_system_clock) : named_store(url.path);
  return std::make_shared<MemoryBroker>(std::move(store), url.text, options.limits);
}

Task<std::vector<queue::Enqueued>> MemoryBroker::enqueue(std::vector<queue::JobSpec> jobs) {
  co_return store_->enqueue(std::move(jobs), limits_);
}

Task<queue::CycleReply> MemoryBroker::cycle(queue::CycleRequest request) {
  co_return store_->cycle(std::move(request), limits_);
}

Task<std::vector<queue::Verdict>> MemoryBroker::extend(queue::Uuid worker,
                                                       std::vector<queue::LeaseRef> leases,
                                                       queue::Milliseconds lease) {
  queue::validate_extend(worker, leases, lease, limits_);
  co_return store_->extend(worker, leases, lease);
}

Task<std::uint64_t> MemoryBroker::changed(std::uint64_t version, queue::Milliseconds at_most) {
  if (at_most > queue::Milliseconds{0}) {
    const ChangeWait wait(*store_, version, at_most);
    if (wait.must_wait()) co_await wait.woken();
  }
  co_return store_->version();
}

Task<std::uint64_t> MemoryBroker::version() {
  co_return store_->version();
}

Task<std::vector<std::optional<queue::JobInfo>>> MemoryBroker::get(std::vector<queue::JobId> ids,
                                                                   bool bodies) {
  queue::validate_ids(ids, limits_);
  co_return store_->get(ids, bodies);
}

// Page by page and purge by purge the lock is given up every few thousand jobs: what changes in between is
// seen or not, as between two calls.
Task<queue::JobPage> MemoryBroker::list(queue::JobFilter filter) {
  queue::validate_filter(filter, limits_);
  queue::JobPage page = store_->list_step(filter);
  while (page.next != 0 && page.jobs.size() < filter.limit &&
         (filter.looks == 0 || page.looked < filter.looks)) {
    queue::JobFilter rest = filter;
    rest.after = page.next;
    rest.limit = filter.limit - static_cast<std::uint32_t>(page.jobs.size());
    if (filter.looks != 0) rest.looks = filter.looks - static_cast<std::uint32_t>(page.looked);
    queue::JobPage more = store_->list_step(rest);
    std::move(more.jobs.begin(), more.jobs.end(), std::back_inserter(page.jobs));
    page.next = more.next;
    page.looked += more.looked;
  }
  co_return page;
}

Task<std::vector<queue::JobInfo>> MemoryBroker::recently_ended(std::uint32_t limit) {
  queue::validate_sample(limit);
  co_return store_->recently_ended(limit);
}

Task<std::vector<queue::QueueInfo>> MemoryBroker::queues() {
  co_return store_->queues();
}

Task<std::vector<queue::CancelResult>> MemoryBroker::cancel(std::vector<queue::JobId> ids) {
  queue::validate_ids(ids, limits_);
  co_return store_->cancel(ids);
}

Task<std::vector<bool>> MemoryBroker::retry(std::vector<queue::JobId> ids) {
  queue::validate_ids(ids, limits_);
  co_return store_->retry(ids);
}

Task<std::uint64_t> MemoryBroker::purge(queue::JobFilter filter) {
  queue::validate_filter(filter, limits_);
  std::uint64_t purged = 0;
  do {
    const std::uint64_t step = store_->purge_step(filter);
    purged += step;
    filter.limit -= static_cast<std::uint32_t>(step);
  } while (filter.after != 0 && filter.limit > 0);
  co_return purged;
}

Task<void> MemoryBroker::pause(std::string queue) {
  queue::validate_queue(queue, limits_);
  store_->pause(std::move(queue));
  co_return;
}

Task<void> MemoryBroker::resume(std::string queue) {
  queue::validate_queue(queue, limits_);
  store_->resume(queue);
  co_return;
}

Task<std::vector<std::string>> MemoryBroker::paused() {
  co_return store_->paused();
}

Task<queue::JobLinks> MemoryBroker::links(queue::JobId id, std::uint32_t most) {
  queue::validate_ids({id}, limits_);
  co_return store_->links(id, most);
}

Task<std::vector<std::optional<queue::JobExport>>> MemoryBroker::export_jobs(std::vector<queue::JobId> ids,
                                                                             bool payloads) {
  queue::validate_ids(ids, limits_);
  co_return store_->export_jobs(ids, payloads);
}

Task<std::vector<queue::Withdrawn>> MemoryBroker::withdraw(std::vector<queue::JobId> ids) {
  queue::validate_ids(ids, limits_);
  co_return store_->withdraw(ids);
}

Task<void> MemoryBroker::readmit(std::vector<queue::JobId> ids) {
  queue::validate_ids(ids, limits_);
  store_->readmit(ids);
  co_return;
}

Task<std::optional<std::string>> MemoryBroker::get_note(std::string key) {
  queue::validate_note_key(key);
  co_return store_->get_note(key);
}

Task<bool> MemoryBroker::put_note(std::string key, std::optional<std::string> expected, std::string value) {
  queue::validate_note(key, expected, value);
  co_return store_->put_note(std::move(key), expected, std::move(value));
}

Task<void> MemoryBroker::announce(queue::WorkerReport report) {
  queue::validate_report(report, limits_);
  store_->switchboard().announce(std::move(report), store_->now());
  co_return;
}

Task<queue::Fleet> MemoryBroker::workers() {
  co_return store_->switchboard().workers(store_->now());
}

Task<queue::WorkerAnswer> MemoryBroker::ask(queue::Uuid worker, std::string question,
                                            queue::Milliseconds at_most) {
  queue::validate_question(worker, question, at_most);
  const queue::Uuid id = queue::new_uuid();
  const Completion<queue::WorkerAnswer> answered;
  queue::Question asked(id, std::move(question));
  std::optional<queue::WorkerAnswer> none =
      store_->switchboard().ask(worker, std::move(asked), answered, store_->now());
  if (none) co_return *std::move(none);
  const auto late = [answered] { answered.set_value(queue::WorkerAnswer()); };
  const auto end = [this, worker, id] { store_->switchboard().withdraw(worker, id); };
  const Deadline deadline(at_most, late, end);
  queue::WorkerAnswer answer = co_await answered.wait(WaitKind::event);
  co_return answer;
}

Task<std::vector<queue::Question>> MemoryBroker::questions(queue::Uuid worker, queue::Milliseconds at_most) {
  const Completion<void> told;
  std::vector<queue::Question> found = store_->switchboard().questions(worker, told);
  const auto end = [this, worker] { store_->switchboard().stop_telling(worker); };
  if (found.empty() && at_most > queue::Milliseconds{0}) {
    const auto late = [told] { told.set_value(); };
    const Deadline deadline(std::min(at_most, queue::duration_max), late, end);
    co_await told.wait(WaitKind::event);
    found = store_->switchboard().questions(worker, told);
  } else {
    end();
  }
  co_return found;
}

Task<void> MemoryBroker::answer(queue::Uuid worker, queue::Uuid question, queue::WorkerAnswer answer) {
  queue::validate_answer(worker, question, answer);
  store_->switchboard().answer(worker, question, std::move(answer));
  co_return;
}

}  // namespace coterie::brokers
