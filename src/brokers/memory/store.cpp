#include "src/brokers/memory/store.hpp"

#include <algorithm>
#include <random>

#include "src/queue/validate.hpp"

namespace coterie::brokers::memory {

Store::Store(queue::ClockSource clock)
    : clock_(std::move(clock)),
      due_(pool_),
      leases_(pool_),
      endings_(pool_),
      own_process_(queue::this_process()),
      random_state_(std::random_device{}()) {}

Store::Session::Session(Store& store) : store_(store), lock_(store.mutex_) {
  const BrokerClock::Tick tick = store_.clock_.tick();
  store_.now_ = tick.now;
  if (tick.jumped > Milliseconds{0}) store_.leases_.shift(tick.jumped);
  store_.steps_ += tick.jumped;
}

Store::Session::~Session() {
  if (!store_.changed_) return;
  store_.changed_ = false;
  ++store_.version_;
  if (store_.subscriptions_.empty()) return;
  std::map<std::uint64_t, std::function<void()>> wake;
  wake.swap(store_.subscriptions_);
  lock_.unlock();
  for (const auto& [number, call] : wake) call();
}

UnixMillis Store::now() {
  const Session session(*this);
  return now_;
}

std::uint64_t Store::version() {
  const std::lock_guard lock(mutex_);
  return version_;
}

std::uint64_t Store::subscribe(std::uint64_t seen, std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (version_ != seen) return 0;
  subscriptions_.emplace(next_subscription_, std::move(wake));
  return next_subscription_++;
}

void Store::unsubscribe(std::uint64_t subscription) {
  const std::lock_guard lock(mutex_);
  subscriptions_.erase(subscription);
}

std::uint32_t Store::queue_index(const std::string& name) {
  const auto [found, fresh] = queue_names_.try_emplace(name, 0);
  if (fresh) {
    std::size_t index = 0;
    while (index < queues_.size() && queues_[index] != nullptr) ++index;
    if (index == queues_.size()) queues_.emplace_back();
    queues_[index] = std::make_unique<Queue>();
    queues_[index]->name = name;
    found->second = static_cast<std::uint32_t>(index);
  }
  return found->second;
}

Queue* Store::find_queue(const std::string& name) {
  const auto found = queue_names_.find(name);
  return found == queue_names_.end() ? nullptr : queues_[found->second].get();
}

Queue* Store::find_running_queue(const std::string& name) {
  return paused_.empty() || paused_.find(name) == paused_.end() ? find_queue(name) : nullptr;
}

Record* Store::find(const JobId& id, Slot* slot) {
  const auto found = ids_.find(id);
  if (found == ids_.end()) return nullptr;
  if (slot != nullptr) *slot = found->second;
  return &pool_[found->second];
}

Record* Store::find(const LeaseRef& lease, Slot& slot) {
  // The hint saves the search; it came from outside, so only the id that stands there makes it true.
  if (lease.hint != 0 && pool_.holds(lease.hint - 1) && !lease.id.is_nil()) {
    slot = static_cast<Slot>(lease.hint - 1);
    if (pool_[slot].id == lease.id) return &pool_[slot];
  }
  return find(lease.id, &slot);
}

bool Store::remembers(const JobId& id) const {
  if (ids_.find(id) != ids_.end()) return true;
  if (tombs_.empty()) return false;
  const auto found = tombs_.find(id);
  return found != tombs_.end() && found->second > without_steps();
}

void Store::enter(Slot slot, JobState state) {
  Record& record = pool_[slot];
  Queue& queue = *queues_[record.queue];
  record.state = state;
  ++queue.counts[static_cast<std::size_t>(state)];
  switch (state) {
    case JobState::scheduled:
      due_.push(slot,
                record.may_expire() && record.expires_at < record.run_at ? record.expires_at : record.run_at);
      changed_ = changed_ || due_.first() == slot;  // who sleeps until the next due time must look again
      break;
    case JobState::ready:
      record.place = ++last_place_;
      (record.is_suspect() ? record.stream->suspects : record.stream->ready).push(pool_, slot);
      if (record.is_suspect()) ++queue.suspects;
      if (record.may_expire()) due_.push(slot, record.expires_at);
      changed_ = true;
      break;
    case JobState::done:
    case JobState::dead:
    case JobState::cancelled:
    case JobState::expired:
      endings_.push(slot, without_steps() + record.result_ttl.count());
      changed_ = true;
      break;
    case JobState::blocked:
    case JobState::throttled:
    case JobState::leased:  // lease_out() knows the deadline and enters it
      break;
  }
}

void Store::leave(Slot slot) {
  Record& record = pool_[slot];
  Queue& queue = *queues_[record.queue];
  --queue.counts[static_cast<std::size_t>(record.state)];
  if (record.in_line) {
    (record.is_suspect() ? record.stream->suspects : record.stream->ready).remove(pool_, slot);
    if (record.is_suspect()) --queue.suspects;
  }
  if (record.timer == no_slot) return;
  if (record.state == JobState::leased) {
    leases_.remove(record);
  } else {
    (is_final(record.state) ? endings_ : due_).remove(record);
  }
}

void Store::forget(Slot slot) {
  Record& record = pool_[slot];
  const UnixMillis ended = endings_.time_of(record) - record.result_ttl.count();
  leave(slot);
  const UnixMillis known_until = ended + queue::id_known_for.count();
  if (known_until > without_steps()) {
    tombs_.insert_or_assign(record.id, known_until);
    tomb_times_.push(Tomb{known_until, record.id});
  }
  ids_.erase(record.id);
  const auto place = std::lower_bound(order_.begin(), order_.end(), std::pair{record.order, Slot{0}});
  place->second = no_slot;
  ++forgotten_;
  const std::uint32_t queue = record.queue;
  if (--record.stream->jobs == 0) queues_[queue]->leave_stream(*record.stream);
  pool_.give_back(slot);
  if (queues_[queue]->total() == 0) {
    queue_names_.erase(queues_[queue]->name);
    queues_[queue].reset();
  }
}

void Store::trim(std::size_t steps) {
  for (std::size_t i = 0; i < steps && !endings_.empty() && endings_.earliest() <= without_steps(); ++i) {
    forget(endings_.first());
  }
  for (std::size_t i = 0; i < steps && !tomb_times_.empty() && tomb_times_.top().until <= without_steps();
       ++i) {
    const Tomb& tomb = tomb_times_.top();
    const auto found = tombs_.find(tomb.id);
    if (found != tombs_.end() && found->second <= tomb.until) {
      withdrawn_.erase(tomb.id);
      tombs_.erase(found);
    }
    tomb_times_.pop();
  }
  compact_order();
}

}  // namespace coterie::brokers::memory
