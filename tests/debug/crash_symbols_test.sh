# What the handler of a crash can call at all is what its object file asks others for: nothing that allocates, locks or formats.
set -euo pipefail
library=$COTERIE_BUILD/libcoterie_runtime.a
[[ -f $library ]] || { echo "no library was built"; exit 77; }
command -v nm >/dev/null || { echo "crash_symbols_test: nm is missing: scripts/bootstrap test installs it" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# wants MEMBER: the functions and objects that a member of the library does not have itself.
wants() { nm -u -C "$library" 2>/dev/null | awk -v member="$1:" '$0 == member {on = 1; next} /:$/ {on = 0} on && NF {sub(/^ *[UwWvV] /, ""); print}'; }
# Async-signal-safe (signal-safety(7)), or called by report_crashes() alone, which is no handler: sigaction,
# use_alternate_stack(), report_uncaught(). What compilers and sanitizers add is theirs; the out_of_range is of a substr() that is in range.
safe='write|raise|getpid|mem(chr|cmp|cpy|move|set)|strlen|sigaction|coterie::debug::(use_alternate_stack|report_uncaught)\(\)'
ours='coterie::debug::ProcessMemory::read\(.*\)|coterie_debug_block|coterie::EventLoop::of_this_thread_|(TLS init function|TLS wrapper function) for .*|vtable for .*|typeinfo for .*'
theirs='_GLOBAL_OFFSET_TABLE_|__gxx_personality_v0|__stack_chk_fail|__tls_get_addr|_Unwind_Resume|__cxa_(begin_catch|pure_virtual)|std::terminate\(\)|std::__throw_out_of_range_fmt\(.*\)|std::__glibcxx_assert_fail.*|__(asan|ubsan|tsan|sanitizer)_.*'
deletes='operator delete\(void\*, unsigned long\)|std::nothrow'
wants crash.cpp.o >"$tmp/all"
[[ $(grep -cx 'write' "$tmp/all") == 1 ]] || { cat "$tmp/all"; echo "crash.cpp.o was not found, or does not write" >&2; exit 1; }
if grep -Evx "$safe|$ours|$theirs|$deletes" "$tmp/all" >"$tmp/other"; then
  echo "the handler of a crash may call what is not async-signal-safe:" >&2
  cat "$tmp/other" >&2
  exit 1
fi
echo ok
