#pragma once
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coterie/core/leaf.hpp"
#include "coterie/core/linked_list.hpp"
#include "coterie/spawn.hpp"

/// Operations of Boost.Asio, and of what is built on it (Beast), in coroutines of this library. The only
/// header that includes Asio.
namespace coterie {

class AsioPoller;

namespace io {
/// The io_context of the loop that runs here: what I/O objects of Asio are made with. Only the loop runs it,
/// on its thread; handlers that others put there run inside the loop's poll, in no task. std::logic_error on
/// a loop without real I/O, such as a virtual one.
[[nodiscard]] boost::asio::io_context& asio_context();
}  // namespace io

/// The completion token: `std::size_t n = co_await socket.async_read_some(buffer, use_task);`
///
/// Awaits an operation of any signature. Its first argument, where that is an error_code or an exception_ptr,
/// is thrown (boost::system::system_error); what is left is the value: nothing, one, or a std::tuple. With
/// `boost::asio::as_tuple(use_task)` the error_code is part of the value.
///
/// The operation begins when it is awaited, and belongs to the awaiting expression: nothing is allocated for
/// it, unless it needs more than AsioLeaf::arena_bytes at once. Its I/O object must stand on
/// io::asio_context() of the loop that awaits.
///
/// A cancel of the task goes to the operation's cancellation slot at the loop's next poll, of every type that
/// it supports; the task goes on when the operation has ended. If that reports operation_aborted, `Cancelled`
/// is thrown. If it has won the race, its result is delivered, and the cancel at the task's next suspension.
/// After a cancel of a composed operation (read, write, a TLS stream) half a message may have passed: close
/// the connection. Operations without a slot (post, async_resolve) end when they end; for names there is
/// io/dns.hpp.
///
/// I/O objects must not be moved while an operation runs, for Asio keeps their address. They may be closed or
/// destroyed, which aborts it. They must not outlive the loop: `Socket s = run(connect())` does.
///
/// If the coroutine's frame is destroyed meanwhile, the destructor cancels the operation and runs the context
/// until it has ended, for Asio may use what stands in the frame. One that does not end within 10 s (it has
/// no slot, and waits for something that does not come) ends the process with a line that says so.
struct use_task_t {};
inline constexpr use_task_t use_task{};

namespace detail {

/// Memory that the cancellation slots of a loop's operations use again. Asio keeps such blocks per call of
/// run(), of which the loop makes many: so it is shown this as the innermost one, wherever a block is taken
/// or given back outside of run().
class AsioCache : private boost::asio::detail::thread_context {
 public:
  class Scope {
   public:
    explicit Scope(AsioCache& cache) : entry_(&cache, cache.memory_) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() = default;

   private:
    thread_call_stack::context entry_;
  };

 private:
  boost::asio::detail::thread_info_base memory_;
};

/// An operation that a task awaits; the part that does not depend on its signature.
///
///                 await_suspend()            Asio calls, or drops, the handler
///     created ───────────────────▶ running ───────────────────────────────────▶ over
///        │ cancel(): never begun      │ cancel(): the poller emits, and the end is waited for
class AsioLeaf : public Leaf {
 public:
  static constexpr std::size_t arena_bytes = 256;
  /// Stands in the poller's list until the slot is told. Not at once: an I/O object that was destroyed leaves
  /// a slot that points into it, until the end of its operation, which is queued, has run.
  struct CancelRequest : ListNode {
    explicit CancelRequest(AsioLeaf& of) noexcept : leaf(of) {}
    AsioLeaf& leaf;
  };

  CancelReply cancel(const CancelMessage& message) override;

  /// For handlers.
  [[nodiscard]] boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }
  [[nodiscard]] boost::asio::io_context& context() const noexcept;
  [[nodiscard]] void* allocate(std::size_t bytes);
  void deallocate(void* block, std::size_t bytes) noexcept;
  /// The handler was destroyed without having been called.
  void abandoned() noexcept;
  /// For the poller.
  void emit_cancel();

 protected:
  AsioLeaf() noexcept : Leaf(WaitKind::asio, this), request_(*this) {}
  ~AsioLeaf() = default;

  /// First thing in await_suspend.
  void begin();
  /// Calls `initiate()`, unless a cancel came first.
  template <class Initiate>
  void start(Initiate initiate) {
    if (!waiting()) return;
    phase_ = Phase::running;
    const AsioCache::Scope scope(cache());
    try {
      initiate();
    } catch (...) {
      end_with(std::current_exception());
    }
  }
  void set_failure(std::exception_ptr failure) noexcept { failure_ = std::move(failure); }
  [[nodiscard]] bool cancel_asked() const noexcept { return cancel_asked_; }
  /// `cancelled`: by the cancel that was asked for.
  void end(bool cancelled) noexcept;
  void end_with(std::exception_ptr failure) noexcept;
  /// In await_resume: `Cancelled`, or why there is no result.
  void arrive();
  /// In the destructor of the most derived class.
  void drain() noexcept;

 private:
  enum class Phase : unsigned char { created, running, over };
  [[nodiscard]] AsioCache& cache() const noexcept;
  void clear_slot() noexcept;
  std::exception_ptr target_cancel() noexcept override;

  AsioPoller* poller_ = nullptr;
  boost::asio::cancellation_signal signal_;
  CancelRequest request_;
  CancelMessage message_;
  std::exception_ptr failure_;
  Phase phase_ = Phase::created;
  bool cancel_asked_ = false;
  bool cancelled_ = false;
  bool draining_ = false;
  bool arena_used_ = false;
  alignas(std::max_align_t) std::byte arena_[arena_bytes];
};

/// Gives an operation's memory from its awaiter, one block at a time; further ones come from the frames' free
/// lists.
template <class T>
class AsioAllocator {
 public:
  using value_type = T;
  explicit AsioAllocator(AsioLeaf& leaf) noexcept : leaf_(&leaf) {}
  template <class U>
  AsioAllocator(const AsioAllocator<U>& other) noexcept : leaf_(&other.leaf()) {}  // NOLINT(*-explicit-*)
  [[nodiscard]] T* allocate(std::size_t count) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return static_cast<T*>(leaf_->allocate(count * sizeof(T)));
  }
  void deallocate(T* block, std::size_t count) noexcept { leaf_->deallocate(block, count * sizeof(T)); }
  [[nodiscard]] AsioLeaf& leaf() const noexcept { return *leaf_; }
  friend bool operator==(const AsioAllocator&, const AsioAllocator&) noexcept = default;

 private:
  AsioLeaf* leaf_;
};

/// What Asio calls at the end, once; refers to the awaiter.
template <class Operation>
class AsioHandler {
 public:
  using executor_type = boost::asio::io_context::executor_type;
  using cancellation_slot_type = boost::asio::cancellation_slot;
  using allocator_type = AsioAllocator<void*>;

  explicit AsioHandler(Operation& operation) noexcept : operation_(&operation) {}
  AsioHandler(AsioHandler&& other) noexcept : operation_(std::exchange(other.operation_, nullptr)) {}
  AsioHandler& operator=(AsioHandler&&) = delete;
  ~AsioHandler() {
    if (operation_ != nullptr) operation_->abandoned();
  }
  template <class... Args>
  void operator()(Args&&... args) {
    std::exchange(operation_, nullptr)->completed(std::forward<Args>(args)...);
  }
  [[nodiscard]] executor_type get_executor() const noexcept { return operation_->context().get_executor(); }
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return operation_->slot(); }
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(*operation_); }

 private:
  Operation* operation_;
};

using AsioError = boost::system::error_code;
/// system_error of operation_aborted.
[[nodiscard]] bool is_abort(const std::exception_ptr& error) noexcept;

/// How the arguments of a completion become an end: which is the error, what is the value.
template <class... Args>
struct Completed {
  using Value = std::tuple<Args...>;
  static bool aborted(const Args&...) { return false; }
  template <class... Given>
  static Value value(Given&&... given) {
    return Value(std::forward<Given>(given)...);
  }
};
template <class... Args>
struct Completed<AsioError, Args...> {
  using Value = std::tuple<Args...>;
  static bool aborted(const AsioError& error, const Args&...) {
    return error == boost::asio::error::operation_aborted;
  }
  template <class... Given>
  static Value value(const AsioError& error, Given&&... given) {
    if (error) throw boost::system::system_error(error);
    return Value(std::forward<Given>(given)...);
  }
};
template <class... Args>
struct Completed<std::exception_ptr, Args...> {
  using Value = std::tuple<Args...>;
  static bool aborted(const std::exception_ptr& error, const Args&...) { return is_abort(error); }
  template <class... Given>
  static Value value(const std::exception_ptr& error, Given&&... given) {
    if (error) std::rethrow_exception(error);
    return Value(std::forward<Given>(given)...);
  }
};
/// as_tuple(use_task)
template <class... Args>
struct Completed<std::tuple<AsioError, Args...>> {
  using Value = std::tuple<std::tuple<AsioError, Args...>>;
  static bool aborted(const std::tuple<AsioError, Args...>& given) {
    return std::get<0>(given) == boost::asio::error::operation_aborted;
  }
  static Value value(std::tuple<AsioError, Args...> given) { return Value(std::move(given)); }
};

/// Awaits one operation: keeps how to begin it, and then its end.
template <class Completion, class Initiation, class... InitArgs>
class [[nodiscard("an operation begins when it is awaited: co_await it")]] AsioOperation final
    : public AsioLeaf {
  using Value = typename Completion::Value;

 public:
  template <class I, class... Args>
  explicit AsioOperation(std::in_place_t, I&& initiation, Args&&... args)
      : initiation_(std::forward<I>(initiation)), args_(std::forward<Args>(args)...) {}
  ~AsioOperation() { drain(); }

  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    begin();
    suspend(caller);
    start([this] {
      std::apply(
          [this](InitArgs&... args) {
            std::move(initiation_)(AsioHandler<AsioOperation>(*this), std::move(args)...);
          },
          args_);
    });
  }
  auto await_resume() {
    arrive();
    if constexpr (std::tuple_size_v<Value> == 1)
      return std::get<0>(*std::move(value_));
    else if constexpr (std::tuple_size_v<Value> != 0)
      return *std::move(value_);
  }

  /// For the handler.
  template <class... Given>
  void completed(Given&&... given) noexcept {
    const bool cancelled = cancel_asked() && Completion::aborted(given...);
    try {
      if (!cancelled) value_.emplace(Completion::value(std::forward<Given>(given)...));
    } catch (...) {
      set_failure(std::current_exception());
    }
    end(cancelled);
  }

 private:
  Initiation initiation_;
  std::tuple<InitArgs...> args_;
  std::optional<Value> value_;
};

}  // namespace detail
}  // namespace coterie

template <class R, class... Args>
class boost::asio::async_result<coterie::use_task_t, R(Args...)> {
 public:
  template <class Initiation, class... InitArgs>
  static auto initiate(Initiation&& initiation, coterie::use_task_t, InitArgs&&... args) {
    using Completion = coterie::detail::Completed<std::decay_t<Args>...>;
    using Operation =
        coterie::detail::AsioOperation<Completion, std::decay_t<Initiation>, std::decay_t<InitArgs>...>;
    return Operation(std::in_place, std::forward<Initiation>(initiation), std::forward<InitArgs>(args)...);
  }
};
