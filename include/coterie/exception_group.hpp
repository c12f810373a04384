#pragma once
#include <exception>
#include <string>
#include <vector>

namespace coterie {

/// Several errors at once, in the order in which they happened: what a TaskGroup throws. Groups can nest.
/// (BaseExceptionGroup, CPython 3.14; C++ has no `except*`, so there are for_each() and contains().)
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

 private:
  std::string message_;
  std::vector<std::exception_ptr> errors_;
  std::string what_;
};

}  // namespace coterie
