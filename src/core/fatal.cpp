#include "coterie/fatal.hpp"

#include <typeinfo>

namespace coterie {

bool detail::is_fatal(const std::exception_ptr& error) noexcept {
  if (!error) return false;
#ifdef __GLIBCXX__
  const std::type_info* type = error.__cxa_exception_type();
  return type != nullptr && *type == typeid(Fatal);
#else
  try {
    std::rethrow_exception(error);
  } catch (const Fatal&) {
    return true;
  } catch (...) {
    return false;
  }
#endif
}

}  // namespace coterie
