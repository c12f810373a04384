#pragma once
#include <boost/json/value.hpp>
#include <string_view>

namespace coterie::queue::detail {

/// Parses all of `text`; throws JsonError with the offset, line and column, and what was expected there.
/// Numbers with a fraction are the nearest double (Boost 1.81's own parser is off by a unit in the last place
/// at times).
[[nodiscard]] boost::json::value parse_document(std::string_view text, boost::json::storage_ptr memory);

}  // namespace coterie::queue::detail
