#include "coterie/exception_group.hpp"

#include <utility>

#include "coterie/cancel.hpp"

namespace coterie {
namespace {
std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (const Cancelled&) {
    return "cancelled";
  } catch (...) {
    return "an exception that is no std::exception";
  }
}
}  // namespace

ExceptionGroup::ExceptionGroup(std::string message, std::vector<std::exception_ptr> errors)
    : message_(std::move(message)), errors_(std::move(errors)) {
  what_ =
      message_ + " (" + std::to_string(errors_.size()) + (errors_.size() == 1 ? " error" : " errors") + "): ";
  for (std::size_t i = 0; i < errors_.size(); ++i) what_ += (i == 0 ? "" : "; ") + text_of(errors_[i]);
}

}  // namespace coterie
