#pragma once
#include <array>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coterie/queue/codec.hpp"
#include "coterie/queue/errors.hpp"
#include "coterie/queue/id.hpp"

/// The typed layer: C++ values as JSON text and back, by Boost.JSON and Boost.Describe.
///
///     struct Thumbnail { std::string path; int width; };
///     BOOST_DESCRIBE_STRUCT(Thumbnail, (), (path, width))
///
/// | C++                                        | JSON |
/// |--------------------------------------------|-----------------------------------------------------------------|
/// | bool, integers, floating point             | true/false, number; the range is checked, 3.0 counts as 3 |
/// | std::string (UTF-8), Uuid                  | string | | a described enum                           | its
/// enumerator's name                                           | | std::optional<T> | null, or T; a missing
/// member is nullopt, nullopt is not written | | vector, deque, list, set…                  | array | |
/// std::array, pair, tuple                    | array of exactly that length | | map<std::string, T>,
/// unordered_map         | object                                                          | | a described
/// struct, its bases' members too | object                                                          | |
/// boost::json::value                         | itself |
///
/// Members of an object that the struct does not have are ignored: a producer may be newer than its worker. A
/// member that is not there is an error, unless it is optional.
namespace coterie::queue {

/// The text is no JSON, or not of the type. what() names the place:
///     $.items[3].price: expected a number, got a string
///     malformed JSON at offset 17 (line 2, column 5): expected ',' or '}', got 'x'
class JsonError : public QueueError {
 public:
  using QueueError::QueueError;
};

/// Deeper nesting than this is refused before anything is built from it.
inline constexpr std::size_t json_max_depth = 64;

namespace detail {

/// Where in a document: a chain on the stack, spelled out only for an error.
class JsonPath {
 public:
  JsonPath() = default;
  JsonPath(const JsonPath& parent, std::string_view key) : up_(&parent), key_(key) {}
  JsonPath(const JsonPath& parent, std::size_t index) : up_(&parent), index_(index) {}
  [[nodiscard]] std::string str() const;

 private:
  static constexpr std::size_t no_index = std::numeric_limits<std::size_t>::max();
  const JsonPath* up_ = nullptr;
  std::string_view key_;
  std::size_t index_ = no_index;
};

/// A parsed document with its memory.
class JsonDocument {
 public:
  explicit JsonDocument(std::string_view text);
  [[nodiscard]] const boost::json::value& root() const noexcept { return root_; }

 private:
  alignas(16) std::array<unsigned char, 4096> first_;
  boost::json::monotonic_resource memory_{first_.data(), first_.size()};
  boost::json::value root_;
};

[[noreturn]] void json_fail(const JsonPath& path, std::string_view problem);
[[noreturn]] void json_expected(const JsonPath& path, std::string_view what, const boost::json::value& got);
const boost::json::array& json_array(const boost::json::value& value, const JsonPath& path);
const boost::json::array& json_array(const boost::json::value& value, std::size_t size, const JsonPath& path);
const boost::json::object& json_object(const boost::json::value& value, const JsonPath& path);
std::string_view json_string(const boost::json::value& value, const JsonPath& path);
std::int64_t json_signed(const boost::json::value& value, std::int64_t least, std::int64_t most,
                         const JsonPath& path);
std::uint64_t json_unsigned(const boost::json::value& value, std::uint64_t most, const JsonPath& path);
double json_double(const boost::json::value& value, const JsonPath& path);
bool json_bool(const boost::json::value& value, const JsonPath& path);
Uuid json_uuid(const boost::json::value& value, const JsonPath& path);
[[noreturn]] void json_unknown_name(const boost::json::value& got, const std::string& known,
                                    const JsonPath& path);
void write_string(std::string& out, std::string_view text, const JsonPath& path);
void write_number(std::string& out, std::int64_t number);
void write_number(std::string& out, std::uint64_t number);
void write_number(std::string& out, double number, const JsonPath& path);
void write_number(std::string& out, float number, const JsonPath& path);
void write_value(std::string& out, const boost::json::value& value, const JsonPath& path);

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
concept Character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
                    std::same_as<T, char16_t> || std::same_as<T, char32_t>;
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !Character<T>;
template <class T>
concept StringMap = requires { typename T::mapped_type; } && std::same_as<typename T::key_type, std::string>;
template <class T>
concept Sequence =
    requires(T& range, typename T::value_type item) { range.insert(range.end(), std::move(item)); };
template <class T>
concept FixedSequence = requires { std::tuple_size<T>::value; };
template <class T>
concept DescribedEnum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;
template <class T>
concept DescribedClass = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
template <class T>
using Members =
    boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;
template <class T>
inline constexpr bool no_json_form = false;

template <class T>
T read_json(const boost::json::value& value, const JsonPath& path);
template <class T>
void write_json(std::string& out, const T& value, const JsonPath& path);

template <class T>
T read_enum(const boost::json::value& value, const JsonPath& path) {
  const std::string_view name = json_string(value, path);
  std::optional<T> found;
  std::string known;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
    if (name == enumerator.name) found = enumerator.value;
  });
  if (found) return *found;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
    known += (known.empty() ? "\"" : ", \"") + std::string(enumerator.name) + "\"";
  });
  json_unknown_name(value, known, path);
}

template <class T>
T read_described(const boost::json::value& value, const JsonPath& path) {
  const boost::json::object& object = json_object(value, path);
  T result{};
  boost::mp11::mp_for_each<Members<T>>([&](auto member) {
    auto& field = result.*member.pointer;
    using Field = std::remove_reference_t<decltype(field)>;
    const JsonPath place(path, member.name);
    const boost::json::value* found = object.if_contains(member.name);
    if (found != nullptr)
      field = read_json<Field>(*found, place);
    else if constexpr (!is_optional<Field>)
      json_fail(place, "missing");
  });
  return result;
}

template <class T, std::size_t... I>
T read_fixed(const boost::json::value& value, const JsonPath& path, std::index_sequence<I...>) {
  [[maybe_unused]] const boost::json::array& array = json_array(value, sizeof...(I), path);
  return T{read_json<std::tuple_element_t<I, T>>(array[I], JsonPath(path, I))...};
}

template <class T>
T read_json(const boost::json::value& value, const JsonPath& path) {
  if constexpr (std::is_same_v<T, boost::json::value>) {
    return boost::json::value(value, boost::json::storage_ptr());  // out of the document's memory
  } else if constexpr (std::is_same_v<T, bool>) {
    return json_bool(value, path);
  } else if constexpr (Integer<T> && std::is_signed_v<T>) {
    return static_cast<T>(
        json_signed(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), path));
  } else if constexpr (Integer<T>) {
    return static_cast<T>(json_unsigned(value, std::numeric_limits<T>::max(), path));
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(json_double(value, path));
  } else if constexpr (std::is_same_v<T, std::string>) {
    return std::string(json_string(value, path));
  } else if constexpr (std::is_same_v<T, Uuid>) {
    return json_uuid(value, path);
  } else if constexpr (is_optional<T>) {
    if (value.is_null()) return std::nullopt;
    return read_json<typename T::value_type>(value, path);
  } else if constexpr (DescribedEnum<T>) {
    return read_enum<T>(value, path);
  } else if constexpr (StringMap<T>) {
    T map;
    for (const auto& [key, item] : json_object(value, path)) {
      const std::string_view name(key.data(), key.size());
      map.emplace(std::string(name), read_json<typename T::mapped_type>(item, JsonPath(path, name)));
    }
    return map;
  } else if constexpr (DescribedClass<T>) {
    return read_described<T>(value, path);
  } else if constexpr (FixedSequence<T>) {
    return read_fixed<T>(value, path, std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (Sequence<T>) {
    T range;
    const boost::json::array& array = json_array(value, path);
    if constexpr (requires { range.reserve(array.size()); }) range.reserve(array.size());
    for (std::size_t i = 0; i < array.size(); ++i)
      range.insert(range.end(), read_json<typename T::value_type>(array[i], JsonPath(path, i)));
    return range;
  } else {
    static_assert(no_json_form<T>, "this type has no JSON form: describe it with BOOST_DESCRIBE_STRUCT");
  }
}

template <class T>
void write_enum(std::string& out, T value, const JsonPath& path) {
  const char* name = nullptr;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
    if (value == enumerator.value) name = enumerator.name;
  });
  if (name == nullptr) json_fail(path, "this enum's value has no name");
  write_string(out, name, path);
}

template <class T>
void write_described(std::string& out, const T& value, const JsonPath& path) {
  char before = '{';
  boost::mp11::mp_for_each<Members<T>>([&](auto member) {
    const auto& field = value.*member.pointer;
    if constexpr (is_optional<std::decay_t<decltype(field)>>)
      if (!field) return;
    const JsonPath place(path, member.name);
    out += std::exchange(before, ',');
    write_string(out, member.name, place);
    out += ':';
    write_json(out, field, place);
  });
  if (before == '{') out += before;
  out += '}';
}

template <class T>
void write_json(std::string& out, const T& value, const JsonPath& path) {
  if constexpr (std::is_same_v<T, boost::json::value>) {
    write_value(out, value, path);
  } else if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (Integer<T> && std::is_signed_v<T>) {
    write_number(out, std::int64_t{value});
  } else if constexpr (Integer<T>) {
    write_number(out, std::uint64_t{value});
  } else if constexpr (std::is_same_v<T, float>) {
    write_number(out, value, path);
  } else if constexpr (std::is_floating_point_v<T>) {
    write_number(out, static_cast<double>(value), path);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    write_string(out, value, path);
  } else if constexpr (std::is_same_v<T, Uuid>) {
    write_string(out, value.str(), path);
  } else if constexpr (is_optional<T>) {
    if (value)
      write_json(out, *value, path);
    else
      out += "null";
  } else if constexpr (DescribedEnum<T>) {
    write_enum(out, value, path);
  } else if constexpr (StringMap<T>) {
    char before = '{';
    for (const auto& [key, item] : value) {
      const JsonPath place(path, key);
      out += std::exchange(before, ',');
      write_string(out, key, place);
      out += ':';
      write_json(out, item, place);
    }
    if (before == '{') out += before;
    out += '}';
  } else if constexpr (DescribedClass<T>) {
    write_described(out, value, path);
  } else if constexpr (FixedSequence<T>) {
    std::size_t index = 0;
    out += '[';
    std::apply(
        [&](const auto&... item) {
          ((out += index != 0 ? "," : "", write_json(out, item, JsonPath(path, index)), ++index), ...);
        },
        value);
    out += ']';
  } else if constexpr (requires { std::begin(value); }) {
    std::size_t index = 0;
    out += '[';
    for (const typename T::value_type& item : value) {
      if (index != 0) out += ',';
      write_json(out, item, JsonPath(path, index));
      ++index;
    }
    out += ']';
  } else {
    static_assert(no_json_form<T>, "this type has no JSON form: describe it with BOOST_DESCRIBE_STRUCT");
  }
}

}  // namespace detail

/// The value as JSON text without spaces. Throws JsonError for what JSON cannot hold: NaN, infinity, a string
/// that is not UTF-8.
template <class T>
[[nodiscard]] std::string to_json(const T& value) {
  std::string text;
  detail::write_json(text, value, detail::JsonPath());
  return text;
}

/// The value that `text` stands for; throws JsonError. The text must be all of one JSON document: no
/// comments, no trailing commas. Numbers are read exactly; of a member that stands twice the last counts.
template <class T>
[[nodiscard]] T from_json(std::string_view text) {
  const detail::JsonDocument document(text);
  return detail::read_json<T>(document.root(), detail::JsonPath());
}

template <class T, class>
struct JsonCodec {
  static std::string write(const T& value) { return to_json(value); }
  static T read(std::string_view json) { return from_json<T>(json); }
};

}  // namespace coterie::queue
