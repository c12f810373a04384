#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace coterie::cli {

/// What is wrong with the text as JSON, with the position; nothing when it is fine.
[[nodiscard]] std::optional<std::string> json_problem(std::string_view text);
/// Stored JSON as part of a line of output: without the blanks between its tokens, numbers as they stand.
/// What is no JSON, for a program may store any text, becomes a JSON string.
[[nodiscard]] std::string embed_json(std::string_view text);
/// The string member `key` of an object; nothing when it is not there.
[[nodiscard]] std::optional<std::string> json_member(std::string_view text, std::string_view key);

}  // namespace coterie::cli
