#include "coterie/sched/fair_share.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace coterie {
namespace {

constexpr std::uint32_t default_shares = 100;
// In nanoseconds a share. Up to this a double tells apart what the shortest step with the most shares counts,
// and a ten thousandth of that.
constexpr double most_virtual_time = 1e8;

void check_shares(const std::string& name, std::uint32_t shares) {
  if (shares == 0 || shares > FairSharePolicy::max_shares)
    throw std::invalid_argument("'" + name + "' is to have " + std::to_string(shares) + " shares: 1 to " +
                                std::to_string(FairSharePolicy::max_shares));
}

}  // namespace

/// The members of a group that take part: a heap by virtual time. Each knows its place.
class FairSharePolicy::Line {
 public:
  /// For so many: add() then allocates nothing.
  void reserve(std::size_t members) { heap_.reserve(members); }
  [[nodiscard]] Entry& front() const noexcept { return *heap_.front(); }
  void add(Entry& entry) noexcept;
  void drop_front() noexcept;
  /// Its virtual time has grown: behind its equals too, which have waited.
  void moved_back(Entry& entry) noexcept;

 private:
  void put(std::size_t place, Entry& entry) noexcept;
  std::vector<Entry*> heap_;
};

/// A class or a group. Virtual time is what it has run, by its shares.
struct FairSharePolicy::Entry {
  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

  Entry(std::string label, std::uint32_t part, Entry* above)
      : name(std::move(label)), shares(part), parent(above) {}
  [[nodiscard]] bool takes_part() const noexcept { return place != nowhere; }

  std::string name;
  std::uint32_t shares;
  Entry* parent;
  double virtual_time = 0;
  std::size_t place = nowhere;  // in its parent's line
  std::size_t ready_count = 0;  // in it, and in what is in it
  // A class's:
  RunList ready;
  Duration runtime{};
  std::uint64_t steps = 0;
  // A group's:
  Line line;
  std::size_t members = 0;  // all of them
  double now = 0;           // the virtual time of the one that ran last
};

void FairSharePolicy::Line::put(std::size_t place, Entry& entry) noexcept {
  heap_[place] = &entry;
  entry.place = place;
}

void FairSharePolicy::Line::add(Entry& entry) noexcept {
  std::size_t place = heap_.size();
  heap_.push_back(&entry);
  for (; place > 0; place = (place - 1) / 2) {
    Entry& above = *heap_[(place - 1) / 2];
    if (above.virtual_time <= entry.virtual_time) break;
    put(place, above);
  }
  put(place, entry);
}

void FairSharePolicy::Line::drop_front() noexcept {
  front().place = Entry::nowhere;
  Entry& last = *heap_.back();
  heap_.pop_back();
  if (heap_.empty()) return;
  last.place = 0;
  moved_back(last);
}

void FairSharePolicy::Line::moved_back(Entry& entry) noexcept {
  const std::size_t size = heap_.size();
  std::size_t place = entry.place;
  for (std::size_t below = 2 * place + 1; below < size; below = 2 * place + 1) {
    if (below + 1 < size && heap_[below + 1]->virtual_time < heap_[below]->virtual_time) ++below;
    if (heap_[below]->virtual_time > entry.virtual_time) break;
    put(place, *heap_[below]);
    place = below;
  }
  put(place, entry);
}

FairSharePolicy::FairSharePolicy(FairShareOptions options) : options_(options) {
  groups_.push_back(std::make_unique<Entry>("", default_shares, nullptr));
  (void)add_class("default", default_shares);
}

FairSharePolicy::~FairSharePolicy() = default;

std::unique_ptr<FairSharePolicy::Entry> FairSharePolicy::make(std::string name, std::uint32_t shares,
                                                              Group parent) const {
  if (parent >= groups_.size())
    throw std::invalid_argument("'" + name + "' is to be in group " + std::to_string(parent) +
                                ", which was not added");
  check_shares(name, shares);
  if (groups_.size() + classes_.size() >= max_entries)
    throw std::length_error("'" + name + "' is one too many: there are " + std::to_string(max_entries) +
                            " classes and groups at most");
  auto made = std::make_unique<Entry>(std::move(name), shares, groups_[parent].get());
  made->parent->line.reserve(++made->parent->members);
  return made;
}

FairSharePolicy::Group FairSharePolicy::add_group(std::string name, std::uint32_t shares, Group parent) {
  groups_.push_back(make(std::move(name), shares, parent));
  return static_cast<Group>(groups_.size() - 1);
}

SchedClass FairSharePolicy::add_class(std::string name, std::uint32_t shares, Group parent) {
  classes_.push_back(make(std::move(name), shares, parent));
  return static_cast<SchedClass>(classes_.size() - 1);
}

void FairSharePolicy::set_shares(SchedClass sched_class, std::uint32_t shares) {
  if (sched_class < 0 || static_cast<std::size_t>(sched_class) >= classes_.size())
    throw std::invalid_argument("no scheduling class " + std::to_string(sched_class) + " was added");
  Entry& entry = class_of(sched_class);
  check_shares(entry.name, shares);
  entry.shares = shares;
}

void FairSharePolicy::set_group_shares(Group group, std::uint32_t shares) {
  if (group >= groups_.size())
    throw std::invalid_argument("no group " + std::to_string(group) + " was added");
  check_shares(groups_[group]->name, shares);
  groups_[group]->shares = shares;
}

FairSharePolicy::Entry& FairSharePolicy::class_of(SchedClass sched_class) const noexcept {
  const auto index = static_cast<std::size_t>(sched_class);  // negative: beyond all
  return *classes_[index < classes_.size() ? index : 0];
}

std::uint32_t FairSharePolicy::shares(SchedClass sched_class) const noexcept {
  return class_of(sched_class).shares;
}

Duration FairSharePolicy::runtime(SchedClass sched_class) const noexcept {
  return class_of(sched_class).runtime;
}

std::uint64_t FairSharePolicy::steps(SchedClass sched_class) const noexcept {
  return class_of(sched_class).steps;
}

void FairSharePolicy::push(Runnable& node) noexcept {
  ticks_.pushed(node);
  if (node.sched_class() == runtime_class) return messages_.push(node);
  Entry& its = class_of(node.sched_class());
  its.ready.push_back(node);
  for (Entry* each = &its; each != nullptr; each = each->parent) {
    ++each->ready_count;
    take_part(*each);
  }
}

void FairSharePolicy::remove(Runnable& node) noexcept {
  ticks_.removed(node);
  if (node.sched_class() == runtime_class) return messages_.remove(node);
  leave(class_of(node.sched_class()));
  RunList::remove(node);
}

void FairSharePolicy::leave(Entry& its) noexcept {
  for (Entry* each = &its; each != nullptr; each = each->parent) --each->ready_count;
}

void FairSharePolicy::take_part(Entry& entry) noexcept {
  if (entry.takes_part() || entry.parent == nullptr) return;
  entry.virtual_time = std::max(entry.virtual_time, entry.parent->now);
  entry.parent->line.add(entry);
}

/// The member of the least virtual time. Members that have nothing ready leave when they come to the front:
/// up to there nobody is behind them, so that they would have saved nothing up, and one that has just run may
/// be back. Precondition: one has something ready.
FairSharePolicy::Entry& FairSharePolicy::choose(Entry& group) noexcept {
  while (group.line.front().ready_count == 0) group.line.drop_front();
  Entry& best = group.line.front();
  group.now = best.virtual_time;
  if (group.now > most_virtual_time) start_from_zero(group);
  return best;
}

/// Only differences count, and these must not be lost in a sum that grows for months. Whoever is away behind
/// the others would come back at their virtual time.
void FairSharePolicy::start_from_zero(Entry& group) noexcept {
  for (const auto* entries : {&groups_, &classes_})
    for (const auto& entry : *entries)
      if (entry->parent == &group) entry->virtual_time = std::max(0.0, entry->virtual_time - group.now);
  group.now = 0;
}

Runnable* FairSharePolicy::pop() noexcept {
  if (ticks_.over()) return nullptr;
  Runnable* const message = messages_.pop(ticks_.ready());
  ticks_.popped();
  if (message != nullptr) return message;
  Entry* entry = groups_[whole].get();
  do entry = &choose(*entry);
  while (entry->ready.empty());
  leave(*entry);
  return entry->ready.pop_front();
}

void FairSharePolicy::charge(SchedClass sched_class, Duration time) noexcept {
  if (sched_class == runtime_class) return;
  Entry& its = class_of(sched_class);
  its.runtime += time;
  ++its.steps;
  const auto counts = static_cast<double>(std::max(time, options_.least_step).count());
  for (Entry* each = &its; each->parent != nullptr; each = each->parent) {
    each->virtual_time += counts / each->shares;
    if (each->takes_part()) each->parent->line.moved_back(*each);
  }
}

}  // namespace coterie
