#pragma once
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "coterie/cancel.hpp"

namespace coterie {

namespace detail {
/// Containers of what cannot be copied claim that they can be.
template <class T>
inline constexpr bool copies = std::is_void_v<T> || std::is_copy_constructible_v<T>;
template <class T>
  requires requires {
    typename T::value_type;
    typename T::allocator_type;
  }
inline constexpr bool copies<T> = std::is_copy_constructible_v<T> && copies<typename T::value_type>;

/// What ends something with an exception wants one. `call`: for people.
inline void require_exception(const std::exception_ptr& error, const char* call) {
  if (error == nullptr)
    throw std::invalid_argument(std::string(call) +
                                " was given a null std::exception_ptr, which is no exception: give "
                                "std::make_exception_ptr(error), or std::current_exception() inside a catch");
}
}  // namespace detail

enum class OutcomeKind : unsigned char { empty, value, exception, cancelled };

/// How something that was awaited ended: a value, an exception or a cancel, as a value. 16 bytes for small
/// `T`. `T` may be void, or an lvalue reference, which is kept as one. Copying copies the value; an exception
/// is shared.
template <class T>
class [[nodiscard]] Outcome {
  static constexpr bool refers = std::is_lvalue_reference_v<T>;
  using Stored =
      std::conditional_t<std::is_void_v<T>, char,
                         std::conditional_t<refers, std::add_pointer_t<std::remove_reference_t<T>>, T>>;

 public:
  using Kind = OutcomeKind;

  Outcome() noexcept : kind_(Kind::empty) {}
  Outcome(const Outcome& other) { copy(other); }
  Outcome(Outcome&& other) noexcept(std::is_nothrow_move_constructible_v<Stored>) { move(other); }
  Outcome& operator=(const Outcome& other) {
    if (this != &other) {
      reset();
      copy(other);
    }
    return *this;
  }
  Outcome& operator=(Outcome&& other) noexcept(std::is_nothrow_move_constructible_v<Stored>) {
    if (this != &other) {
      reset();
      move(other);
    }
    return *this;
  }
  ~Outcome() { reset(); }

  /// Replaces what is here by a value (for void: no arguments).
  template <class... Args>
  void set_value(Args&&... args) {
    reset();
    if constexpr (refers) {
      static_assert((... && (std::is_lvalue_reference_v<Args> &&
                             std::is_convertible_v<std::add_pointer_t<Args>, Stored>)),
                    "a reference to a temporary would dangle: give an object that lives on, or drop the & of "
                    "the result's type");
      ::new (static_cast<void*>(&value_)) Stored(std::addressof(args)...);
    } else {
      ::new (static_cast<void*>(&value_)) Stored(std::forward<Args>(args)...);
    }
    kind_ = Kind::value;
  }
  void set_exception(std::exception_ptr error, bool is_cancel = false) noexcept {
    reset();
    ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(error));
    kind_ = is_cancel ? Kind::cancelled : Kind::exception;
  }
  /// Null: a cancel without a message, whose exception is made for whoever looks at it.
  void set_cancelled(std::exception_ptr error = nullptr) noexcept { set_exception(std::move(error), true); }
  /// To be called inside a `catch`: takes the exception in flight.
  void set_current_exception() noexcept {
    bool is_cancel = false;
    try {
      throw;
    } catch (const Cancelled&) {
      is_cancel = true;
    } catch (...) {
    }
    set_exception(std::current_exception(), is_cancel);
  }

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool empty() const noexcept { return kind_ == Kind::empty; }
  [[nodiscard]] bool has_value() const noexcept { return kind_ == Kind::value; }
  [[nodiscard]] bool has_exception() const noexcept { return kind_ == Kind::exception; }
  [[nodiscard]] bool cancelled() const noexcept { return kind_ == Kind::cancelled; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

  /// The exception, `Cancelled` too; null for a value.
  [[nodiscard]] std::exception_ptr error() const noexcept {
    if (kind_ != Kind::exception && kind_ != Kind::cancelled) return nullptr;
    return error_ ? error_ : std::make_exception_ptr(Cancelled());
  }

  /// The value; throws the exception or `Cancelled` if that is what it holds, std::logic_error when empty.
  std::add_lvalue_reference_t<const T> get() const& {
    if (kind_ != Kind::value) raise(*this);
    if constexpr (refers)
      return *value_;
    else if constexpr (!std::is_void_v<T>)
      return value_;
  }
  std::add_lvalue_reference_t<T> get() & {
    if (kind_ != Kind::value) raise(*this);
    if constexpr (refers)
      return *value_;
    else if constexpr (!std::is_void_v<T>)
      return value_;
  }
  T get() && {
    if (kind_ != Kind::value) raise(std::move(*this));
    if constexpr (refers)
      return *value_;
    else if constexpr (!std::is_void_v<T>)
      return std::move(value_);
  }

 private:
  // By reference: a caller with an exception_ptr to destroy is one more stop on the way of what is thrown,
  // and each costs about as much as a frame.
  [[noreturn]] static void raise(const Outcome& from) {
    if (from.empty()) throw std::logic_error("this Outcome is empty: nothing has ended yet");
    std::rethrow_exception(from.error());
  }
  [[noreturn]] static void raise(Outcome&& from) {
    if (from.empty() || !from.error_) raise(from);
    std::rethrow_exception(std::move(from.error_));
  }
  void reset() noexcept {
    // The analyzer does not see a coroutine's promise being constructed.
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
    if (kind_ == Kind::value)
      value_.~Stored();
    else if (kind_ != Kind::empty)
      error_.~exception_ptr();
    kind_ = Kind::empty;
  }
  void copy(const Outcome& other) {
    if (other.kind_ == Kind::value)
      ::new (static_cast<void*>(&value_)) Stored(other.value_);
    else if (other.kind_ != Kind::empty)
      ::new (static_cast<void*>(&error_)) std::exception_ptr(other.error_);
    kind_ = other.kind_;
  }
  void move(Outcome& other) {
    if (other.kind_ == Kind::value)
      ::new (static_cast<void*>(&value_)) Stored(std::move(other.value_));
    else if (other.kind_ != Kind::empty)
      ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(other.error_));
    kind_ = other.kind_;
  }

  union {
    Stored value_;
    std::exception_ptr error_;
  };
  Kind kind_ = Kind::empty;
};

}  // namespace coterie
