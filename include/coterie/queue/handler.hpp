#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/queue/broker.hpp"
#include "coterie/queue/codec.hpp"
#include "coterie/queue/context.hpp"
#include "coterie/task.hpp"

namespace coterie::queue {

/// Thrown by a handler that wants to say more than an exception's text: a type to group by, what shall become
/// of the job, and when it may run again. Any other exception is a `retry` of type "exception".
class AttemptError : public std::runtime_error {
 public:
  AttemptError(std::string type, const std::string& message, FailKind kind = FailKind::retry,
               Milliseconds delay = Milliseconds{-1})
      : std::runtime_error(message), type_(std::move(type)), kind_(kind), delay_(delay) {}
  [[nodiscard]] const std::string& type() const noexcept { return type_; }
  [[nodiscard]] FailKind kind() const noexcept { return kind_; }
  /// Negative: the job's own backoff.
  [[nodiscard]] Milliseconds delay() const noexcept { return delay_; }

 private:
  std::string type_;
  FailKind kind_;
  Milliseconds delay_;
};

/// The job can never succeed: it is `dead` at once, whatever attempts are left.
class PermanentError : public AttemptError {
 public:
  explicit PermanentError(const std::string& message) : PermanentError("permanent", message) {}
  PermanentError(std::string type, const std::string& message)
      : AttemptError(std::move(type), message, FailKind::dead) {}
};

/// The attempt counts, and the next one comes after `delay` instead of the job's own backoff.
class RetryAfter : public AttemptError {
 public:
  explicit RetryAfter(Milliseconds delay, const std::string& message = "the handler asked for a later retry")
      : AttemptError("retry after", message, FailKind::retry,
                     delay < Milliseconds{0} ? Milliseconds{0} : delay) {}
};

/// What a worker runs for a job's name. `Worker::handle` makes one from a function; derive from it for more.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  /// One attempt: returns the result as JSON text, or throws. Runs as a task of its own on the worker's loop,
  /// many at a time. `job` and this object live until the task has ended.
  virtual Task<std::string> run(JobContext& job) = 0;
};

/// A handler that blocks: each run is on a thread of the pool, so it must be safe to run many at a time. A
/// run cannot be stopped, so its slot, its lease and its heartbeats last until the function returns; see
/// JobContext::cancelled().
class BlockingHandler : public Handler, public std::enable_shared_from_this<BlockingHandler> {
 public:
  /// One attempt, on a thread of ThreadPool::shared(). Must be owned by a shared_ptr.
  virtual std::string run_blocking(JobContext& job) = 0;
  Task<std::string> run(JobContext& job) final;
};

/// Moves the payload's text out of a job, which then has none.
class RawPayload {
 public:
  [[nodiscard]] static std::string take(JobContext& job) noexcept { return std::move(job.lease_.payload); }
};

namespace detail {

template <class R, class... P>
struct SignatureOf {
  using Result = R;
  using Params = std::tuple<P...>;
};
template <class Fn>
struct Signature : Signature<decltype(&Fn::operator())> {};
template <class R, class... P>
struct Signature<R (*)(P...)> : SignatureOf<R, P...> {};
template <class R, class... P>
struct Signature<R (*)(P...) noexcept> : SignatureOf<R, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...)> : SignatureOf<R, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) const> : SignatureOf<R, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) noexcept> : SignatureOf<R, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) const noexcept> : SignatureOf<R, P...> {};

/// How a function is called: with the context or not, with arguments or not.
template <class Params>
struct CallShape {
  static constexpr bool valid = false;
};
template <>
struct CallShape<std::tuple<>> {
  static constexpr bool valid = true, context = false, args = false;
  using Args = void;
};
template <class A>
struct CallShape<std::tuple<A>> {
  static constexpr bool valid = true, context = false, args = true;
  using Args = std::remove_cvref_t<A>;
};
template <>
struct CallShape<std::tuple<JobContext&>> {
  static constexpr bool valid = true, context = true, args = false;
  using Args = void;
};
template <class A>
struct CallShape<std::tuple<JobContext&, A>> {
  static constexpr bool valid = true, context = true, args = true;
  using Args = std::remove_cvref_t<A>;
};

template <class T>
struct TaskValue {
  static constexpr bool is_task = false;
  using Type = T;
};
template <class T>
struct TaskValue<Task<T>> {
  static constexpr bool is_task = true;
  using Type = T;
};

/// A payload that does not fit its handler never will: no retry.
template <class Args>
Args read_payload(const JobContext& job) {
  try {
    return JsonCodec<Args>::read(job.payload());
  } catch (const std::exception& error) {
    throw PermanentError("bad payload", error.what());
  }
}
template <class Result>
std::string write_result(const Result& result) {
  try {
    return JsonCodec<Result>::write(result);
  } catch (const std::exception& error) {
    throw PermanentError("bad result", error.what());
  }
}

/// Calls `fn` with what its signature asks for. `args` is moved from where the function takes it by value.
template <class Shape, class Fn, class Args>
decltype(auto) call_handler(Fn& fn, JobContext& job, Args& args) {
  if constexpr (Shape::context)
    return fn(job, std::move(args));
  else
    return fn(std::move(args));
}
template <class Shape, class Fn>
decltype(auto) call_handler(Fn& fn, JobContext& job) {
  if constexpr (Shape::context)
    return fn(job);
  else
    return fn();
}

template <class Fn>
class TypedTaskHandler final : public Handler {
  using Shape = CallShape<typename Signature<Fn>::Params>;
  using Body = typename Signature<Fn>::Result;
  using Result = typename Body::value_type;

 public:
  explicit TypedTaskHandler(Fn fn) : fn_(std::move(fn)) {}
  Task<std::string> run(JobContext& job) override {
    if constexpr (Shape::args) {
      auto args = read_payload<typename Shape::Args>(job);
      Body body = call_handler<Shape>(fn_, job, args);
      Outcome<Result> end = co_await outcome(std::move(body));
      co_return text_of(end);
    } else {
      Body body = call_handler<Shape>(fn_, job);
      Outcome<Result> end = co_await outcome(std::move(body));
      co_return text_of(end);
    }
  }

 private:
  static std::string text_of(Outcome<Result>& end) {
    if constexpr (std::is_void_v<Result>) {
      end.get();
      return "null";
    } else {
      return write_result<Result>(end.get());
    }
  }
  Fn fn_;
};

template <class Fn>
class TypedBlockingHandler final : public BlockingHandler {
  using Shape = CallShape<typename Signature<Fn>::Params>;
  using Result = typename Signature<Fn>::Result;

 public:
  explicit TypedBlockingHandler(Fn fn) : fn_(std::move(fn)) {}
  std::string run_blocking(JobContext& job) override {
    if constexpr (Shape::args) {
      auto args = read_payload<typename Shape::Args>(job);
      return finish([&]() -> decltype(auto) { return call_handler<Shape>(fn_, job, args); });
    } else {
      return finish([&]() -> decltype(auto) { return call_handler<Shape>(fn_, job); });
    }
  }

 private:
  template <class Call>
  static std::string finish(Call call) {
    if constexpr (std::is_void_v<Result>) {
      call();
      return "null";
    } else {
      return write_result<std::remove_cvref_t<Result>>(call());
    }
  }
  Fn fn_;
};

template <class Fn>
class RawTaskHandler final : public Handler {
 public:
  explicit RawTaskHandler(Fn fn) : fn_(std::move(fn)) {}
  Task<std::string> run(JobContext& job) override { return fn_(job, RawPayload::take(job)); }

 private:
  Fn fn_;
};
template <class Fn>
class RawBlockingHandler final : public BlockingHandler {
 public:
  explicit RawBlockingHandler(Fn fn) : fn_(std::move(fn)) {}
  std::string run_blocking(JobContext& job) override { return fn_(job, RawPayload::take(job)); }

 private:
  Fn fn_;
};

}  // namespace detail

/// A handler from a function of JSON text: `Task<std::string>(JobContext&, std::string)`, or the same without
/// Task for one that blocks, which then runs on the pool. Payload and result are JSON text as they stand.
template <class Fn>
[[nodiscard]] std::shared_ptr<Handler> make_raw_handler(Fn&& fn) {
  using F = std::decay_t<Fn>;
  static_assert(std::is_invocable_v<F&, JobContext&, std::string>,
                "a raw handler is called as fn(JobContext&, std::string payload)");
  using R = std::invoke_result_t<F&, JobContext&, std::string>;
  if constexpr (std::is_same_v<R, Task<std::string>>) {
    return std::make_shared<detail::RawTaskHandler<F>>(std::forward<Fn>(fn));
  } else {
    static_assert(std::is_convertible_v<R, std::string>,
                  "a raw handler returns Task<std::string>, or std::string when it blocks: JSON text");
    return std::make_shared<detail::RawBlockingHandler<F>>(std::forward<Fn>(fn));
  }
}

/// A handler from a typed function: `Task<R>(JobContext&, Args)` is a coroutine on the worker's loop,
/// `R(JobContext&, Args)` blocks and runs on the pool. The context and the arguments may each be left out,
/// and R may be void (the result is then `null`). Args and R go through JsonCodec.
template <class Fn>
[[nodiscard]] std::shared_ptr<Handler> make_typed_handler(Fn&& fn) {
  using F = std::decay_t<Fn>;
  using Shape = detail::CallShape<typename detail::Signature<F>::Params>;
  using Value = detail::TaskValue<typename detail::Signature<F>::Result>;
  static_assert(
      Shape::valid,
      "a handler takes (JobContext&, Args), (Args), (JobContext&) or nothing, Args being one struct");
  if constexpr (Shape::args)
    static_assert(
        detail::Encodable<typename Shape::Args>,
        "include coterie/queue/json.hpp, and describe the arguments' type with BOOST_DESCRIBE_STRUCT");
  if constexpr (!std::is_void_v<typename Value::Type>)
    static_assert(
        detail::Encodable<std::remove_cvref_t<typename Value::Type>>,
        "include coterie/queue/json.hpp, and describe the result's type with BOOST_DESCRIBE_STRUCT");
  if constexpr (Value::is_task)
    return std::make_shared<detail::TypedTaskHandler<F>>(std::forward<Fn>(fn));
  else
    return std::make_shared<detail::TypedBlockingHandler<F>>(std::forward<Fn>(fn));
}

}  // namespace coterie::queue
