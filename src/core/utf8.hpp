#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// Of UTF-8, what a crash handler can do too: all of this is async-signal-safe.
namespace coterie {

struct Utf8Character {
  std::uint32_t code = 0;
  std::size_t length = 0;  ///< bytes; 0: what stands there is no character
};

/// The first character of `text`, which is not empty.
[[nodiscard]] inline Utf8Character first_character(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  std::uint32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  if (code < least[length] || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

/// Moves a terminal's cursor, or turns or breaks the text that it stands in: control characters,
/// bidirectional marks, overrides and isolates, separators of lines and paragraphs, the byte order mark.
[[nodiscard]] constexpr bool is_hostile(std::uint32_t code) noexcept {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x61C || code == 0x200E || code == 0x200F ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

/// U+FFFD: what stands in the place of bytes that are no character.
inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

}  // namespace coterie
