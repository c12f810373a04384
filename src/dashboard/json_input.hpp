#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coterie::dashboard {

/// Whether the JSON text has, at the path of members and indexes, the value: a string that is equal, a number
/// or word (true, false, null) that reads so. Of a list, whether one of its items is. False for what is no
/// JSON.
[[nodiscard]] bool json_has(std::string_view text, const std::vector<std::string>& path,
                            std::string_view value);

/// ApiError bad_args, with the place, where the text is none.
void require_json(std::string_view text);

/// What a request's body may say; each endpoint says which it needs.
struct ActionBody {
  std::optional<std::vector<std::string>> ids;
  std::optional<std::string> filter;
  std::optional<std::uint64_t> most;
  std::optional<std::int64_t> counted_at_ms;  ///< as the answer to the count has it
  std::optional<std::string> after;           ///< a cursor
  std::optional<std::string> name;
  std::optional<std::string> password;
  std::optional<std::string> args;  ///< JSON text, as it shall be enqueued
  ActionBody() = default;
};
/// Throws queue::JsonError; unknown members are refused too, for a misspelled one would be ignored.
[[nodiscard]] ActionBody read_action(std::string_view body);

}  // namespace coterie::dashboard
