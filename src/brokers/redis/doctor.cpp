// coterie doctor on Redis: connects as a subscriber does, which asks nothing of the server, and looks.
#include "src/brokers/redis/doctor.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/run.hpp"
#include "src/brokers/redis/dial.hpp"
#include "src/brokers/redis/durability.hpp"
#include "src/brokers/redis/record.hpp"

namespace coterie::brokers::redis {
namespace {

constexpr std::size_t queues_most = 1000;

/// What is read of the server's settings, where that is allowed.
Command ask_config() {
  Command command("CONFIG");
  command.arg("GET");
  for (const char* name :
       {"appendonly", "appendfsync", "no-appendfsync-on-rewrite", "save", "slowlog-log-slower-than"})
    command.arg(name);
  return command;
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Task<void> look_at_layout(Patient& patient) {
  const Reply reply = co_await patient.link.call(Command("HGET").arg(patient.prefix() + "m").arg("v"));
  const std::string name = "namespace '" + patient.settings.key_namespace + "'";
  if (reply.is_error())
    patient.out.unknown("layout", why_not(reply, "+hget ~" + patient.prefix() + "*"));
  else if (reply.is_nil())
    patient.out.ok("layout", name + " is empty", "no queue has been used there yet");
  else if (reply.string() == std::to_string(layout_version))
    patient.out.ok("layout", name + " has layout " + reply.string());
  else
    patient.out.problem("layout", name + " has layout " + reply.string().substr(0, 20),
                        "it was made by another version of coterie; this one knows layout " +
                            std::to_string(layout_version) + ", and is refused there",
                        "use the version that made it, or choose another ?namespace=");
}

/// How many there are in all states; 0 where that cannot be told.
Task<void> count_jobs(Patient& patient) {
  const Reply length = co_await patient.link.call(Command("HLEN").arg(patient.prefix() + "Q"));
  if (length.kind() != Reply::Kind::integer || length.integer() > static_cast<std::int64_t>(queues_most))
    co_return;
  const Reply queues = co_await patient.link.call(Command("HGETALL").arg(patient.prefix() + "Q"));
  if (queues.kind() != Reply::Kind::array) co_return;
  std::vector<Command> commands;
  for (std::size_t i = 1; i < queues.array().size(); i += 2)
    commands.push_back(Command("HGETALL").arg(patient.prefix() + "c" + queues.at(i).string()));
  const std::vector<Reply> counts = co_await patient.link.call_all(commands);
  for (const Reply& each : counts) {
    if (each.kind() != Reply::Kind::array) continue;
    for (std::size_t i = 0; i + 1 < each.array().size(); i += 2)
      if (each.at(i).string() != "N") patient.jobs += number_of(each.at(i + 1).string());
  }
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

Task<void> examine_server(Patient& patient) {
  co_await greet_subscriber(patient.link, patient.settings);
  (void)co_await patient.link.call(Command("CLIENT").arg("SETNAME").arg("coterie-doctor"));
  std::vector<Command> commands;
  commands.push_back(Command("SELECT").arg(patient.settings.database));
  commands.emplace_back("INFO");
  commands.push_back(ask_config());
  std::vector<Reply> replies = co_await patient.link.call_all(commands);
  if (replies[0].is_error() && patient.settings.database != 0)
    patient.out.problem("database", std::to_string(patient.settings.database) + ": " + replies[0].error(),
                        "a broker with this URL is refused", "take another number in the URL");
  patient.config = std::move(replies[2]);
  if (replies[1].is_error()) {
    patient.out.problem("server", "cannot tell: " + why_not(replies[1], "+info"),
                        "a broker needs INFO, and is refused without it",
                        "allow it, as by " + acl_example(patient.settings));
  } else {
    patient.info = replies[1].take_string();
    co_await count_jobs(patient);
    look_at_server(patient);
    look_at_persistence(patient);
    co_await look_at_durability(patient);
    look_at_memory(patient);
    look_at_connections(patient);
  }
  co_await look_at_layout(patient);
  co_await look_at_clock(patient);
  co_await look_at_latency(patient);
  co_await look_at_slow_log(patient);
  co_await look_at_rights(patient);
}

Task<void> examine(const Settings& settings, Findings& out) {
  io::Stream stream = co_await dial(settings);
  const std::shared_ptr<Link> link = Link::start(std::move(stream), settings);
  Patient patient(*link, settings, out);
  Task<void> looking = examine_server(patient);
  const Outcome<void> end = co_await outcome(std::move(looking));
  link->close("the doctor has seen enough");
  co_await link->join();
  end.get();
}

}  // namespace

std::uint64_t Patient::number(std::string_view key) const {
  return number_of(line(key));
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
  Findings out(diagnosis);
  RunOptions quiet;
  quiet.handle_signals = false;
  Runner runner(quiet);
  runner.run(redis::examine(settings, out));
  return diagnosis;
}

}  // namespace coterie::brokers
