#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/json.hpp"
#include "src/brokers/findings.hpp"

namespace coterie::brokers {

/// What the source remembers of a `coterie move` that has not ended, under this key; an empty note is none.
inline constexpr std::string_view move_note_key = "coterie.move";

struct MoveNote {
  int version = 1;
  std::string to;                   ///< the target, without passwords
  std::vector<std::string> queues;  ///< that were named; empty: all
  std::vector<std::string> paused;  ///< queues that were paused before, and stay so
  std::string owner;                ///< this_process() of who moves; empty: nobody does any more
  std::int64_t sent_at = 0;         ///< nothing that is still at the source was sent to the target before
  MoveNote() = default;
};
BOOST_DESCRIBE_STRUCT(MoveNote, (), (version, to, queues, paused, owner, sent_at))

/// Nothing where a newer version has written it.
[[nodiscard]] std::optional<MoveNote> read_move_note(const std::string& text);
/// For the doctor: `url` is the source, where `note` stands. Says nothing where no move has been left open.
void report_move(Findings& out, const std::string& url, const std::string& note);

}  // namespace coterie::brokers
