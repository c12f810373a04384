#include <algorithm>

#include "src/brokers/memory/store.hpp"

namespace coterie::brokers::memory {

queue::JobInfo Store::describe(const Record& record, bool bodies) const {
  queue::JobInfo info;
  info.id = record.id;
  info.queue = queues_[record.queue]->name;
  info.name = record.stream->name;
  info.state = record.state;
  info.priority = record.priority;
  info.attempt = record.attempt;
  info.max_attempts = record.max_attempts;
  info.crashes = record.crashes;
  info.created_at = record.created_at;
  info.run_at = record.run_at;
  info.started_at = record.attempt == 0 && record.crashes == 0 ? 0 : record.started_at;
  info.finished_at = record.finished_at;
  if (record.state == JobState::leased) info.lease_until = leases_.time_of(record);
  if (record.worker) info.worker = record.worker->ref.name;
  info.waits_for = record.state == JobState::blocked ? record.waits_for : 0;
  info.cancel_requested = record.cancel_requested;
  if (record.rare) {
    info.progress = record.rare->progress;
    info.progress_note = record.rare->note;
    info.headers = record.rare->headers;
    if (record.rare->failures) info.error = record.rare->failures->last;
    if (record.rare->failures && bodies) info.attempts = record.rare->failures->attempts;
  }
  if (bodies) {
    info.payload = record.payload;
    info.result = record.result;
  }
  return info;
}

std::vector<std::optional<queue::JobInfo>> Store::get(const std::vector<JobId>& ids, bool bodies) {
  const Session session(*this);
  std::vector<std::optional<queue::JobInfo>> found;
  found.reserve(ids.size());
  for (const JobId& id : ids) {
    const Record* const record = find(id);
    if (record == nullptr) {
      found.emplace_back();
    } else {
      found.emplace_back(describe(*record, bodies));
    }
  }
  return found;
}

bool Store::matches(const Record& record, const queue::JobFilter& filter) const {
  return (!filter.state || *filter.state == record.state) &&
         (filter.name.empty() || filter.name == record.stream->name) &&
         (filter.queue.empty() || filter.queue == queues_[record.queue]->name);
}

namespace {

/// Looks from `place` on, in the one direction or the other.
template <class Place, class Matches, class Describe>
queue::JobPage page_from(Place place, Place end, std::uint32_t limit, std::size_t looks,
                         const Matches& matches, const Describe& describe) {
  queue::JobPage page;
  for (; place != end; ++place, ++page.looked) {
    // There is a next page only where a job is left to look at: the last cursor is the order of the one
    // before.
    if (page.looked == looks || page.jobs.size() == limit) {
      page.next = std::prev(place)->first;
      break;
    }
    if (place->second != no_slot && matches(place->second)) page.jobs.push_back(describe(place->second));
  }
  return page;
}

}  // namespace

queue::JobPage Store::list_step(const queue::JobFilter& filter) {
  const Session session(*this);
  const std::size_t looks = filter.looks == 0 ? scan_step : std::min<std::size_t>(filter.looks, scan_step);
  const auto fits = [&](Slot slot) { return matches(pool_[slot], filter); };
  const auto shown = [&](Slot slot) { return describe(pool_[slot], filter.bodies); };
  if (!filter.newest_first) {
    const auto behind = std::upper_bound(order_.begin(), order_.end(), std::pair{filter.after, no_slot});
    return page_from(behind, order_.end(), filter.limit, looks, fits, shown);
  }
  auto before = order_.end();
  if (filter.after != 0)
    before = std::lower_bound(order_.begin(), order_.end(), std::pair{filter.after, Slot{0}});
  return page_from(std::make_reverse_iterator(before), order_.rend(), filter.limit, looks, fits, shown);
}

/// Those that end last are forgotten last. In the heap they stand in its second half, most of them near the
/// end: of many it looks at a part of that.
std::vector<queue::JobInfo> Store::recently_ended(std::size_t limit) {
  constexpr std::size_t looks = 20'000;
  const Session session(*this);
  std::vector<Slot> slots;
  for (std::size_t i = endings_.size() - std::min(endings_.size(), looks); i < endings_.size(); ++i)
    slots.push_back(endings_.slot_at(i));
  const auto ended_later = [this](Slot a, Slot b) { return pool_[a].finished_at > pool_[b].finished_at; };
  const auto wanted = slots.begin() + static_cast<std::ptrdiff_t>(std::min(limit, slots.size()));
  std::partial_sort(slots.begin(), wanted, slots.end(), ended_later);
  std::vector<queue::JobInfo> infos;
  for (auto slot = slots.begin(); slot != wanted; ++slot) infos.push_back(describe(pool_[*slot], false));
  return infos;
}

std::uint64_t Store::purge_step(queue::JobFilter& filter) {
  const Session session(*this);
  std::uint64_t purged = 0;
  auto place = std::upper_bound(order_.begin(), order_.end(), std::pair{filter.after, no_slot});
  filter.after = 0;
  for (std::size_t looked = 0; place != order_.end(); ++place, ++looked) {
    if (looked == scan_step || purged == filter.limit) {
      filter.after = std::prev(place)->first;
      break;
    }
    if (place->second == no_slot) continue;
    const Record& record = pool_[place->second];
    if (!is_final(record.state) || !matches(record, filter)) continue;
    forget(place->second);
    ++purged;
  }
  compact_order();
  return purged;
}

std::vector<queue::QueueInfo> Store::queues() {
  const Session session(*this);
  std::vector<queue::QueueInfo> infos;
  for (const auto& queue : queues_) {
    if (queue == nullptr) continue;
    queue::QueueInfo info;
    info.name = queue->name;
    for (std::size_t state = 0; state < queue->counts.size(); ++state) {
      if (queue->counts[state] != 0) info.counts[static_cast<JobState>(state)] = queue->counts[state];
    }
    for (const auto& [name, stream] : queue->streams) {
      for (const Line* const line : {&stream.ready, &stream.suspects}) {
        const UnixMillis since = line->oldest(pool_);
        if (since != 0 && (info.oldest_ready_at == 0 || since < info.oldest_ready_at))
          info.oldest_ready_at = since;
      }
    }
    infos.push_back(std::move(info));
  }
  std::sort(infos.begin(), infos.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return infos;
}

void Store::compact_order() {
  if (forgotten_ < 1024 || forgotten_ * 2 < order_.size()) return;
  order_.erase(
      std::remove_if(order_.begin(), order_.end(), [](const auto& entry) { return entry.second == no_slot; }),
      order_.end());
  forgotten_ = 0;
}

std::optional<std::string> Store::get_note(const std::string& key) {
  const Session session(*this);
  const auto found = notes_.find(key);
  if (found == notes_.end()) return std::nullopt;
  return found->second;
}

bool Store::put_note(std::string&& key, const std::optional<std::string>& expected, std::string&& value) {
  const Session session(*this);
  const auto found = notes_.find(key);
  const bool same = found == notes_.end() ? !expected : expected == found->second;
  if (!same) return found != notes_.end() && found->second == value;
  if (found == notes_.end()) {
    notes_.emplace(std::move(key), std::move(value));
  } else {
    found->second = std::move(value);
  }
  return true;
}

/// What it waits for has an edge to it, and is found by looking at everybody's.
queue::JobLinks Store::links(const JobId& id, std::size_t most) {
  const Session session(*this);
  queue::JobLinks links;
  Slot slot = no_slot;
  const Record* const record = find(id, &slot);
  if (record == nullptr || is_final(record->state)) return links;
  for (std::uint32_t edge = record->edges; edge != no_slot; edge = edges_[edge].next) {
    const Record* const dependent = waiting_at(edge);
    if (dependent == nullptr) continue;
    ++links.dependents_count;
    links.dependents.push_back(dependent->id);
  }
  std::reverse(links.dependents.begin(), links.dependents.end());  // the newest edge came first
  if (links.dependents.size() > most) links.dependents.resize(most);
  if (record->state != JobState::blocked) return links;
  links.waits_for_count = record->waits_for;
  const std::size_t wanted = std::min<std::size_t>(most, record->waits_for);
  for (auto other = order_.rbegin(); other != order_.rend() && links.waits_for.size() < wanted; ++other) {
    if (other->second == no_slot) continue;
    const Record& awaited = pool_[other->second];
    for (std::uint32_t edge = awaited.edges; edge != no_slot; edge = edges_[edge].next)
      if (edges_[edge].dependent == slot && edges_[edge].generation == record->generation)
        links.waits_for.push_back(awaited.id);
  }
  return links;
}

}  // namespace coterie::brokers::memory
