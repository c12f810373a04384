#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/queue/codec.hpp"
#include "coterie/timeout.hpp"
#include "coterie/trace/tracer.hpp"

namespace coterie::queue {

/// The job ended, but not as `done`: `state` says how. what(): "job ID is dead: TYPE: MESSAGE".
class JobFailed : public QueueError {
 public:
  JobFailed(const JobId& id, JobState state, JobError error);
  [[nodiscard]] const JobId& id() const noexcept { return id_; }
  /// dead, cancelled or expired.
  [[nodiscard]] JobState state() const noexcept { return state_; }
  /// Of the last attempt; empty where there was none.
  [[nodiscard]] const JobError& error() const noexcept { return error_; }

 private:
  JobId id_;
  JobState state_;
  JobError error_;
};

/// The job is done, but its result was not stored, for the broker's memory was full. Running it again would
/// do its work twice; what() says so, and what to change.
class ResultDropped : public QueueError {
 public:
  explicit ResultDropped(const JobId& id);
};

/// No such job, or its record is gone: ended longer ago than its `result_ttl`, or purged.
class UnknownJob : public QueueError {
 public:
  explicit UnknownJob(const JobId& id);
};

/// Puts jobs into a queue and waits for their results. Cheap to copy; copies share their waiting. A client
/// belongs to one loop; the broker may be shared. A call whose task is cancelled may have been applied or
/// not.
class Client {
 public:
  explicit Client(std::shared_ptr<Broker> broker);
  /// On a broker of its own, see open_broker(): throws what that throws.
  explicit Client(std::string_view url);

  /// Enqueues of a traced task (see trace::current()) are spans of its trace, and their jobs go on with it,
  /// whatever this is. With a tracer here each of the others begins a trace of its own.
  Client& tracer(std::shared_ptr<trace::Tracer> sender);

  /// Adds a job, durable when this returns, and gives its id: that of the spec, or a new one where that is
  /// nil. After a BrokerUnavailable the same spec with an id of your own (new_uuid()) can be sent again
  /// without harm: an id that is known changes nothing.
  Task<JobId> enqueue(JobSpec job);
  /// Many, in order, in as few calls as the broker's limits allow; each call is atomic, all of them together
  /// are not: an exception leaves what was sent before. Gives the ids in order.
  Task<std::vector<JobId>> enqueue(std::vector<JobSpec> jobs);

  /// Typed: `args` becomes the payload, at once. Needs coterie/queue/json.hpp. With settings, give a JobSpec
  /// instead of the name.
  template <class Args>
  Task<JobId> enqueue(std::string name, Args&& args) {
    return enqueue(JobSpec(std::move(name)), std::forward<Args>(args));
  }
  template <class Args>
  Task<JobId> enqueue(JobSpec job, Args&& args) {
    using T = std::decay_t<Args>;
    static_assert(detail::safe_value_in_await<Args>,
                  "gcc 12 would destroy this temporary twice (PR 99576): give it a name and pass that");
    static_assert(detail::Encodable<T>,
                  "include coterie/queue/json.hpp, and describe the type with BOOST_DESCRIBE_STRUCT");
    job.payload = JsonCodec<T>::write(args);
    return enqueue(std::move(job));
  }

  /// Waits until the job is final and gives its record, with payload and result, however it ended. All waits
  /// of a client share one subscription to the broker. Throws TimeoutError when it is not final by then,
  /// UnknownJob, and BrokerUnavailable when the broker stayed away for 30 s.
  Task<JobInfo> wait(JobId id);
  Task<JobInfo> wait(JobId id, Milliseconds at_most);

  /// The result of a job, when it is there; JobFailed when it ended otherwise, ResultDropped when the broker
  /// had no room for it. Needs coterie/queue/json.hpp. A result that does not fit T is a JsonError.
  template <class T>
  Task<T> result(JobId id, Milliseconds at_most = forever) {
    static_assert(detail::Encodable<T>,
                  "include coterie/queue/json.hpp, and describe the type with BOOST_DESCRIBE_STRUCT");
    return decode<T>(result_text(id, at_most));
  }
  /// The same as JSON text.
  Task<std::string> result_text(JobId id, Milliseconds at_most = forever);

  /// The record as it is now; nothing where there is none.
  Task<std::optional<JobInfo>> get(JobId id, bool bodies = true);
  /// Asks for a cancel. A running job is cancelled within the worker's `cancel_latency`; wait() tells the
  /// end.
  Task<CancelResult> cancel(JobId id);

  [[nodiscard]] const std::shared_ptr<Broker>& broker() const noexcept { return broker_; }

  static constexpr Milliseconds forever{Milliseconds::max()};

 private:
  class Waiters;
  template <class T>
  static Task<T> decode(Task<std::string> text) {
    const std::string json = co_await std::move(text);
    co_return JsonCodec<T>::read(json);
  }
  std::shared_ptr<Broker> broker_;
  std::shared_ptr<Waiters> waiters_;
  std::shared_ptr<trace::Tracer> tracer_;
};

}  // namespace coterie::queue
