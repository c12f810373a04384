#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "src/brokers/sqlite/checkpointer.hpp"
#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/failure.hpp"
#include "src/brokers/sqlite/watch.hpp"

namespace coterie::brokers::sqlite {

/// One call on its way through the writer. Destroyed on the writer's thread.
class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  /// In a transaction; may be called again after a rollback.
  virtual void apply(Engine& engine) = 0;
  /// After the commit.
  virtual void succeed() noexcept = 0;
  virtual void fail(const Failure& failure) noexcept = 0;
};

/// The thread that owns the connection that writes. What waits when it is free goes into one transaction
/// (group commit): under load the price of a sync is shared, at rest nobody waits for company.
class Writer {
 public:
  /// `committed` is called on the writer's thread after each transaction that wrote.
  Writer(std::unique_ptr<Engine> engine, std::string path, std::function<void(const News&)> committed);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  /// Applies what was posted, then closes the database.
  ~Writer();

  /// Any thread.
  void post(std::unique_ptr<Operation> operation);

 private:
  using Group = std::vector<std::unique_ptr<Operation>>;

  void work();
  bool wait(Group& group);
  void run(Group& group);
  void run_together(Group& group, std::size_t& done);
  void run_alone(Operation& operation);
  void idle() noexcept;
  void announce();
  [[nodiscard]] News news() const noexcept { return News{engine_->version(), engine_->rung()}; }

  static constexpr std::size_t group_operations = 512;
  static constexpr std::chrono::milliseconds group_time{2};  ///< after that much work, commit before going on
  static constexpr std::chrono::milliseconds idle_after{50};
  static constexpr std::chrono::milliseconds maintain_every{1000};
  static constexpr std::int64_t maintain_budget = 1024;

  std::unique_ptr<Engine> engine_;
  Checkpointer checkpointer_;
  std::string path_;
  std::function<void(const News&)> committed_;
  std::chrono::steady_clock::time_point maintained_;
  bool more_to_maintain_ = false;
  bool checkpointed_ = true;  ///< since the last write

  std::mutex mutex_;
  std::condition_variable posted_;
  Group queue_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace coterie::brokers::sqlite
