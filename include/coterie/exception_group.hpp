#pragma once
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace coterie {

/// Several errors at once, in the order in which they happened: what a TaskGroup throws. Groups can nest.
/// (BaseExceptionGroup, CPython 3.14; C++ has no `except*`, so there are for_each(), contains() and rest().)
class ExceptionGroup : public std::exception {
 public:
  ExceptionGroup(std::string message, std::vector<std::exception_ptr> errors);

  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

  /// Calls `fn(const E&)` for every error of type E, also inside nested groups.
  template <class E, class Fn>
  void for_each(Fn&& fn) const {
    for (const auto& error : errors_) {
      try {
        std::rethrow_exception(error);
      } catch (const E& match) {
        fn(match);
      } catch (const ExceptionGroup& nested) {
        nested.for_each<E>(fn);
      } catch (...) {
      }
    }
  }
  template <class E>
  [[nodiscard]] bool contains() const {
    bool found = false;
    for_each<E>([&found](const E&) { found = true; });
    return found;
  }
  /// What is of none of the types `E`, as a group of the same message and nesting, to be thrown again: the
  /// rest of an `except*`. Null when everything matches.
  template <class... E>
  [[nodiscard]] std::exception_ptr rest() const {
    std::vector<std::exception_ptr> left;
    for (const auto& error : errors_)
      if (std::exception_ptr unmatched = (... || is<E>(error)) ? nullptr : rest_of<E...>(error))
        left.push_back(std::move(unmatched));
    return left.empty() ? nullptr : std::make_exception_ptr(ExceptionGroup(message_, std::move(left)));
  }

 private:
  template <class E>
  [[nodiscard]] static bool is(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const E&) {
      return true;
    } catch (...) {
      return false;
    }
  }
  template <class... E>
  [[nodiscard]] static std::exception_ptr rest_of(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const ExceptionGroup& nested) {
      return nested.rest<E...>();
    } catch (...) {
      return error;
    }
  }
  std::string message_;
  std::vector<std::exception_ptr> errors_;
  std::string what_;
};

}  // namespace coterie
