#pragma once
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <utility>

#include "coterie/context.hpp"
#include "coterie/core/runnable.hpp"

namespace coterie {

/// What spawn() may be told about a task: `spawn(named("page").sched_class(2), fetch, url)`.
class SpawnOptions {
 public:
  SpawnOptions() = default;
  explicit SpawnOptions(std::string name, std::source_location where = std::source_location::current())
      : name_(std::move(name)), where_(where) {}
  /// For people: dumps, errors, the dashboard.
  SpawnOptions& name(std::string name) & {
    name_ = std::move(name);
    return *this;
  }
  /// Its scheduling class: its priority, or which share of the loop it runs in, as the loop's policy has it;
  /// by default that of the task that spawns it.
  SpawnOptions& sched_class(SchedClass value) & {
    sched_class_ = value;
    return *this;
  }
  SpawnOptions&& sched_class(SchedClass value) && {
    sched_class_ = value;
    return std::move(*this);
  }
  /// It runs in `value` itself, not in a copy of its creator's context: what it sets is seen by whoever else
  /// runs there. (asyncio.create_task(context=…))
  SpawnOptions& context(const Context& value) & {
    context_ = value.slot();
    return *this;
  }
  SpawnOptions&& context(const Context& value) && {
    context_ = value.slot();
    return std::move(*this);
  }
  /// Whether the task runs up to its first suspension inside spawn(), or one tick later; by default as the
  /// loop says, see EventLoop::set_eager_start(). (asyncio.create_task(eager_start=…))
  SpawnOptions& eager(bool value = true) & {
    eager_ = value;
    return *this;
  }
  SpawnOptions&& eager(bool value = true) && {
    eager_ = value;
    return std::move(*this);
  }
  /// The task is cancelled when `token` is requested, by any thread, before it starts or later.
  SpawnOptions& stop_token(std::stop_token token) & {
    stop_token_ = std::move(token);
    return *this;
  }
  SpawnOptions&& stop_token(std::stop_token token) && {
    stop_token_ = std::move(token);
    return std::move(*this);
  }

  /// For the runtime.
  [[nodiscard]] detail::ContextSlot& context_ref() noexcept { return context_; }
  [[nodiscard]] std::optional<bool> eager_value() const noexcept { return eager_; }
  [[nodiscard]] const std::stop_token& stop_token_value() const noexcept { return stop_token_; }
  [[nodiscard]] std::string& name_ref() noexcept { return name_; }
  [[nodiscard]] std::optional<SchedClass> sched_class_value() const noexcept { return sched_class_; }
  [[nodiscard]] std::source_location where() const noexcept { return where_; }

 private:
  std::string name_;
  std::source_location where_;
  detail::ContextSlot context_;
  std::optional<SchedClass> sched_class_;
  std::optional<bool> eager_;
  std::stop_token stop_token_;
};
[[nodiscard]] inline SpawnOptions named(std::string name,
                                        std::source_location where = std::source_location::current()) {
  return SpawnOptions(std::move(name), where);
}

}  // namespace coterie
