// What a server says of itself by INFO and CONFIG GET.
#include <cstdio>
#include <cstdlib>

#include "src/brokers/redis/doctor.hpp"

namespace coterie::brokers::redis {
namespace {

constexpr std::uint64_t large = std::uint64_t{64} << 20;  // below that, ratios of memory say nothing

std::string decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

void look_at_role(Patient& patient) {
  const std::string_view role = patient.line("role");
  const std::string mode = read_info(patient.info).mode;
  const Settings& settings = patient.settings;
  if (mode == "cluster" && !settings.by_cluster()) {
    patient.out.problem("role", "node of a cluster", "a broker with this URL is refused",
                        "write " + std::string(settings.tls ? "rediss" : "redis") + "+cluster://" +
                            settings.address().text());
    return;
  }
  if (mode == "sentinel") {
    patient.out.problem("role", "sentinel", "it has no queue, and is refused",
                        "write redis+sentinel://" + settings.address().text() + "/NAME-OF-THE-MASTER");
    return;
  }
  if (role == "slave") {
    const std::string master =
        std::string(patient.line("master_host")) + ":" + std::string(patient.line("master_port"));
    if (patient.replica) {
      if (patient.line("master_link_status") == "up")
        patient.out.ok("role", "replica of " + master);
      else
        patient.out.warning("role", "replica of " + master + ", and not connected to it",
                            "if that one is lost now, what it had confirmed since is lost with it",
                            "look at both logs");
      return;
    }
    patient.out.problem("role", "replica of " + master, "only its master may be written to",
                        "name the master in the URL: " + master);
    return;
  }
  const std::uint64_t replicas = patient.number("connected_slaves");
  const std::string found =
      std::string(role) + " with " + std::to_string(replicas) + " replica" + (replicas == 1 ? "" : "s");
  const Findings::Numbers numbers{{"replicas", static_cast<double>(replicas)}};
  if (settings.by_cluster() && replicas == 0)
    patient.out.warning("role", found, "while it is away, so is its part of the queue: nobody takes over",
                        "redis-cli --cluster add-node NEW " + settings.cluster.front().text() +
                            " --cluster-slave --cluster-master-id ITS-ID",
                        numbers);
  else
    patient.out.ok("role", found, {}, numbers);
  for (std::uint64_t i = 0; i < replicas && i < 100; ++i) {
    const std::string_view replica = patient.line("slave" + std::to_string(i));
    if (!replica.empty() && replica.find("state=online") == std::string_view::npos)
      patient.out.warning("replica", std::string(replica), "it is not in step, and confirms nothing",
                          "wait for its first synchronisation, or look at its log");
  }
}

/// What becomes of a log that a crash has torn. Nothing tells afterwards that one was.
void look_at_torn_log(Patient& patient) {
  const std::string cut = patient.setting("aof-load-truncated");
  if (!read_info(patient.info).aof_enabled || cut.empty()) return;
  if (cut == "no")
    patient.out.ok("torn log", "refused at the start (aof-load-truncated no)",
                   "redis-check-aof --fix cuts it where its last whole script ends");
  else
    patient.out.warning("torn log", "cut at the start without a word (aof-load-truncated yes)",
                        "where a crash or a power cut has torn it within a script, its beginning stays, and "
                        "is run at the start "
                        "after the next: a job can be lost",
                        "redis-check-aof --fix appendonlydir/appendonly.aof.manifest before each start of "
                        "the server, or CONFIG "
                        "SET aof-load-truncated no, and the same in redis.conf");
}

/// What the last attempts to write gave.
void look_at_writes(Patient& patient) {
  for (const char* key : {"aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"}) {
    const std::string_view status = patient.line(key);
    if (status.empty() || status == "ok") continue;
    patient.out.problem("disk", std::string(key) + " is " + std::string(status),
                        "what the server was to write did not get to its disk; it may refuse all writes",
                        "look at its log, make room on its disk");
  }
}

}  // namespace

void look_at_server(Patient& patient) {
  const ServerInfo server = read_info(patient.info);
  constexpr std::uint32_t oldest = 7;
  if (server.version.empty())
    patient.out.problem("version", "not told", "it may be no Redis server", "look at the address");
  else if (server.major < oldest)
    patient.out.problem("version", server.version, "scripts of the queue need 7.0, so it is refused",
                        "update the server to 7.0 or newer");
  else if (const std::string_view valkey = patient.line("valkey_version"); !valkey.empty())
    patient.out.ok("version", "Valkey " + std::string(valkey) + ", as Redis " + server.version);
  else
    patient.out.ok("version", server.version);
  if (patient.line("loading") == "1")
    patient.out.warning("loading", "the server still loads its data", "calls are refused until it is done",
                        "try again shortly");
  look_at_role(patient);
}

void look_at_persistence(Patient& patient) {
  const ServerInfo server = read_info(patient.info);
  const std::string fsync = patient.setting("appendfsync");
  const std::string save = patient.setting("save");
  const std::string_view on =
      "CONFIG SET appendonly yes, and the same in redis.conf (CONFIG REWRITE where there is one)";
  look_at_writes(patient);
  look_at_torn_log(patient);
  if (server.aof_enabled && fsync.empty()) {
    patient.out.unknown("persistence", why_not(patient.config, "+config|get") +
                                           " (an append-only file is kept, its appendfsync is not told)");
  } else if (server.aof_enabled && fsync == "always" &&
             patient.setting("no-appendfsync-on-rewrite") == "yes") {
    patient.out.warning("persistence", "append-only file, synced always but during rewrites",
                        "a power cut during a rewrite of the file loses what was confirmed meanwhile",
                        "CONFIG SET no-appendfsync-on-rewrite no");
  } else if (server.aof_enabled && fsync == "no") {
    patient.out.warning("persistence", "append-only file, synced when the kernel likes",
                        "a power cut loses what was confirmed in the last 30 s or more",
                        "CONFIG SET appendfsync everysec, or always");
  } else if (server.aof_enabled) {
    patient.out.ok("persistence", "append-only file, appendfsync " + fsync,
                   fsync == "always" ? "nothing that was confirmed is lost by a power cut"
                                     : "a power cut loses what was confirmed in the last 2 s");
  } else if (patient.config.is_error()) {
    patient.out.problem("persistence",
                        "no append-only file (" + why_not(patient.config, "+config|get") +
                            ", so whether there are snapshots is not told)",
                        "a restart loses all jobs since the last snapshot, if there is any", std::string(on));
  } else if (!save.empty()) {
    patient.out.warning("persistence", "snapshots only (save " + save + ")",
                        "any end of the server but an orderly one loses all since the last snapshot",
                        std::string(on));
  } else {
    patient.out.problem("persistence", "none: appendonly no, and save is empty",
                        "when redis-server ends, every job is gone", std::string(on));
  }
}

void look_at_memory(Patient& patient) {
  const ServerInfo server = read_info(patient.info);
  const std::uint64_t used = patient.number("used_memory");
  const std::uint64_t peak = patient.number("used_memory_peak");
  const std::uint64_t startup = patient.number("used_memory_startup");
  const double ratio = std::atof(std::string(patient.line("mem_fragmentation_ratio")).c_str());
  const double each = patient.jobs == 0 || used < startup
                          ? 0
                          : static_cast<double>(used - startup) / static_cast<double>(patient.jobs);
  std::string found =
      bytes_text(used) + " used, peak " + bytes_text(peak) + ", fragmentation " + decimal(ratio);
  if (patient.jobs > 0)
    found += "; " + jobs_text(patient.jobs) + ", at most " + bytes_text(static_cast<std::uint64_t>(each)) +
             " each";
  const Findings::Numbers numbers{{"used_bytes", static_cast<double>(used)},
                                  {"peak_bytes", static_cast<double>(peak)},
                                  {"fragmentation", ratio},
                                  {"jobs", static_cast<double>(patient.jobs)},
                                  {"bytes_per_job", each}};
  if (used >= large && ratio > 1.5)
    patient.out.warning("memory", found, "the process holds half as much again as its data need",
                        "CONFIG SET activedefrag yes, or restart it in a quiet hour", numbers);
  else if (used >= large && ratio > 0 && ratio < 0.9)
    patient.out.warning("memory", found, "a part of it is swapped out, and every call may wait for a disk",
                        "give the machine more memory, or set maxmemory lower", numbers);
  else
    patient.out.ok("memory", found, {}, numbers);

  const double share =
      server.maxmemory == 0 ? 0 : 100 * static_cast<double>(used) / static_cast<double>(server.maxmemory);
  const std::string limit =
      bytes_text(server.maxmemory) + ", " + std::to_string(static_cast<int>(share)) + " % of it used";
  if (server.maxmemory == 0)
    patient.out.warning("maxmemory", "no limit",
                        "a queue that nobody works on grows until the system kills redis-server",
                        "CONFIG SET maxmemory to what the machine can spare: at it, enqueues are refused "
                        "and workers go on");
  else if (share >= 100)
    patient.out.problem("maxmemory", limit, "enqueues are refused",
                        "raise maxmemory, or let workers finish what is there");
  else if (share >= 90)
    patient.out.warning("maxmemory", limit, "soon enqueues are refused",
                        "raise maxmemory, or let workers finish what is there");
  else
    patient.out.ok("maxmemory", limit, {}, {{"maxmemory_bytes", static_cast<double>(server.maxmemory)}});

  const std::string change = "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf";
  if (server.maxmemory_policy.empty())
    patient.out.unknown("eviction", "the server does not say its maxmemory-policy");
  else if (server.maxmemory_policy == "noeviction")
    patient.out.ok("eviction", server.maxmemory_policy);
  else if (patient.settings.accept_loss)
    patient.out.warning("eviction", server.maxmemory_policy,
                        "jobs are thrown away when its memory is full; accept_loss=yes allows it", change);
  else
    patient.out.problem("eviction", server.maxmemory_policy,
                        "jobs would be thrown away when its memory is full, so a broker refuses to start",
                        change + "; or say ?accept_loss=yes");
}

void look_at_connections(Patient& patient) {
  const std::uint64_t connected = patient.number("connected_clients");
  const std::uint64_t most = patient.number("maxclients");
  const std::uint64_t rejected = patient.number("rejected_connections");
  std::string found = std::to_string(connected) + " of " + std::to_string(most);
  if (rejected > 0) found += ", " + std::to_string(rejected) + " refused since its start";
  const Findings::Numbers numbers{{"connected", static_cast<double>(connected)},
                                  {"maxclients", static_cast<double>(most)},
                                  {"rejected", static_cast<double>(rejected)}};
  if (most > 0 && connected * 10 >= most * 8)
    patient.out.warning("connections", found, "when they are used up nobody else gets in",
                        "raise maxclients (and ulimit -n), or look for clients that leak connections",
                        numbers);
  else if (rejected > 0)
    patient.out.warning("connections", found, "at times there were too many",
                        "raise maxclients, and CONFIG RESETSTAT to count anew", numbers);
  else
    patient.out.ok("connections", found, {}, numbers);
}

}  // namespace coterie::brokers::redis
