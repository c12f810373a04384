#pragma once
#include <memory>
#include <unordered_map>
#include <vector>

#include "coterie/queue/client.hpp"
#include "coterie/spawn.hpp"
#include "src/queue/wakeup.hpp"

namespace coterie::queue {

/// All that wait for jobs through one client: one task follows the broker's changes for them and asks for all
/// their jobs in one call. It lives while anybody waits. Of one loop.
class Client::Waiters final : public std::enable_shared_from_this<Client::Waiters> {
 public:
  /// One wait; registered while it lives.
  class Waiter {
   public:
    Waiter(std::shared_ptr<Waiters> owner, JobId job);
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    JobId id;
    Wakeup wakeup;
    std::optional<JobInfo> info;  ///< final
    std::exception_ptr error;

   private:
    std::shared_ptr<Waiters> owner_;
  };

  explicit Waiters(std::shared_ptr<Broker> broker) : broker_(std::move(broker)) {}
  static Task<JobInfo> wait(std::shared_ptr<Waiters> waiters, JobId id, Milliseconds at_most);

 private:
  Task<std::optional<JobInfo>> look_once(JobId id);
  void follow();
  static Task<void> follow_changes(std::shared_ptr<Waiters> self);
  /// How many have ended.
  Task<std::size_t> look();
  Task<std::size_t> look_at(std::vector<JobId> ids);
  void tell(const JobId& id, const std::optional<JobInfo>& info);
  void fail(const std::exception_ptr& error);

  const std::shared_ptr<Broker> broker_;
  std::unordered_multimap<Uuid, Waiter*> waiting_;
  JoinHandle<void> follower_;
};

}  // namespace coterie::queue
