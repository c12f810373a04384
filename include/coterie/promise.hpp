#pragma once
#include <exception>
#include <stdexcept>
#include <utility>

#include "coterie/future.hpp"

namespace coterie {

/// A Promise has gone without an end: nobody will ever set the result.
class BrokenPromise : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The setting side of a Future, which it does not leave waiting: if it goes without having set anything, the
/// future ends with BrokenPromise. Move-only; loop thread only.
///
/// A future that was cancelled meanwhile wants no result: setting one does nothing then and returns false.
template <class T = void>
class Promise {
 public:
  Promise() = default;
  Promise(Promise&& other) noexcept : future_(other.future_), owed_(std::exchange(other.owed_, false)) {}
  Promise& operator=(Promise&& other) noexcept {
    Promise moved(std::move(other));
    std::swap(future_, moved.future_);
    std::swap(owed_, moved.owed_);
    return *this;
  }
  ~Promise() {
    if (!owed_ || future_.done()) return;
    try {
      future_.set_exception(std::make_exception_ptr(
          BrokenPromise("the Promise of this Future has gone without setting a result")));
    } catch (...) {  // in debug mode, on another thread than the loop's
      EventLoop::report_anywhere(
          ErrorContext("A Promise has gone where it cannot end its Future", std::current_exception()));
    }
  }

  [[nodiscard("the future is what to await")]] Future<T> future() const { return future_; }
  /// Whether a result is still wanted: false once it has one or was cancelled.
  [[nodiscard]] bool wanted() const noexcept { return owed_ && !future_.done(); }
  /// InvalidState when a result was set before.
  template <class... Args>
  bool set_value(Args&&... args) {
    require_owed();
    const bool wanted = future_.set_value_unless_cancelled(std::forward<Args>(args)...);
    owed_ = false;
    return wanted;
  }
  /// The same; std::invalid_argument when `error` is null.
  bool set_exception(std::exception_ptr error) {
    detail::require_exception(error, "Promise::set_exception()");
    require_owed();
    const bool wanted = !future_.cancelled();
    if (wanted) future_.set_exception(std::move(error));
    owed_ = false;
    return wanted;
  }

 private:
  void require_owed() const {
    if (!owed_) throw InvalidState("this Promise was kept before, or moved from");
  }
  Future<T> future_;
  bool owed_ = true;
};

}  // namespace coterie
