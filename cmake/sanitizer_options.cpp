// The sanitizers' run-time options, linked into every executable of a sanitizer build: what CI runs is what
// you run by hand. ASAN_OPTIONS and its like in the environment still override them.

#define COTERIE_DEFAULT(name) extern "C" __attribute__((used, visibility("default"))) const char* name()

COTERIE_DEFAULT(__asan_default_options) {
  return "detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:"
         "strict_init_order=1:detect_invalid_pointer_pairs=0";
}

COTERIE_DEFAULT(__ubsan_default_options) {
  return "halt_on_error=1:print_stacktrace=1";
}

COTERIE_DEFAULT(__tsan_default_options) {
  return "halt_on_error=1:second_deadlock_stack=1:history_size=4";
}

// libstdc++ is not instrumented, so ThreadSanitizer does not see that the count of an exception_ptr orders
// the last use of an exception on one thread before its destruction on another.
COTERIE_DEFAULT(__tsan_default_suppressions) {
  return "race:std::__exception_ptr::exception_ptr::_M_release\n";
}
