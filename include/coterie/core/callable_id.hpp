#pragma once
#include <concepts>
#include <memory>
#include <type_traits>
#include <typeinfo>

namespace coterie::detail {

/// A callable that is looked for among others, whose types are not known here, by ==.
class CallableId {
 public:
  /// `fn` outlives this.
  template <class Fn>
  explicit CallableId(const Fn& fn) noexcept
      : type_(&typeid(Fn)), callable_(static_cast<const void*>(std::addressof(fn))) {
    static_assert(
        std::equality_comparable<Fn>,
        "a callback is found again by ==: give a function, or an object that has one; a lambda does not");
  }
  /// The comparison is the caller's, and may do anything.
  template <class Fn>
  [[nodiscard]] bool is(const Fn& other) const {
    if constexpr (std::equality_comparable<Fn>)
      return *type_ == typeid(Fn) && other == *static_cast<const Fn*>(callable_);
    else
      return false;
  }

 private:
  const std::type_info* type_;
  const void* callable_;
};

}  // namespace coterie::detail
