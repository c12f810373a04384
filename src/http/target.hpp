#pragma once
#include <string_view>

#include "coterie/http/message.hpp"

namespace coterie::http {

/// Takes "/path?query" apart into `request`. False where it is anything else: a whole URL, a bad escape,
/// bytes that are not UTF-8, a control character, more than 64 parameters.
[[nodiscard]] bool read_target(std::string_view target, Request& request);

}  // namespace coterie::http
