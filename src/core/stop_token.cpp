#include "coterie/stop_token.hpp"

#include <optional>

#include "coterie/core/doorbell.hpp"
#include "coterie/loop.hpp"

namespace coterie {
namespace {

CancelMessage stop_message() {
  return std::make_shared<const std::string>("stop requested");
}

/// Stands between a token and a task; goes with the task's end.
class StopLink final : private DoneHook, private Doorbell {
 public:
  StopLink(std::stop_token token, TaskRec& task) : task_(&task) {
    connect(task.loop());
    task.add_hook(*this);
    on_stop_.emplace(std::move(token), Ring{this});
  }

 private:
  struct Ring {
    void operator()() const noexcept { link->ring(); }
    StopLink* link;
  };
  ~StopLink() = default;
  void answer() noexcept override { task_->cancel(stop_message()); }
  void task_done(TaskRec&) noexcept override { delete this; }
  TaskRec* task_;
  std::optional<std::stop_callback<Ring>> on_stop_;  // last: its end waits for a ring that is under way
};

}  // namespace

void detail::cancel_on_stop(std::stop_token token, TaskRec& task) {
  if (task.done() || !token.stop_possible()) return;
  if (token.stop_requested())
    task.cancel(stop_message());
  else
    new StopLink(std::move(token), task);  // deletes itself
}

}  // namespace coterie
