#pragma once
#include <coroutine>
#include <cstdint>
#include <exception>
#include <source_location>

#include "coterie/task.hpp"

namespace coterie {

/// Thrown by the pending `co_yield` of a generator that is being closed. Deliberately no `std::exception`.
/// Let it pass. Cleanup that awaits cannot stand in a `catch`; keep the end, clean up, and go on with it:
///
///     std::exception_ptr end;
///     try {
///       while (co_await cursor.step()) co_yield cursor.row();
///     } catch (...) {
///       end = std::current_exception();  // a close, a cancel or an error
///     }
///     co_await cursor.release();
///     if (end) std::rethrow_exception(end);
class GeneratorExit final {};

namespace detail {

class GeneratorOwner;
class GeneratorStep;

/// What is the same for generators of all types.
///
///               next()                 co_yield
///      fresh ───────────▶ running ──────────────────▶ yielded
///        │                 │  ▲        next(), close()   │
///        │ close()         │  └──────────────────────────┘
///        ▼                 │ returned, threw
///      ended ◀─────────────┘
///
/// `running` is also a generator that is suspended at an await of its own. An ended one has no frame.
class GeneratorFrame : public PromiseBase {
 public:
  struct EndPoint {
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) noexcept { frame.ended(); }
    void await_resume() noexcept {}
    GeneratorFrame& frame;
  };
  EndPoint final_suspend() noexcept { return {*this}; }
  void unhandled_exception() noexcept {
    error_ = std::current_exception();
    cancelled_ = leave_by_exception(*this);
  }

 protected:
  explicit GeneratorFrame(std::source_location where) noexcept : PromiseBase(where, FrameKind::generator) {}
  /// Whoever destroys it, its owner and the step that runs it learn of it.
  ~GeneratorFrame();

 private:
  friend class GeneratorOwner;
  friend class GeneratorStep;
  friend class YieldPoint;
  enum class Phase : std::uint8_t { fresh, running, yielded, ended };

  void ended() noexcept;

  GeneratorOwner* owner_ = nullptr;
  GeneratorStep* step_ = nullptr;  // the next() or close() that runs it
  void* item_ = nullptr;
  std::exception_ptr error_;
  Phase phase_ = Phase::fresh;
  bool closing_ = false;
  bool cancelled_ = false;
};

/// A `co_yield`: hands the item to whoever runs the generator, as a coroutine that has ended hands its
/// result.
class YieldPoint {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) noexcept;
  void await_resume() const {
    if (frame_->closing_) throw GeneratorExit();
  }

 protected:
  YieldPoint(GeneratorFrame& frame, const void* item) noexcept
      : frame_(&frame), item_(const_cast<void*>(item)) {}
  ~YieldPoint() = default;

 private:
  GeneratorFrame* frame_;
  void* item_;
};

/// Owns a generator's frame. When it goes while a next() or close() is under way, that takes the frame over.
class GeneratorOwner {
 protected:
  explicit GeneratorOwner(GeneratorFrame& frame) noexcept;
  GeneratorOwner(GeneratorOwner&& other) noexcept;
  GeneratorOwner& operator=(GeneratorOwner&& other) noexcept;
  ~GeneratorOwner() { reset(); }
  [[nodiscard]] GeneratorFrame* frame() const noexcept { return frame_; }

 private:
  friend class GeneratorFrame;
  friend class GeneratorStep;
  void reset() noexcept;
  GeneratorFrame* frame_;
};

/// One run of a generator, until it yields or ends, inside the coroutine that awaits it. Destroyed before the
/// generator has yielded, because its awaiter is destroyed, it destroys the generator's frame.
class GeneratorStep {
 public:
  GeneratorStep(const GeneratorStep&) = delete;
  GeneratorStep& operator=(const GeneratorStep&) = delete;

  bool await_ready() { return !begin(); }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> caller) {
    return resume(caller.promise());
  }

 protected:
  enum class Purpose : std::uint8_t { next, close };
  GeneratorStep(GeneratorOwner& owner, Purpose purpose) noexcept : owner_(&owner), purpose_(purpose) {}
  ~GeneratorStep();
  /// The item, or null at the end; throws what the generator threw.
  void* end();

 private:
  friend class GeneratorFrame;
  /// False when there is nothing to run.
  [[nodiscard]] bool begin();
  /// False when it yielded or ended without suspending.
  bool resume(Frame& caller) noexcept;

  GeneratorOwner* owner_;
  GeneratorFrame* frame_ = nullptr;  // while this runs it
  Frame* child_ = nullptr;           // the same, for the caller's Frame
  Purpose purpose_;
  bool busy_ = false;
};

}  // namespace detail
}  // namespace coterie
