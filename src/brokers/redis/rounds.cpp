#include "src/brokers/redis/rounds.hpp"

#include <algorithm>
#include <exception>
#include <tuple>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/gather.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::redis {
namespace {

/// To take from at once: more would make what is settled later many small scripts.
constexpr std::uint32_t width_most = 4;
/// Workers come and go, and nobody says that one has ended.
constexpr std::size_t itineraries_kept = 64;
constexpr queue::Milliseconds kept_for = std::chrono::minutes(10);

}  // namespace

/// One call: what goes to each shard, and what has come of it.
class Rounds::Conversation {
 public:
  Conversation(Rounds& rounds, queue::CycleRequest request, Itinerary& itinerary)
      : shards_(rounds.shards_),
        wakes_(rounds.wakes_),
        request_(std::move(request)),
        itinerary_(itinerary),
        want_(request_.want),
        bytes_(request_.max_bytes),
        parts_(shards_.size()) {
    split(request_.done, &Part::done, [](Part& part) -> auto& { return part.request.done; });
    split(request_.failed, &Part::failed, [](Part& part) -> auto& { return part.request.failed; });
    split(request_.alive, &Part::alive, [](Part& part) -> auto& { return part.request.alive; });
    // A call that is repeated asks the shards that it went to; what another one would say, nobody knows.
    reply_.done.resize(request_.done.size(), queue::Verdict::unknown);
    reply_.failed.resize(request_.failed.size(), queue::Verdict::unknown);
    reply_.alive.resize(request_.alive.size(), queue::Verdict::unknown);
    request_.done.clear();
    request_.failed.clear();
  }

  [[nodiscard]] std::vector<bool> settles() const {
    std::vector<bool> settles;
    settles.reserve(parts_.size());
    for (const Part& part : parts_)
      settles.push_back(!part.done.empty() || !part.failed.empty() || !part.alive.empty());
    return settles;
  }
  /// The first job always fits.
  [[nodiscard]] std::uint32_t want() const noexcept { return bytes_ == 0 && has_leases() ? 0 : want_; }
  [[nodiscard]] bool repeated() const noexcept { return reply_.repeated; }
  [[nodiscard]] bool has_leases() const noexcept { return leases_ > 0; }
  [[nodiscard]] bool has_suspect() const noexcept { return suspect_; }
  [[nodiscard]] std::uint32_t width() const {
    const std::uint64_t fit = bytes_ / std::max<std::uint64_t>(shards_.limits().payload_bytes, 1);
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(fit, 1, width_most));
  }
  Task<void> visit(const std::vector<Visit>& visits, bool alone);
  /// The call was made before: what else of it the shards have on record.
  Task<void> replay();
  [[nodiscard]] queue::CycleReply finish();
  /// What shards that were visited have to tell others is told. Gives those that were reached.
  Task<std::vector<std::uint32_t>> forward();

 private:
  struct Part {
    queue::CycleRequest request;
    std::vector<std::size_t> done;  // places in the whole request
    std::vector<std::size_t> failed;
    std::vector<std::size_t> alive;
    std::vector<queue::Lease> leases;
    Turn turn;
    Part() = default;
  };
  template <class Entry, class Places, class List>
  void split(const std::vector<Entry>& entries, Places places, List list) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      Part& part = parts_[shard_of(entries[i].lease.id, shards_.size())];
      list(part).push_back(entries[i]);
      (part.*places).push_back(i);
    }
  }
  Task<queue::CycleReply> ask(const Visit& visit, bool alone, std::uint64_t bytes);
  void merge(const Visit& visit, queue::CycleReply&& one);
  void merge_leases();

  Shards& shards_;
  Wakes& wakes_;
  queue::CycleRequest request_;
  Itinerary& itinerary_;
  std::uint32_t want_;
  std::uint64_t bytes_;
  std::vector<Part> parts_;
  queue::CycleReply reply_;
  std::vector<queue::JobId> cancel_;
  std::vector<std::string> unhandled_;
  std::vector<std::uint32_t> to_forward_;
  std::size_t leases_ = 0;
  bool suspect_ = false;
};

Task<queue::CycleReply> Rounds::Conversation::ask(const Visit& visit, bool alone, std::uint64_t bytes) {
  Part& part = parts_[visit.shard];
  queue::CycleRequest request(part.request);
  request.worker = request_.worker;
  request.seq = request_.seq;
  request.queues = request_.queues;
  request.names = request_.names;
  request.lease = request_.lease;
  request.want = visit.want;
  request.alone = alone;
  request.max_bytes = bytes;
  part.turn.channel = wakes_.channel_for(request_.worker.incarnation, visit.shard);
  part.turn.kept_for = itinerary_.place_for(request_.lease);
  part.turn.not_first = has_leases();
  return shards_.at(visit.shard).cycle(std::move(request), part.turn);
}

/// All at once. What those have answered that did is noted also where one has not.
Task<void> Rounds::Conversation::visit(const std::vector<Visit>& visits, bool alone) {
  if (visits.empty()) co_return;
  const auto takes = static_cast<std::uint64_t>(
      std::count_if(visits.begin(), visits.end(), [](const Visit& each) { return each.want > 0; }));
  const std::uint64_t bytes = bytes_ / std::max<std::uint64_t>(takes, 1);
  std::vector<Task<queue::CycleReply>> calls;
  calls.reserve(visits.size());
  for (const Visit& each : visits) calls.push_back(ask(each, alone, bytes));
  std::vector<Outcome<queue::CycleReply>> answers = co_await gather_outcomes(std::move(calls));
  std::exception_ptr error;
  for (std::size_t i = 0; i < visits.size(); ++i) {
    if (answers[i].has_value())
      merge(visits[i], std::move(answers[i].get()));
    else if (!error)
      error = answers[i].error();
  }
  if (error) std::rethrow_exception(error);
}

Task<void> Rounds::Conversation::replay() {
  for (;;) {
    std::vector<Visit> visits;
    for (std::uint32_t i = 0; i < parts_.size(); ++i)
      if (parts_[i].turn.more_on_record) visits.emplace_back(i, 0);
    if (visits.empty()) co_return;
    co_await visit(visits, false);
  }
}

void Rounds::Conversation::merge(const Visit& visit, queue::CycleReply&& one) {
  Part& part = parts_[visit.shard];
  for (std::size_t i = 0; i < one.done.size(); ++i) reply_.done[part.done[i]] = one.done[i];
  for (std::size_t i = 0; i < one.failed.size(); ++i) reply_.failed[part.failed[i]] = one.failed[i];
  for (std::size_t i = 0; i < one.alive.size(); ++i) reply_.alive[part.alive[i]] = one.alive[i];
  cancel_.insert(cancel_.end(), one.cancel.begin(), one.cancel.end());
  Itinerary::Seen seen;
  seen.wanted = visit.want;
  seen.got = static_cast<std::uint32_t>(one.leases.size());
  seen.asleep = part.turn.asleep;
  seen.repeated = one.repeated;
  seen.suspects = one.suspects;
  seen.version = one.version;
  if (one.next_due != 0)
    seen.due_in = queue::Milliseconds(std::max<queue::UnixMillis>(one.next_due - one.now, 0));
  if (one.next_due != 0 && one.next_due <= one.now) to_forward_.push_back(visit.shard);
  itinerary_.note(visit.shard, seen, shards_.elapsed());
  reply_.repeated = reply_.repeated || one.repeated;
  reply_.now = itinerary_.broker_now = std::max(reply_.now, one.now);
  itinerary_.heard_at = shards_.elapsed();
  for (queue::Lease& lease : one.leases) {
    bytes_ -= std::min<std::uint64_t>(bytes_, lease.payload.size());
    want_ -= std::min(want_, 1U);
    suspect_ = suspect_ || lease.alone;
    ++leases_;
    part.leases.push_back(std::move(lease));
  }
  for (std::string& name : one.unhandled)
    if (unhandled_.size() < queue::unhandled_told &&
        std::find(unhandled_.begin(), unhandled_.end(), name) == unhandled_.end())
      unhandled_.push_back(std::move(name));
}

Task<std::vector<std::uint32_t>> Rounds::Conversation::forward() {
  std::vector<std::uint32_t> all;
  for (const std::uint32_t from : std::exchange(to_forward_, {})) {
    const std::vector<std::uint32_t> reached = co_await shards_.forward(from);
    for (const std::uint32_t shard : reached) {
      itinerary_.reopen(shard);
      if (std::find(all.begin(), all.end(), shard) == all.end()) all.push_back(shard);
    }
  }
  co_return all;
}

/// Each shard's in its order, and all of them as nearly as it goes as one shard would have them.
void Rounds::Conversation::merge_leases() {
  const auto key = [this](const queue::Lease& lease) {
    const auto queue = std::find(request_.queues.begin(), request_.queues.end(), lease.queue);
    return std::tuple(queue - request_.queues.begin(), -lease.priority, lease.created_at, lease.ref.id);
  };
  std::vector<std::size_t> heads(parts_.size());
  for (std::size_t left = leases_; left > 0; --left) {
    std::size_t first = parts_.size();
    for (std::size_t i = 0; i < parts_.size(); ++i)
      if (heads[i] < parts_[i].leases.size() &&
          (first == parts_.size() ||
           key(parts_[i].leases[heads[i]]) < key(parts_[first].leases[heads[first]])))
        first = i;
    reply_.leases.push_back(std::move(parts_[first].leases[heads[first]++]));
  }
}

queue::CycleReply Rounds::Conversation::finish() {
  merge_leases();
  for (std::size_t i = 0; i < request_.alive.size(); ++i) {
    const queue::JobId& id = request_.alive[i].lease.id;
    if (reply_.alive[i] == queue::Verdict::accepted &&
        std::find(cancel_.begin(), cancel_.end(), id) != cancel_.end())
      reply_.cancel.push_back(id);
  }
  if (want_ > 0 && !reply_.repeated) reply_.unhandled = std::move(unhandled_);
  reply_.version = itinerary_.version();
  reply_.suspects = itinerary_.suspects();
  const queue::Milliseconds now = shards_.elapsed();
  reply_.now = itinerary_.broker_now + (now - itinerary_.heard_at).count();
  if (const auto due = itinerary_.due())
    reply_.next_due = std::max<queue::UnixMillis>(reply_.now + (*due - now).count(), 1);
  return std::move(reply_);
}

Rounds::ItineraryPtr Rounds::itinerary_of(const queue::Uuid& worker) {
  const queue::Milliseconds now = shards_.elapsed();
  ItineraryPtr& place = itineraries_[worker];
  ItineraryPtr found = place;
  if (!found) {
    place = found = std::make_shared<Itinerary>(shards_.size());
    if (itineraries_.size() > itineraries_kept)
      std::erase_if(itineraries_, [&](const auto& each) {
        return each.second.use_count() == 1 && each.second->used + kept_for < now;
      });
  }
  found->used = now;
  return found;
}

Task<queue::CycleReply> Rounds::at_one(queue::CycleRequest request) {
  Turn turn;
  (void)wakes_.take_told(request.worker.incarnation);
  turn.channel = wakes_.channel_for(request.worker.incarnation, 0);
  Task<queue::CycleReply> call = shards_.at(0).cycle(std::move(request), turn);
  co_return co_await std::move(call);
}

/// Where shard 0 is away, it keeps those that it has.
Task<void> Rounds::keep_homes(Itinerary& itinerary, const queue::CycleRequest& request) {
  Task<Member> call = shards_.at(0).member(request.worker.incarnation, Itinerary::lives_for(request.lease));
  Outcome<Member> member = co_await outcome(std::move(call));
  if (member.cancelled()) (void)member.get();
  if (member.has_value()) itinerary.settle_at(member.get().rank, member.get().workers, shards_.elapsed());
}

Task<queue::CycleReply> Rounds::cycle(queue::CycleRequest request) {
  if (!shards_.claimed()) co_await shards_.follow_claim();
  wakes_.asks(request);
  if (shards_.size() == 1) {
    Task<queue::CycleReply> call = at_one(std::move(request));
    co_return co_await std::move(call);
  }
  const queue::Uuid worker = request.worker.incarnation;
  const ItineraryPtr itinerary = itinerary_of(worker);
  if (request.seq < itinerary->seq) queue::refuse_old_seq(request.seq, itinerary->seq);
  const bool is_new = itinerary->seq == 0;
  const bool again = itinerary->seq == request.seq;
  Itinerary::Call call;
  call.now = shards_.elapsed();
  call.lease = request.lease;
  if (itinerary->must_say_it_lives(call.now, call.lease)) {
    co_await keep_homes(*itinerary, request);
    call.said_it_lives = true;
  }
  const std::uint64_t seq = request.seq;
  const bool alone = request.alone && request.want > 0;
  Conversation talk(*this, std::move(request), *itinerary);
  if (!again) {
    call.settles = talk.settles();
    call.told = wakes_.take_told(worker);
    for (std::uint32_t i = 0; i < shards_.size() && !call.everywhere; ++i)
      call.everywhere = wakes_.channel_for(worker, i).empty();
    call.everywhere = call.everywhere || is_new || alone;
    call.want = is_new || alone ? 0 : talk.want();
    call.width = talk.width();
    itinerary->plan = itinerary->begin(call);
    itinerary->seq = seq;
  }
  const std::vector<Visit> plan = itinerary->plan;
  co_await talk.visit(plan, false);
  if (talk.repeated()) {
    co_await talk.replay();
    (void)co_await talk.forward();
    co_return talk.finish();
  }
  for (std::uint32_t i = 0; alone && i < shards_.size() && !talk.has_suspect(); ++i) {
    if (itinerary->suspects_at(i) == 0) continue;
    const std::vector<Visit> one(1, Visit(i, talk.want()));
    co_await talk.visit(one, true);
  }
  for (;;) {
    // What became ready there may be too late already, and free others in turn: as in one shard, within a
    // call.
    const std::vector<std::uint32_t> reached = co_await talk.forward();
    std::vector<Visit> more;
    if (!talk.has_suspect()) more = itinerary->go_on(talk.want(), talk.width());
    for (const std::uint32_t shard : reached)
      if (std::none_of(more.begin(), more.end(), [shard](const Visit& each) { return each.shard == shard; }))
        more.emplace_back(shard, 0);
    if (more.empty()) break;
    itinerary->add_to_plan(more);
    co_await talk.visit(more, false);
  }
  co_return talk.finish();
}

}  // namespace coterie::brokers::redis
