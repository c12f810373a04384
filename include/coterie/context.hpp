#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/core/context_slot.hpp"
#include "coterie/task.hpp"

namespace coterie {

template <class T>
class ContextVar;
namespace detail {
class ContextVarBase;
}

/// A set of values of context variables: contextvars.Context (CPython 3.14).
///
/// A handle: copies of it mean the same context, copy() makes another. Every task and every callback runs in
/// a context of its own, a copy of the one in which it was spawned or registered, so that what it sets is its
/// own; SpawnOptions::context() puts a task into this one instead. Handles may be copied and dropped on any
/// thread; the context itself is used by one thread at a time.
class Context {
 public:
  /// Nothing is set in it.
  Context() : box_(new detail::ContextBox) {}
  Context(const Context& other) noexcept : box_(other.box_) { box_->add_ref(); }
  Context& operator=(Context other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~Context() { box_->release(); }

  /// Another context with the same values. Copies a pointer, however many there are.
  [[nodiscard]] Context copy() const { return Context(detail::ContextSlot(*box_)); }
  /// Calls `fn(args...)` inside this context: what it sets stays here. For plain functions, as the context
  /// ends with the call; a task is put into a context by SpawnOptions::context().
  template <class Fn, class... Args>
  decltype(auto) run(Fn&& fn, Args&&... args) const {
    COTERIE_GUARD_CALLABLE(Fn);
    COTERIE_GUARD_ARGUMENTS(Args...);
    static_assert(!detail::is_task<std::invoke_result_t<Fn, Args...>>,
                  "a Task runs when it is awaited, and this context ends with the call: "
                  "spawn(SpawnOptions().context(it), f, args...)");
    detail::ContextSlot slot(*box_);
    const detail::ContextScope scope(slot);
    return std::invoke(std::forward<Fn>(fn), std::forward<Args>(args)...);
  }
  /// The value of `variable` in this context, wherever the caller runs; nothing when it is not set here.
  template <class T>
  [[nodiscard]] std::optional<T> get(const ContextVar<T>& variable) const {
    const auto* value = box_->values().find(variable.id());
    if (value == nullptr) return std::nullopt;
    return *static_cast<const T*>(value->get());
  }
  /// How many variables are set in it.
  [[nodiscard]] std::size_t size() const noexcept { return box_->values().size(); }
  /// The same context, not equal values.
  friend bool operator==(const Context& a, const Context& b) noexcept { return a.box_ == b.box_; }

  /// For the runtime: a new context with what stands in `slot`, and a slot that refers to this one.
  explicit Context(const detail::ContextSlot& slot) : box_(new detail::ContextBox(slot.values())) {}
  [[nodiscard]] detail::ContextSlot slot() const noexcept { return detail::ContextSlot(*box_); }

 private:
  detail::ContextBox* box_;
};

/// A copy of the context in which the caller runs. (contextvars.copy_context)
[[nodiscard]] inline Context copy_context() {
  return Context(detail::ContextSlot::current());
}

/// What ContextVar::set() gives, for ContextVar::reset(): what the variable was before. Used once.
class [[nodiscard("keep it for reset(), or say (void)")]] ContextToken {
 public:
  ContextToken(ContextToken&&) noexcept = default;
  ContextToken& operator=(ContextToken&&) noexcept = default;
  ~ContextToken() = default;

 private:
  friend class detail::ContextVarBase;
  ContextToken(std::uint64_t variable, const void* context, detail::ContextMap::Value before)
      : variable_(variable), context_(context), before_(std::move(before)) {}
  std::uint64_t variable_;  // 0: used
  const void* context_;
  detail::ContextMap::Value before_;
};

namespace detail {
/// What is the same for every type.
class ContextVarBase {
 public:
  ContextVarBase(const ContextVarBase&) = delete;
  ContextVarBase& operator=(const ContextVarBase&) = delete;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// For the runtime.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  /// Takes the last set() back, in the context where it was made. std::invalid_argument when the token is of
  /// another variable, of another context, or was used before.
  void reset(ContextToken& token) const;
  void reset(ContextToken&& token) const { reset(token); }

 protected:
  explicit ContextVarBase(std::string name);
  ~ContextVarBase() = default;
  [[nodiscard]] ContextToken set_value(ContextMap::Value value) const;
  [[nodiscard]] ContextMap::Value find_value() const noexcept;
  [[noreturn]] void throw_unset() const;

 private:
  std::uint64_t id_;
  std::string name_;
};
}  // namespace detail

/// A variable that has a value of its own in every task: a request's id, its deadline, its user.
/// (contextvars.ContextVar)
///
///     const ContextVar<std::string> request_id("request_id", "-");
///
///     Task<void> serve(Request request) {
///       (void)request_id.set(request.id);     // for this task and for what it spawns from now on
///       co_await handle(request);             // any depth: request_id.get()
///     }
///
/// One object for the whole program, usually a constant of a namespace; usable on any thread, each with its
/// own values. Coroutines that are awaited share their task's; a spawned task, call_soon(), call_later(),
/// a done-callback, to_thread() take the values along that are set when they are made. A program that sets
/// none pays nothing. Values are read by copy, as a reference would not outlive the next set(); for large
/// ones let `T` be a std::shared_ptr.
template <class T>
class ContextVar final : public detail::ContextVarBase {
 public:
  using value_type = T;

  /// `name`: for people.
  explicit ContextVar(std::string name) : ContextVarBase(std::move(name)) {}
  /// `fallback`: its value where it is not set.
  ContextVar(std::string name, T fallback)
      : ContextVarBase(std::move(name)), fallback_(std::move(fallback)) {}

  /// The value in the current context, or the fallback; std::out_of_range when there is neither.
  [[nodiscard]] T get() const {
    if (const auto value = find_value()) return *static_cast<const T*>(value.get());
    if (!fallback_) throw_unset();
    return *fallback_;
  }
  /// The same with a fallback of the caller's.
  [[nodiscard]] T get_or(T fallback) const {
    if (const auto value = find_value()) return *static_cast<const T*>(value.get());
    return fallback;
  }
  /// Sets it in the current context.
  ContextToken set(T value) const { return set_value(std::make_shared<const T>(std::move(value))); }

 private:
  std::optional<T> fallback_;
};

}  // namespace coterie
