// UTF-8 as it comes from outside: what names may be, and what becomes of texts that are not.
#include "src/core/utf8.hpp"
#include "src/queue/validate.hpp"

namespace coterie::queue {

bool is_printable_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const Utf8Character next = first_character(text);
    if (next.length == 0 || next.code < 0x20 || (next.code >= 0x7F && next.code <= 0x9F)) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::string clean_text(std::string_view text, std::size_t limit) {
  std::string out;
  out.reserve(text.size() < limit ? text.size() : limit);
  while (!text.empty()) {
    const Utf8Character next = first_character(text);
    const bool good = next.length != 0 && next.code != 0;
    const std::string_view piece = good ? text.substr(0, next.length) : replacement_character;
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
