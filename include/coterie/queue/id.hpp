#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace coterie::queue {

/// 16 bytes that name a job, a worker's incarnation or anything else that must never be named twice.
/// A plain value: any thread may copy and compare it; the order is the order of the bytes, so that
/// version 7 ids sort by the millisecond of their making.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  [[nodiscard]] constexpr bool is_nil() const noexcept { return *this == Uuid{}; }
  /// The usual 36 characters, lower case.
  [[nodiscard]] std::string str() const;
};

using JobId = Uuid;

/// A version 7 id (RFC 9562): 48 bits of Unix milliseconds, a counter that keeps the ids of one process
/// in order within a millisecond, random bits for the rest. Any thread.
[[nodiscard]] Uuid new_uuid();

/// A version 8 id made from the SHA-256 of `seed`: the same seed names the same job, on every machine.
[[nodiscard]] Uuid derived_uuid(std::string_view seed);

/// Reads what `Uuid::str` writes (either case); nothing when the text is anything else.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text) noexcept;

}  // namespace coterie::queue

template <>
struct std::hash<coterie::queue::Uuid> {
  std::size_t operator()(const coterie::queue::Uuid& id) const noexcept {
    // The last eight bytes of a version 7 id are random, those of a derived one are a hash already.
    std::size_t value = 0;
    for (std::size_t i = 8; i < 16; ++i) value = (value << 8) | id.bytes[i];
    return value;
  }
};
