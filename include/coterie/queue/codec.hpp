#pragma once
#include <string>
#include <string_view>
#include <type_traits>

#include "coterie/core/callable.hpp"

namespace coterie::queue {

/// How a type becomes JSON text and comes back: what typed handlers, payloads and results go through.
///
///     static std::string write(const T& value);
///     static T read(std::string_view json);     // throws a std::exception that says where and what
///
/// Including coterie/queue/json.hpp gives it to every type that it knows. Specialise it for one of your own
/// to use another JSON library; no header of the queue but that one needs Boost.
template <class T, class = void>
struct JsonCodec;

namespace detail {

template <class T>
concept Encodable = requires(const T& value, std::string_view json) {
  JsonCodec<T>::write(value);
  JsonCodec<T>::read(json);
};

/// gcc 12 destroys a temporary aggregate twice when it stands in an expression with `co_await` (PR 99576).
template <class Value>
inline constexpr bool safe_value_in_await =
    !coterie::detail::miscompiles_closures || std::is_lvalue_reference_v<Value> ||
    !std::is_aggregate_v<std::remove_cvref_t<Value>> ||
    std::is_trivially_destructible_v<std::remove_cvref_t<Value>>;

}  // namespace detail
}  // namespace coterie::queue
