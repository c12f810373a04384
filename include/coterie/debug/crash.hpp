#pragma once

namespace coterie::debug {

/// From here on a crash of the process says on stderr which task the thread that crashed was running, and in
/// which coroutines, innermost first, before it dies of the same signal, with its core, as it would have
/// done:
///
///     coterie: SIGSEGV in task #17 'resize'
///        at app::decode() image.cpp:30
///        at app::resize() image.cpp:52
///
/// What a name has in it that would move a terminal's cursor is shown as `?`.
///
/// SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, which is std::terminate() too; those whose disposition is the
/// default one, so that a sanitizer or a crash reporter keeps its own. Nothing is allocated or locked, and
/// broken memory ends the list and not the report. A stack that has overflowed leaves no room for this: the
/// thread that calls gets an alternate one, as the threads of a Runtime have. Idempotent; any thread, best at
/// the start of main().
void report_crashes() noexcept;

/// From here on std::terminate() by an exception that nobody caught says on stderr what the exception says
/// and where it was thrown, see thrown_in(), and then goes on to the handler that was there before:
///
///     coterie: uncaught exception: no such picture
///        in task #17 'resize'
///        at app::decode() image.cpp:30
///        at app::resize() image.cpp:52
///
/// coterie::run() does this when an exception of main leaves it, report_crashes() as well. Idempotent; any
/// thread.
void report_uncaught() noexcept;

}  // namespace coterie::debug
