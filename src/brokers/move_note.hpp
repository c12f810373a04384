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
/// What a target remembers of the moves to it that have not ended: the MovePlaces of their sources.
inline constexpr std::string_view move_sources_key = "coterie.move.sources";
/// By what a broker that had to do with a move is known: a random id, written once.
inline constexpr std::string_view move_id_key = "coterie.move.id";

/// One end of a move. A URL says what its broker is only to who stands where it was said: each host has a
/// 127.0.0.1, and a server many names. So what counts is the id that the broker itself holds.
struct MovePlace {
  std::string id;    ///< of move_id_key; empty: noted before there were any
  std::string url;   ///< without passwords, of a file with its whole path
  std::string host;  ///< on which it is called so; empty: not known

  MovePlace() = default;
  [[nodiscard]] bool is(const MovePlace& other) const {
    return id.empty() || other.id.empty() ? url == other.url : id == other.id;
  }
  /// " (so called on host 'a')"; empty where that is here, or not known.
  [[nodiscard]] std::string elsewhere() const;
};
BOOST_DESCRIBE_STRUCT(MovePlace, (), (id, url, host))

struct MoveNote {
  int version = 1;
  std::string to;                    ///< the target, without passwords
  std::optional<std::string> to_id;  ///< as in MovePlace
  std::optional<std::string> host;   ///< likewise
  std::vector<std::string> queues;   ///< that were named; empty: all
  std::vector<std::string> paused;   ///< queues that were paused before, and stay so
  std::string owner;                 ///< this_process() of who moves; empty: nobody does any more
  std::int64_t sent_at = 0;          ///< nothing that is still at the source was sent to the target before

  MoveNote() = default;
  [[nodiscard]] MovePlace target() const;
};
BOOST_DESCRIBE_STRUCT(MoveNote, (), (version, to, to_id, host, queues, paused, owner, sent_at))

/// Nothing where a newer version has written it.
[[nodiscard]] std::optional<MoveNote> read_move_note(const std::string& text);
/// The same of the sources; an empty note has none.
[[nodiscard]] std::optional<std::vector<MovePlace>> read_move_sources(const std::string& text);
/// The name of this machine.
[[nodiscard]] std::string this_host();
/// For the doctor: `url` is the broker where the two notes stand, each empty where there is none. Says
/// nothing where no move from there, or to there, has been left open.
void report_moves(Findings& out, const std::string& url, const std::string& note, const std::string& sources);

}  // namespace coterie::brokers
