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
    if (record.rare->has_error) info.error = record.rare->error;
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

queue::JobPage Store::list_step(const queue::JobFilter& filter) {
  const Session session(*this);
  queue::JobPage page;
  auto place = std::upper_bound(order_.begin(), order_.end(), std::pair{filter.after, no_slot});
  for (std::size_t looked = 0; place != order_.end(); ++place, ++looked) {
    // There is a next page only where a job is left to look at: the last cursor is the order of the one
    // before.
    if (looked == scan_step || page.jobs.size() == filter.limit) {
      page.next = std::prev(place)->first;
      break;
    }
    if (place->second == no_slot || !matches(pool_[place->second], filter)) continue;
    page.jobs.push_back(describe(pool_[place->second], filter.bodies));
  }
  return page;
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

}  // namespace coterie::brokers::memory
