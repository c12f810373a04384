// UTF-8 as it comes from outside: what names may be, and what becomes of texts that are not.
#include "src/queue/validate.hpp"

namespace coterie::queue {
namespace {

struct Decoded {
  std::uint32_t code = 0;
  std::size_t length = 0;  // 0: not well-formed
};

// One character, by table 3-7 of the Unicode standard.
Decoded decode(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  std::uint32_t code = 0;
  std::uint32_t least = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2, code = first & 0x1Fu, least = 0x80;
  } else if ((first & 0xF0) == 0xE0) {
    length = 3, code = first & 0x0Fu, least = 0x800;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4, code = first & 0x07u, least = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, length};
}

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace

bool is_printable_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (next.length == 0 || next.code < 0x20 || (next.code >= 0x7F && next.code <= 0x9F)) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::string clean_text(std::string_view text, std::size_t limit) {
  std::string out;
  out.reserve(text.size() < limit ? text.size() : limit);
  while (!text.empty()) {
    const Decoded next = decode(text);
    const bool good = next.length != 0 && next.code != 0;
    const std::string_view piece = good ? text.substr(0, next.length) : replacement;
    if (out.size() + piece.size() > limit) break;
    out.append(piece);
    text.remove_prefix(good ? next.length : 1);
  }
  return out;
}

JobError clean_error(const JobError& error, const Limits& limits) {
  return JobError(clean_text(error.type, limits.name_bytes), clean_text(error.text(), limits.error_bytes));
}

}  // namespace coterie::queue
