#pragma once

namespace coterie::debug {

/// From here on this thread takes the signals of a crash on another stack: where its own has overflowed there
/// is no room for a handler. Nothing where it has one already, a sanitizer's say. Idempotent.
void use_alternate_stack() noexcept;

}  // namespace coterie::debug
