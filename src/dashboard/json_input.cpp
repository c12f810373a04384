// All that reads JSON: the one source of the dashboard that pays for Boost.JSON.
#include "src/dashboard/json_input.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "coterie/queue/json.hpp"
#include "src/dashboard/errors.hpp"

namespace coterie::dashboard {

BOOST_DESCRIBE_STRUCT(ActionBody, (), (ids, filter, most, counted_at_ms, after, name, password, args))

namespace {

using boost::json::value;

template <class Number>
bool reads_as(Number number, std::string_view text) {
  Number read{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
  return error == std::errc() && end == text.data() + text.size() && read == number;
}

bool equals(const value& found, std::string_view text) {
  switch (found.kind()) {
    case boost::json::kind::string: {
      const boost::json::string& string = found.get_string();
      return std::string_view(string.data(), string.size()) == text;
    }
    case boost::json::kind::int64:
      return reads_as(found.get_int64(), text);
    case boost::json::kind::uint64:
      return reads_as(found.get_uint64(), text);
    case boost::json::kind::double_:
      return reads_as(found.get_double(), text);
    case boost::json::kind::bool_:
      return text == (found.get_bool() ? "true" : "false");
    case boost::json::kind::null:
      return text == "null";
    case boost::json::kind::array:
    case boost::json::kind::object:
      break;
  }
  return false;
}

const value* step_into(const value& from, const std::string& step) {
  if (const boost::json::object* object = from.if_object())
    return object->if_contains(boost::json::string_view(step.data(), step.size()));
  const boost::json::array* array = from.if_array();
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (array == nullptr || error != std::errc() || end != step.data() + step.size()) return nullptr;
  return array->if_contains(index);
}

}  // namespace

bool json_has(std::string_view text, const std::vector<std::string>& path, std::string_view wanted) {
  try {
    const queue::detail::JsonDocument document(text);
    const value* at = &document.root();
    for (const std::string& step : path) {
      at = step_into(*at, step);
      if (at == nullptr) return false;
    }
    if (const boost::json::array* array = at->if_array())
      return std::any_of(array->begin(), array->end(),
                         [wanted](const value& item) { return equals(item, wanted); });
    return equals(*at, wanted);
  } catch (const queue::JsonError&) {
    return false;
  }
}

void require_json(std::string_view text) {
  try {
    const queue::detail::JsonDocument document(text);
  } catch (const queue::JsonError& error) {
    throw ApiError(ErrorCode::bad_args, error.what());
  }
}

ActionBody read_action(std::string_view body) {
  const queue::detail::JsonDocument document(body);
  const queue::detail::JsonPath top;
  constexpr std::array<std::string_view, 8> known{"ids",   "filter", "most",     "counted_at_ms",
                                                  "after", "name",   "password", "args"};
  for (const auto& [key, item] : queue::detail::json_object(document.root(), top)) {
    const std::string_view name(key.data(), key.size());
    if (std::find(known.begin(), known.end(), name) == known.end())
      queue::detail::json_fail(queue::detail::JsonPath(top, name), "nothing is called so here");
  }
  return queue::detail::read_json<ActionBody>(document.root(), top);
}

}  // namespace coterie::dashboard
