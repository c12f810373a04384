#pragma once

#include <exception>
#include <functional>
#include <string>

namespace coterie::test {

/// What the exception that comes out of `call` says.
inline std::string what_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace coterie::test
