#include "src/brokers/sqlite/writer.hpp"

#include <pthread.h>

#include <iterator>
#include <optional>
#include <utility>

#include "src/brokers/sqlite/error.hpp"

namespace coterie::brokers::sqlite {

Writer::Writer(std::unique_ptr<Engine> engine, std::string path, std::function<void(const News&)> committed)
    : engine_(std::move(engine)),
      checkpointer_(engine_->connection()),
      path_(std::move(path)),
      committed_(std::move(committed)),
      maintained_(std::chrono::steady_clock::now()) {
  thread_ = std::thread([this] { work(); });
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  posted_.notify_one();
  thread_.join();
}

void Writer::post(std::unique_ptr<Operation> operation) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = queue_.empty();
    queue_.push_back(std::move(operation));
  }
  if (first) posted_.notify_one();
}

void Writer::work() {
  pthread_setname_np(pthread_self(), "coterie-sqlite");
  Group group;
  while (wait(group)) {
    if (group.empty()) {
      idle();
      continue;
    }
    run(group);
    group.clear();
    const auto now = std::chrono::steady_clock::now();
    if (now - maintained_ >= maintain_every || more_to_maintain_) idle();
  }
  try {
    engine_->remember_clock();
  } catch (const std::exception&) {
    engine_->rollback();  // everything that was promised is written
  }
  checkpointer_.finish();
}

/// Moves what was posted into `group`; empty after a while without. False when it is time to end.
bool Writer::wait(Group& group) {
  std::unique_lock lock(mutex_);
  const auto something = [this] { return !queue_.empty() || stop_; };
  const auto pause = !checkpointed_      ? idle_after
                     : more_to_maintain_ ? std::chrono::milliseconds{0}
                                         : maintain_every;
  if (!posted_.wait_for(lock, pause, something)) return true;
  if (queue_.empty()) return false;
  if (queue_.size() <= group_operations) {
    group.swap(queue_);
    return true;
  }
  const auto end = queue_.begin() + group_operations;
  group.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return true;
}

void Writer::run(Group& group) {
  for (std::size_t done = 0; done < group.size();) run_together(group, done);
}

/// One transaction for as many operations from `done` on as fit into its time.
void Writer::run_together(Group& group, std::size_t& done) {
  std::vector<std::pair<Operation*, std::optional<Failure>>> applied;
  try {
    engine_->begin();
  } catch (...) {
    // The file is locked or gone: nobody in this group would fare better.
    const Failure failure = current_failure(path_);
    engine_->rollback();
    for (; done < group.size(); ++done) group[done]->fail(failure);
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  const std::size_t first = done;
  try {
    do {
      Operation& operation = *group[done++];
      try {
        operation.apply(*engine_);
        applied.emplace_back(&operation, std::nullopt);
      } catch (const BadRequest&) {  // thrown before its first write: its neighbours stand
        applied.emplace_back(&operation, current_failure(path_));
      }
    } while (done < group.size() && std::chrono::steady_clock::now() - start < group_time);
    engine_->commit();
  } catch (...) {
    const bool full = is_disk_full();
    engine_->rollback();
    if (full) checkpointer_.make_room();
    // One of them cannot be done now, or all: each for itself tells.
    for (std::size_t i = first; i < done; ++i) run_alone(*group[i]);
    return;
  }
  for (const auto& [operation, failure] : applied) {
    if (failure)
      operation->fail(*failure);
    else
      operation->succeed();
  }
  announce();
}

/// On a full disk once more, when the log could be shortened. A second time it is so that the disk, which
/// others use too, has back what the failed transaction took.
void Writer::run_alone(Operation& operation) {
  for (bool first = true;; first = false) {
    try {
      engine_->begin();
      operation.apply(*engine_);
      engine_->commit();
      break;
    } catch (...) {
      const Failure failure = current_failure(path_);
      const bool full = is_disk_full();
      engine_->rollback();
      if (full && checkpointer_.make_room() && first) continue;
      operation.fail(failure);
      return;
    }
  }
  operation.succeed();
  announce();
}

/// After the callers have their replies: whoever waits for changes, and perhaps a checkpoint, come later.
void Writer::announce() {
  if (!engine_->wrote()) return;
  checkpointed_ = false;
  committed_(news());
  if (checkpointer_.is_long()) checkpointer_.run();
}

/// What nobody waits for. Its errors will meet the next caller too, who can be told.
void Writer::idle() noexcept {
  try {
    const auto now = std::chrono::steady_clock::now();
    if (now - maintained_ >= maintain_every || more_to_maintain_) {
      maintained_ = now;
      engine_->begin();
      more_to_maintain_ = engine_->maintain(maintain_budget);
      engine_->commit();
      if (engine_->wrote()) committed_(news());
    }
  } catch (...) {
    const bool full = is_disk_full();
    more_to_maintain_ = false;
    engine_->rollback();
    if (full) checkpointer_.make_room();
  }
  if (checkpointed_) return;
  if (checkpointer_.is_worth_it()) checkpointer_.run();
  checkpointed_ = true;
}

}  // namespace coterie::brokers::sqlite
