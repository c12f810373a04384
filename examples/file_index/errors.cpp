#include "errors.hpp"

#include "coterie/queue/broker.hpp"
#include "coterie/run.hpp"

namespace file_index {

using namespace coterie;

namespace {

/// The broker's trouble, which a group of tasks that all met it throws as one ExceptionGroup. Null where the
/// error is another one.
std::exception_ptr trouble_with_broker(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const queue::BrokerUnavailable&) {
    return error;
  } catch (const ExceptionGroup& group) {
    std::exception_ptr found;
    for (const std::exception_ptr& one : group.errors()) {
      const std::exception_ptr trouble = trouble_with_broker(one);
      if (!trouble) return nullptr;  // and something else too: all of it is to be said
      if (!found) found = trouble;
    }
    return found;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

int run_unwrapped(Task<int> task) {
  try {
    return run(std::move(task));
  } catch (const ExceptionGroup&) {
    const std::exception_ptr trouble = trouble_with_broker(std::current_exception());
    if (trouble) std::rethrow_exception(trouble);
    throw;
  }
}

}  // namespace file_index
