#include "coterie/sched/fair_share.hpp"

#include <algorithm>
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

/// A class or a group. Virtual time is what it has run, by its shares.
struct FairSharePolicy::Entry {
  Entry(std::string label, std::uint32_t part, Entry* above)
      : name(std::move(label)), shares(part), parent(above) {}

  std::string name;
  std::uint32_t shares;
  Entry* parent;
  double virtual_time = 0;
  bool takes_part = false;
  std::size_t ready_count = 0;  // in it, and in what is in it
  // A class's:
  RunList ready;
  Duration runtime{};
  std::uint64_t steps = 0;
  // A group's:
  std::vector<Entry*> members;  // that take part
  double now = 0;               // the virtual time of the one that ran last
};

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
  return std::make_unique<Entry>(std::move(name), shares, groups_[parent].get());
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
  if (entry.takes_part || entry.parent == nullptr) return;
  entry.takes_part = true;
  entry.virtual_time = std::max(entry.virtual_time, entry.parent->now);
  entry.parent->members.push_back(&entry);
}

/// The member of the least virtual time, of equals the one that has taken part longest. Members that have
/// nothing ready leave only now, for one that has just run may be back. Precondition: one has something
/// ready.
FairSharePolicy::Entry& FairSharePolicy::choose(Entry& group) noexcept {
  std::erase_if(group.members, [](Entry* member) {
    member->takes_part = member->ready_count > 0;
    return !member->takes_part;
  });
  Entry& best =
      **std::min_element(group.members.begin(), group.members.end(),
                         [](const Entry* a, const Entry* b) { return a->virtual_time < b->virtual_time; });
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
  for (Entry* each = &its; each->parent != nullptr; each = each->parent)
    each->virtual_time += counts / each->shares;
}

}  // namespace coterie
