#include "coterie/context.hpp"

#include <algorithm>
#include <stdexcept>

#include "coterie/loop.hpp"

namespace coterie::detail {
namespace {

std::atomic<std::uint64_t> last_variable_id{0};
thread_local constinit ContextScope* innermost_scope = nullptr;
// Of a thread outside of tasks.
thread_local ContextSlot thread_slot;

/// Without regard to scopes.
ContextSlot& natural_slot() noexcept {
  if (EventLoop* loop = EventLoop::current_or_null())
    if (TaskRec* task = loop->current_task()) return task->context();
  return thread_slot;
}

}  // namespace

const ContextMap::Value* ContextMap::find(std::uint64_t variable) const noexcept {
  if (node_ == nullptr) return nullptr;
  for (const Node::Entry& entry : node_->entries)
    if (entry.variable == variable) return &entry.value;
  return nullptr;
}

ContextMap ContextMap::with(std::uint64_t variable, Value value) const {
  auto changed = std::make_unique<Node>();
  if (node_ != nullptr) changed->entries = node_->entries;
  std::erase_if(changed->entries, [&](const Node::Entry& entry) { return entry.variable == variable; });
  if (value) changed->entries.push_back({variable, std::move(value)});
  return changed->entries.empty() ? ContextMap() : ContextMap(changed.release());
}

ContextSlot::ContextSlot(const ContextMap& values) noexcept
    : word_(reinterpret_cast<std::uintptr_t>(values.node_)) {
  if (word_ != 0) add_ref();
}

ContextSlot::ContextSlot(ContextBox& shared) noexcept
    : word_(reinterpret_cast<std::uintptr_t>(&shared) | shared_tag) {
  add_ref();
}

ContextSlot& ContextSlot::current() noexcept {
  ContextSlot& natural = natural_slot();
  if (innermost_scope != nullptr && innermost_scope->instead_of_ == &natural) return *innermost_scope->slot_;
  return natural;
}

ContextMap ContextSlot::values() const noexcept {
  if (word_ == 0) return {};
  if (shared()) return box().values();
  node().add_ref();
  return ContextMap(&node());
}

void ContextSlot::set_values(ContextMap values) noexcept {
  if (shared())
    box().set_values(std::move(values));
  else
    *this = ContextSlot(values);
}

const void* ContextSlot::identity() const noexcept {
  return shared() ? static_cast<const void*>(&box()) : this;
}

void ContextSlot::add_ref() const noexcept {
  if (shared())
    box().add_ref();
  else
    node().add_ref();
}

void ContextSlot::release() const noexcept {
  if (shared())
    box().release();
  else
    node().release();
}

ContextScope::ContextScope(ContextSlot& slot) noexcept
    : slot_(&slot), instead_of_(&natural_slot()), outer_(std::exchange(innermost_scope, this)) {}

ContextScope::~ContextScope() {
  innermost_scope = outer_;
}

ContextVarBase::ContextVarBase(std::string name)
    : id_(last_variable_id.fetch_add(1, std::memory_order_relaxed) + 1), name_(std::move(name)) {}

ContextToken ContextVarBase::set_value(ContextMap::Value value) const {
  ContextSlot& slot = ContextSlot::current();
  const ContextMap values = slot.values();
  const ContextMap::Value* before = values.find(id_);
  ContextToken token(id_, slot.identity(), before != nullptr ? *before : nullptr);
  slot.set_values(values.with(id_, std::move(value)));
  return token;
}

ContextMap::Value ContextVarBase::find_value() const noexcept {
  const ContextMap values = ContextSlot::current().values();
  const ContextMap::Value* value = values.find(id_);
  return value != nullptr ? *value : nullptr;
}

void ContextVarBase::reset(ContextToken& token) const {
  if (token.variable_ == 0)
    throw std::invalid_argument("context variable '" + name_ + "': this token was used before");
  if (token.variable_ != id_)
    throw std::invalid_argument("context variable '" + name_ + "': this token is of another variable");
  ContextSlot& slot = ContextSlot::current();
  if (token.context_ != slot.identity())
    throw std::invalid_argument("context variable '" + name_ + "': this token was made in another context");
  token.variable_ = 0;
  slot.set_values(slot.values().with(id_, std::move(token.before_)));
}

void ContextVarBase::throw_unset() const {
  throw std::out_of_range("context variable '" + name_ + "' is not set here and has no fallback");
}

}  // namespace coterie::detail
