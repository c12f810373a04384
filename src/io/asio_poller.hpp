#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <optional>

#include "coterie/io/asio.hpp"
#include "coterie/loop.hpp"
#include "coterie/poller.hpp"

namespace coterie {

/// The default poller: waits in a boost::asio::io_context that only this loop's thread runs. Asio polls and
/// no more; what its handlers find ready goes into the loop's own queue.
///
/// A deadline further than `near` ahead is waited for by epoll's timeout, which is rounded up to a
/// millisecond; a nearer one by a timer descriptor, which costs a system call more and is exact to some 0.1
/// ms. Neither is early.
class AsioPoller final : public Poller {
 public:
  using Context = boost::asio::io_context;
  static constexpr Duration near = std::chrono::milliseconds(2);

  AsioPoller();
  /// Abandons what still stands on it: see Dependent.
  ~AsioPoller() override;

  [[nodiscard]] TimePoint now() noexcept override { return Clock::now(); }
  [[nodiscard]] TimePoint coarse_now() noexcept override;
  void poll(std::optional<TimePoint> deadline) override;
  void wake() noexcept override;

  /// After a wake() it looks for so long whether another comes, before it sleeps: each time as long as that
  /// finds one, ever more rarely while it does not. Loop thread.
  void set_linger(Duration time) noexcept { linger_ = time; }
  /// How often it has looked like that. Any thread.
  [[nodiscard]] std::uint64_t lingers() const noexcept { return lingers_.load(std::memory_order_relaxed); }
  /// How often it has waited by a system call. Any thread.
  [[nodiscard]] std::uint64_t sleeps() const noexcept { return sleeps_.load(std::memory_order_relaxed); }

  /// Handlers run inside poll(), in no task: they queue work on the loop and must not throw.
  [[nodiscard]] Context& context() noexcept { return context_; }

  /// What cancellation slots of operations on this context are kept in.
  [[nodiscard]] detail::AsioCache& cache() noexcept { return cache_; }

  /// At the next poll, once the ends that are queued have run.
  void ask_to_cancel(detail::AsioLeaf::CancelRequest& request) noexcept { to_cancel_.push_back(request); }

  /// Something that holds an object of Asio's and may outlive the loop: it is told when the context goes.
  class Dependent {
   public:
    Dependent(const Dependent&) = delete;
    Dependent& operator=(const Dependent&) = delete;

   protected:
    explicit Dependent(AsioPoller& poller) noexcept;
    virtual ~Dependent();
    /// Destroy what belongs to the context, which goes next.
    virtual void abandon() noexcept = 0;
    /// Null after abandon().
    [[nodiscard]] AsioPoller* poller() const noexcept { return poller_; }

   private:
    friend class AsioPoller;
    void unlink() noexcept;
    AsioPoller* poller_;
    Dependent* next_ = nullptr;
    Dependent* prev_ = nullptr;
  };

 private:
  // Only a loop that sleeps is worth a system call; one that is awake looks for messages before it waits.
  enum class State : unsigned char { awake, asleep, called };
  bool become(State next) noexcept;
  [[nodiscard]] bool is_called_soon(std::optional<TimePoint> deadline) noexcept;
  void wait(std::optional<TimePoint> deadline);
  std::size_t wait_near(TimePoint deadline);
  void cancel_operations();

  detail::AsioCache cache_;  // outlives the context, whose operations use it
  Context context_{1};       // the hint: one thread runs it; others may still post
  boost::asio::executor_work_guard<Context::executor_type> work_;
  boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Context::executor_type> timer_;
  boost::asio::posix::basic_stream_descriptor<Context::executor_type> bell_;
  std::optional<TimePoint> timer_at_;  // what timer_ is armed for
  std::size_t own_handlers_ = 0;  // of those that ran in this poll(): ours, which are no news for the loop
  std::atomic<State> state_{State::awake};
  std::atomic<std::uint64_t> sleeps_{0};
  std::atomic<std::uint64_t> lingers_{0};
  Duration linger_{};
  bool expects_more_ = false;    // it has been called since it last lingered
  unsigned sleeps_at_once_ = 0;  // so often, before it lingers again
  unsigned rests_next_ = 0;      // so often, if that finds nothing
  Dependent* dependents_ = nullptr;
  LinkedList<detail::AsioLeaf::CancelRequest> to_cancel_;
};

/// The poller of a loop that has real I/O; std::logic_error on a loop of another kind, such as a virtual one.
[[nodiscard]] AsioPoller& asio_poller(EventLoop& loop);
/// Of the loop that runs on this thread.
[[nodiscard]] AsioPoller& current_asio_poller();

}  // namespace coterie
