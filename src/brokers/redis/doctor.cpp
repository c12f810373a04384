// coterie doctor on Redis: connects as a subscriber does, which asks nothing of the server, and looks.
#include "src/brokers/redis/doctor.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "coterie/run.hpp"
#include "src/brokers/redis/durability.hpp"
#include "src/brokers/redis/locator.hpp"

namespace coterie::brokers::redis {
namespace {

/// What is read of the server's settings, where that is allowed.
Command ask_config() {
  Command command("CONFIG");
  command.arg("GET");
  for (const char* name : {"appendonly", "appendfsync", "no-appendfsync-on-rewrite", "aof-load-truncated",
                           "save", "slowlog-log-slower-than"})
    command.arg(name);
  return command;
}

/// What durable= of the URL comes to at this server.
Task<void> look_at_durability(Patient& patient) {
  const Settings& settings = patient.settings;
  const std::string asked = "enqueues " + to_string(settings.durable_enqueues) + ", acknowledgements " +
                            to_string(settings.durable_acks);
  const std::uint32_t replicas = std::max(settings.durable_enqueues.replicas, settings.durable_acks.replicas);
  if (settings.durable_enqueues == Durable() && settings.durable_acks == Durable()) {
    patient.out.ok("durable=", asked, "the server's persistence, above, says what is kept");
    co_return;
  }
  Durability durability(settings);
  const ServerInfo server = read_info(patient.info);
  Task<void> learning = durability.learn(patient.link, server);
  const Outcome<void> learned = co_await outcome(std::move(learning));
  try {
    learned.get();
  } catch (const queue::BadBroker& error) {
    std::string why = error.what();
    const std::string url = settings.url() + ": ";
    if (why.starts_with(url)) why.erase(0, url.size());
    patient.out.problem("durable=", asked, "workers and producers are refused here", why);
    co_return;
  }
  if (patient.number("connected_slaves") < replicas)
    patient.out.problem(
        "durable=",
        asked + ", and " + std::string(patient.line("connected_slaves")) + " replicas are connected",
        "the outcome of every such call is unknown, and it is repeated",
        "connect replicas, or ask for fewer");
  else
    patient.out.ok("durable=", asked);
}

Task<void> examine(const Settings& settings, queue::Diagnosis& diagnosis) {
  Findings out(diagnosis);
  Census census;
  const std::shared_ptr<Locator> locator = make_locator(settings);
  Task<Settings> finding = locator->find(Address());
  Outcome<Settings> found = co_await outcome(std::move(finding));
  co_await locator->close();
  const Settings at = std::move(found).get();
  const auto look = [&](Link& link) -> Task<void> {
    Patient patient(link, at, out, census);
    co_await examine_server(patient);
  };
  co_await visit(at, look);
}

}  // namespace

Task<void> examine_server(Patient& patient) {
  std::vector<Command> commands;
  commands.push_back(Command("SELECT").arg(patient.settings.database));
  commands.emplace_back("INFO");
  commands.push_back(ask_config());
  std::vector<Reply> replies = co_await patient.link.call_all(commands);
  if (replies[0].is_error() && patient.settings.database != 0)
    patient.out.problem("database", std::to_string(patient.settings.database) + ": " + replies[0].error(),
                        "a broker with this URL is refused", "take another number in the URL");
  patient.config = std::move(replies[2]);
  co_await look_at_shards(patient);
  if (replies[1].is_error()) {
    patient.out.problem("server", "cannot tell: " + why_not(replies[1], "+info"),
                        "a broker needs INFO, and is refused without it",
                        "allow it, as by " + acl_cure(patient.settings));
  } else {
    patient.info = replies[1].take_string();
    look_at_server(patient);
    look_at_persistence(patient);
    if (!patient.replica) co_await look_at_durability(patient);
    look_at_memory(patient);
    look_at_connections(patient);
  }
  if (!patient.settings.by_cluster()) report_queue(patient.out, patient.settings, patient.census);
  co_await look_at_clock(patient);
  co_await look_at_latency(patient);
  co_await look_at_slow_log(patient);
  co_await look_at_rights(patient);
}

std::uint64_t Patient::number(std::string_view key) const {
  const std::string_view text = line(key);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool Patient::holds(std::uint32_t shard) const {
  if (map == nullptr) return true;
  const Address* const master = map->master_of(slot_of(settings.prefix(shard)));
  return !replica && master != nullptr && *master == settings.address();
}

std::string Patient::setting(std::string_view name) const {
  if (config.kind() != Reply::Kind::array) return {};
  for (std::size_t i = 0; i + 1 < config.array().size(); i += 2)
    if (config.at(i).string() == name) return config.at(i + 1).string();
  return {};
}

std::string why_not(const Reply& reply, std::string_view right) {
  if (reply.is_error("NOPERM")) return "the user lacks " + std::string(right);
  return "the server said " + reply.describe();
}

}  // namespace coterie::brokers::redis

namespace coterie::brokers {

queue::Diagnosis diagnose_redis(const BrokerUrl& url) {
  const redis::Settings settings = redis::settings_of(url);
  queue::Diagnosis diagnosis;
  diagnosis.url = settings.url();
  RunOptions quiet;
  quiet.handle_signals = false;
  Runner runner(quiet);
  if (settings.by_cluster())
    runner.run(redis::examine_cluster(settings, diagnosis));
  else
    runner.run(redis::examine(settings, diagnosis));
  return diagnosis;
}

}  // namespace coterie::brokers
