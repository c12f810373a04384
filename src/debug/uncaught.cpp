#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "coterie/core/thrown_in.hpp"
#include "coterie/debug/crash.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

constinit std::atomic<std::terminate_handler> handler_before{nullptr};

std::string what_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "it is no std::exception";
  }
}

[[noreturn]] void on_terminate() {
  static constinit std::atomic_flag reported;
  if (const std::exception_ptr error = std::current_exception(); error && !reported.test_and_set()) {
    if (const auto thrown = thrown_in(error)) {
      std::string text = "coterie: uncaught exception: " + printable(what_of(error)) + "\n   in task #" +
                         std::to_string(thrown->task) + " '" + printable(thrown->name) + "'\n";
      for (const StackFrame& frame : thrown->stack)
        text += "   at " + printable(frame.function) + "() " + base_name(frame.file) + ":" +
                std::to_string(frame.line) + "\n";
      std::fputs(text.c_str(), stderr);
    }
  }
  if (const std::terminate_handler before = handler_before.load()) before();
  std::abort();
}

}  // namespace

void report_uncaught() noexcept {
  const std::terminate_handler before = std::get_terminate();
  if (before == &on_terminate) return;
  handler_before.store(before);
  std::set_terminate(&on_terminate);
}

}  // namespace coterie::debug
