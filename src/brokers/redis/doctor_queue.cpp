// What there is of the queue itself: its layout, its shards, how many jobs they have.
#include <algorithm>
#include <charconv>

#include "src/brokers/move_note.hpp"
#include "src/brokers/redis/doctor.hpp"
#include "src/brokers/redis/record.hpp"
#include "src/brokers/redis/routing.hpp"

namespace coterie::brokers::redis {
namespace {

/// Of one shard, whose jobs are counted.
constexpr std::size_t queues_most = 1000;
/// Milliseconds that a failover between servers may bring, and that nobody minds.
constexpr std::int64_t ahead_most = 1000;

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Command ask_of(const Patient& patient, std::uint32_t shard, const char* field) {
  return Command("HGET").arg(patient.settings.prefix(shard) + "m").arg(field);
}

/// Nothing where what one was asked for was told.
void note_unseen(Patient& patient, std::uint32_t shard, const Reply& reply) {
  if (patient.census.unseen.empty() && reply.is_error())
    patient.census.unseen = why_not(reply, "+hget ~" + patient.settings.prefix(shard) + "*");
}

Task<void> look_at_number(Patient& patient) {
  std::vector<Command> commands;
  commands.push_back(ask_of(patient, 0, "S"));
  commands.push_back(ask_of(patient, 0, "v"));
  const std::vector<Reply> replies = co_await patient.link.call_all(commands);
  for (const Reply& reply : replies) note_unseen(patient, 0, reply);
  if (!patient.census.unseen.empty()) co_return;
  if (!replies[0].is_nil())
    patient.census.shards = static_cast<std::uint32_t>(number_of(replies[0].string()));
  else if (!replies[1].is_nil())
    patient.census.shards = 1;  // it was made before there was a number
}

/// How many there are in all states; 0 where that cannot be told.
Task<void> count_jobs(Patient& patient, std::uint32_t shard) {
  const std::string prefix = patient.settings.prefix(shard);
  const Reply length = co_await patient.link.call(Command("HLEN").arg(prefix + "Q"));
  if (length.kind() != Reply::Kind::integer || length.integer() > static_cast<std::int64_t>(queues_most))
    co_return;
  const Reply queues = co_await patient.link.call(Command("HGETALL").arg(prefix + "Q"));
  if (queues.kind() != Reply::Kind::array) co_return;
  std::vector<Command> commands;
  for (std::size_t i = 1; i < queues.array().size(); i += 2)
    commands.push_back(Command("HGETALL").arg(prefix + "c" + queues.at(i).string()));
  const std::vector<Reply> counts = co_await patient.link.call_all(commands);
  for (const Reply& each : counts) {
    if (each.kind() != Reply::Kind::array) continue;
    for (std::size_t i = 0; i + 1 < each.array().size(); i += 2) {
      const std::string& state = each.at(i).string();
      const std::uint64_t count = state == "N" ? 0 : number_of(each.at(i + 1).string());
      patient.jobs += count;
      if (state == std::to_string(static_cast<int>(queue::JobState::dead))) patient.census.dead += count;
    }
  }
}

Task<void> look_at_time(Patient& patient, std::uint32_t shard) {
  std::vector<Command> commands;
  commands.push_back(ask_of(patient, shard, "c"));
  commands.emplace_back("TIME");
  const std::vector<Reply> replies = co_await patient.link.call_all(commands);
  if (replies[0].kind() != Reply::Kind::string || replies[1].kind() != Reply::Kind::array) co_return;
  const std::uint64_t server =
      number_of(replies[1].at(0).string()) * 1000 + number_of(replies[1].at(1).string()) / 1000;
  const auto ahead = static_cast<std::int64_t>(number_of(replies[0].string()) - server);
  patient.census.ahead = std::max(patient.census.ahead, ahead);
}

Task<void> look_at_shard(Patient& patient, std::uint32_t shard) {
  const Reply layout = co_await patient.link.call(ask_of(patient, shard, "v"));
  note_unseen(patient, shard, layout);
  if (layout.is_error() || layout.is_nil()) co_return;
  if (layout.string() != std::to_string(layout_version)) {
    patient.census.layout = layout.string().substr(0, 20);
    co_return;
  }
  co_await look_at_time(patient, shard);
  co_await count_jobs(patient, shard);
}

/// A clock that was wrong for a moment is the queue's until the right one has caught up.
void report_time(Findings& out, std::int64_t ahead) {
  if (ahead < ahead_most) return;
  const std::string seconds = std::to_string((ahead + 999) / 1000) + " s";
  out.problem("queue's clock", seconds + " ahead of the server's, which was set forwards once and back since",
              "time in the queue never goes backwards and stands still until then: delays, retries, leases "
              "of workers that died",
              "wait for " + seconds + ", or set the server's clock to the right time if it is not",
              {{"ahead_s", static_cast<double>(ahead) / 1000}});
}

Task<void> look_for_note(Patient& patient, std::string_view key, std::string& into) {
  const std::uint32_t shard = shard_of_note(key, patient.census.shards);
  if (!patient.holds(shard)) co_return;
  const Reply note =
      co_await patient.link.call(Command("HGET").arg(patient.settings.prefix(shard) + "i").arg(key));
  if (note.kind() == Reply::Kind::string) into = note.string();
}

}  // namespace

Task<void> look_at_shards(Patient& patient) {
  Census& census = patient.census;
  if (patient.holds(0)) co_await look_at_number(patient);
  for (std::uint32_t shard = 0; shard < std::min(census.shards, shards_most); ++shard)
    if (patient.holds(shard)) co_await look_at_shard(patient, shard);
  census.jobs += patient.jobs;
  if (census.shards == 0 || census.shards > shards_most) co_return;
  co_await look_for_note(patient, move_note_key, census.move);
  co_await look_for_note(patient, move_sources_key, census.move_sources);
}

void report_queue(Findings& out, const Settings& settings, const Census& census) {
  report_time(out, census.ahead);
  report_moves(out, settings.url(), census.move, census.move_sources);
  const std::string name = "namespace '" + settings.key_namespace + "'";
  const std::string shards = std::to_string(census.shards) + (census.shards == 1 ? " shard" : " shards");
  if (!census.unseen.empty())
    out.unknown("layout", census.unseen);
  else if (!census.layout.empty())
    out.problem("layout", name + " has layout " + census.layout,
                "it was made by another version of coterie; this one knows layout " +
                    std::to_string(layout_version) + ", and is refused there",
                "use the version that made it, or choose another ?namespace=");
  else if (census.shards > shards_most)
    out.problem("layout", name + " is said to have " + shards, "a broker with this URL is refused",
                "choose another ?namespace=");
  else if (census.shards == 0)
    out.ok("layout", name + " is empty", "no queue has been used there yet");
  else
    out.ok("layout",
           name + " has layout " + std::to_string(layout_version) + ", " + shards + ", " +
               jobs_text(census.jobs),
           {}, {{"shards", static_cast<double>(census.shards)}, {"jobs", static_cast<double>(census.jobs)}});
  report_dead(out, census.dead);
}

}  // namespace coterie::brokers::redis
