#include <algorithm>

#include "src/brokers/memory/store.hpp"
#include "src/queue/fence.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::memory {
namespace {

/// What one cycle promotes, recovers or forgets at most, so that a million jobs due at the same second are
/// spread over many calls. What is left is due still, and `next_due` says so.
constexpr std::size_t steps_per_cycle = 4096;
constexpr std::size_t trims_per_cycle = 64;
constexpr Milliseconds processes_checked_every{1000};
constexpr Milliseconds workers_trimmed_every{std::chrono::hours(1)};

std::uint64_t suspects_of(Queue& queue, const queue::CycleRequest& request) {
  if (queue.suspects == 0 || request.names.empty()) return queue.suspects;
  std::uint64_t ours = 0;
  for (const std::string& name : request.names)
    if (const Stream* const stream = queue.find_stream(name)) ours += stream->suspects.size();
  return ours;
}

void tell_unhandled(const Queue& queue, const queue::CycleRequest& request, queue::CycleReply& reply) {
  std::vector<std::string>& told = reply.unhandled;
  std::size_t looks = request.names.size() + 4 * queue::unhandled_told;  // some may have nothing ready
  for (auto entry = queue.streams.begin(); entry != queue.streams.end() && looks > 0; ++entry, --looks) {
    const auto& [name, stream] = *entry;
    if (told.size() == queue::unhandled_told) return;
    if (stream.ready.size() == 0 || std::binary_search(request.names.begin(), request.names.end(), name) ||
        std::find(told.begin(), told.end(), name) != told.end()) {
      continue;
    }
    told.push_back(name);
  }
}

}  // namespace

queue::CycleReply Store::cycle(queue::CycleRequest&& request, const Limits& limits) {
  queue::validate_cycle(request, limits);
  const Session session(*this);
  queue::CycleReply reply;
  const std::shared_ptr<Worker> worker = worker_of(request.worker);
  if (request.seq < worker->last_seq) queue::refuse_old_seq(request.seq, worker->last_seq);
  worker->last_call = without_steps();
  if (request.seq == worker->last_seq) {
    repeat(*worker, reply);
    finish_reply(request, reply);
    return reply;
  }
  reply.done.reserve(request.done.size());
  for (queue::Done& done : request.done) reply.done.push_back(settle_done(*worker, done));
  reply.failed.reserve(request.failed.size());
  for (const queue::Failed& failed : request.failed)
    reply.failed.push_back(settle_failed(*worker, failed, limits));
  reply.alive.reserve(request.alive.size());
  for (const queue::Alive& alive : request.alive) {
    reply.alive.push_back(extend(*worker, alive, request.lease, reply.cancel));
  }
  promote();
  recover_expired();
  recover_vanished();
  promote();  // what these two freed may be too late already
  trim(trims_per_cycle + 2 * (request.done.size() + request.failed.size()));
  if (request.want > 0) reserve(worker, request, reply);

  worker->last_seq = request.seq;
  worker->reply.done = reply.done;
  worker->reply.failed = reply.failed;
  worker->reply.alive = reply.alive;
  worker->reply.cancel = reply.cancel;
  worker->reply.leases.clear();
  for (const queue::Lease& lease : reply.leases) worker->reply.leases.push_back(lease.ref);
  trim_workers();
  finish_reply(request, reply);
  return reply;
}

std::shared_ptr<Worker> Store::worker_of(const queue::WorkerRef& ref) {
  const auto [found, fresh] = workers_.try_emplace(ref.incarnation);
  if (fresh) {
    found->second = std::make_shared<Worker>();
    found->second->ref = ref;
    found->second->elsewhere = !ref.process.empty() && ref.process != own_process_;
    somebody_elsewhere_ = somebody_elsewhere_ || found->second->elsewhere;
  }
  return found->second;
}

void Store::repeat(const Worker& worker, queue::CycleReply& reply) {
  reply.repeated = true;
  reply.done = worker.reply.done;
  reply.failed = worker.reply.failed;
  reply.alive = worker.reply.alive;
  reply.cancel = worker.reply.cancel;
  for (const LeaseRef& lease : worker.reply.leases) {
    Slot slot = no_slot;
    const Record* const record = find(lease, slot);
    if (record == nullptr || record->state != JobState::leased || record->token != lease.token) continue;
    reply.leases.push_back(describe_lease(slot));
  }
}

void Store::finish_reply(const queue::CycleRequest& request, queue::CycleReply& reply) {
  reply.now = now_;
  if (!due_.empty()) reply.next_due = due_.earliest();
  if (!leases_.empty() && (reply.next_due == 0 || leases_.earliest() < reply.next_due)) {
    reply.next_due = leases_.earliest();
  }
  const bool wants_more = !reply.repeated && reply.leases.size() < request.want;
  for (auto name = request.queues.begin(); name != request.queues.end(); ++name) {
    Queue* const queue = find_running_queue(*name);
    if (queue == nullptr || std::find(request.queues.begin(), name, *name) != name) continue;
    reply.suspects += suspects_of(*queue, request);
    if (wants_more && !request.names.empty()) tell_unhandled(*queue, request, reply);
  }
  // What this very call changes is its own caller's doing, but another's `changed` must still see it.
  reply.version = version_ + (changed_ ? 1 : 0);
}

void Store::promote() {
  for (std::size_t i = 0; i < steps_per_cycle && !due_.empty() && due_.earliest() <= now_; ++i) {
    const Slot slot = due_.first();
    const Record& record = pool_[slot];
    if (record.may_expire() && record.expires_at <= now_) {
      finish(slot, JobState::expired);
    } else {
      leave(slot);
      enter(slot, JobState::ready);
    }
  }
}

void Store::recover_expired() {
  for (std::size_t i = 0; i < steps_per_cycle && !leases_.empty() && leases_.earliest() <= now_; ++i) {
    recover(leases_.first());
  }
}

/// A holder in another process can be known to be gone long before its lease ends.
void Store::recover_vanished() {
  if (!somebody_elsewhere_ || leases_.empty()) return;
  if (now_ - processes_checked_at_ < processes_checked_every.count()) return;
  processes_checked_at_ = now_;
  std::unordered_map<std::string, bool> alive;
  std::vector<Slot> lost;
  for (std::size_t i = 0; i < leases_.size(); ++i) {
    const Slot slot = leases_.slot_at(i);
    const Worker& holder = *pool_[slot].worker;
    if (!holder.elsewhere) continue;
    const auto [known, fresh] = alive.try_emplace(holder.ref.process, true);
    if (fresh) known->second = queue::may_be_alive(holder.ref.process);
    if (!known->second) lost.push_back(slot);
  }
  std::sort(lost.begin(), lost.end(), [this](Slot a, Slot b) { return pool_[a].token < pool_[b].token; });
  for (const Slot slot : lost) recover(slot);
}

/// The lines of a queue that the request may be given jobs from, into `fronts_`.
void Store::line_up(Queue& queue, const queue::CycleRequest& request, Line Stream::* line) {
  fronts_.clear();
  const auto add = [this, line](Stream& stream) {
    if ((stream.*line).size() > 0) fronts_.push_back(Front{&(stream.*line), (stream.*line).front()});
  };
  if (request.names.empty()) {
    for (auto& [name, stream] : queue.streams) add(stream);
  } else {
    for (const std::string& name : request.names)
      if (Stream* const stream = queue.find_stream(name)) add(*stream);
  }
}

/// The line whose front comes first: by priority, then in the order in which they became ready.
Store::Front* Store::first_in_line() {
  Front* first = nullptr;
  for (Front& front : fronts_) {
    const Record& record = pool_[front.slot];
    if (first != nullptr) {
      const Record& best = pool_[first->slot];
      if (record.priority < best.priority) continue;
      if (record.priority == best.priority && record.place > best.place) continue;
    }
    first = &front;
  }
  return first;
}

void Store::reserve(const std::shared_ptr<Worker>& worker, const queue::CycleRequest& request,
                    queue::CycleReply& reply) {
  if (request.alone) {
    for (const std::string& name : request.queues) {
      Queue* const queue = find_running_queue(name);
      if (queue == nullptr || queue->suspects == 0) continue;
      line_up(*queue, request, &Stream::suspects);
      const Front* const first = first_in_line();
      if (first == nullptr) continue;
      reply.leases.push_back(lease_out(first->slot, worker, request.lease, true));
      return;
    }
  }
  std::uint64_t bytes = 0;
  for (const std::string& name : request.queues) {
    Queue* const queue = find_running_queue(name);
    if (queue == nullptr || reply.leases.size() >= request.want) continue;
    line_up(*queue, request, &Stream::ready);
    std::size_t available = 0;
    for (const Front& front : fronts_) available += front.line->size();
    reply.leases.reserve(std::min<std::size_t>(request.want, reply.leases.size() + available));
    while (reply.leases.size() < request.want) {
      Front* const first = first_in_line();
      if (first == nullptr) break;
      const Slot slot = first->slot;
      const Record& record = pool_[slot];
      if (record.may_expire() &&
          record.expires_at <= now_) {  // more expired at once than promote() may touch
        finish(slot, JobState::expired);
        line_up(*queue, request, &Stream::ready);  // its end may have made others ready
        continue;
      }
      bytes += record.payload.size();
      if (bytes > request.max_bytes && !reply.leases.empty()) return;
      reply.leases.push_back(lease_out(slot, worker, request.lease, false));
      first->slot = first->line->front();
      if (first->slot == no_slot) {
        *first = fronts_.back();
        fronts_.pop_back();
      }
    }
  }
}

queue::Lease Store::lease_out(Slot slot, const std::shared_ptr<Worker>& worker, Milliseconds lease,
                              bool alone) {
  leave(slot);
  Record& record = pool_[slot];
  last_token_ = std::max(last_token_ + 1, queue::least_token(now_));
  record.token = last_token_;
  record.worker = worker;
  record.started = false;
  record.alone = alone;
  record.started_at = now_;
  ++record.attempt;
  enter(slot, JobState::leased);
  leases_.push(slot, now_ + lease.count());
  return describe_lease(slot);
}

queue::Lease Store::describe_lease(Slot slot) const {
  const Record& record = pool_[slot];
  queue::Lease lease;
  lease.ref = LeaseRef(record.id, record.token, std::uint64_t{slot} + 1);
  lease.queue = queues_[record.queue]->name;
  lease.name = record.stream->name;
  lease.payload = record.payload;
  lease.priority = record.priority;
  lease.attempt = record.attempt;
  lease.max_attempts = record.max_attempts;
  lease.timeout = record.timeout;
  lease.alone = record.alone;
  lease.lost_before = record.lost_before;
  lease.created_at = record.created_at;
  lease.run_at = record.run_at;
  if (record.rare) lease.headers = record.rare->headers;
  return lease;
}

/// An incarnation that has not called for a day does not repeat its last call any more.
void Store::trim_workers() {
  if (now_ - workers_trimmed_at_ < workers_trimmed_every.count()) return;
  workers_trimmed_at_ = now_;
  somebody_elsewhere_ = false;
  for (auto it = workers_.begin(); it != workers_.end();) {
    if (it->second->last_call + queue::id_known_for.count() <= without_steps()) {
      it->second->reply = {};  // its jobs' records may keep the name for longer
      it = workers_.erase(it);
    } else {
      somebody_elsewhere_ = somebody_elsewhere_ || it->second->elsewhere;
      ++it;
    }
  }
}

}  // namespace coterie::brokers::memory
