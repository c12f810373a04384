// UTF-8 as it comes from outside: what names may be, and what becomes of texts that are not.
#include <algorithm>
#include <utility>

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

JobError brief_error(const JobError& error, const Limits& limits) {
  constexpr std::string_view mark = " … (cut)";
  const std::size_t most = std::min(attempt_error_bytes, limits.error_bytes);
  // No character has more than 4 bytes: what is longer is so here, too.
  std::string text = clean_text(error.message, most + 4);
  if (text.size() > most) text = clean_text(text, most - std::min(most, mark.size())).append(mark);
  return JobError(clean_text(error.type, limits.name_bytes), std::move(text));
}

JobError lost_error(std::string_view worker, std::uint64_t quarantined_after) {
  const std::string who = worker.empty() ? "its worker" : "worker " + std::string(worker);
  if (quarantined_after == 0)
    return JobError("crash", who + " died or was not heard of while it ran this job");
  return JobError("quarantine", who + " died while it ran nothing but this job, " +
                                    std::to_string(quarantined_after) + " times now");
}

}  // namespace coterie::queue
