#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "coterie/poller.hpp"
#include "src/brokers/broker_url.hpp"
#include "src/brokers/redis/address.hpp"

namespace coterie::brokers::redis {

/// What no honest server exceeds; more is a malformed reply, and ends the connection.
struct ReplyLimits {
  /// Of one string: what Redis itself allows (`proto-max-bulk-len`).
  std::size_t bulk_bytes = std::size_t{512} << 20;
  /// Items of one array.
  std::size_t array_items = std::size_t{1} << 20;
  /// Arrays in arrays. hiredis 0.14 reads seven.
  std::size_t depth = 7;
  ReplyLimits() = default;
};

/// How many sentinels, or nodes of a cluster, a URL names, and how many are ever asked for one answer.
inline constexpr std::size_t asked_most = 16;

/// What must have happened to a write before its caller is told that it is done.
struct Durable {
  enum class Level : std::uint8_t {
    memory,    ///< applied: what it survives is the server's own setting
    fsync,     ///< on the server's disk
    replicas,  ///< also in the memory of so many replicas
  };
  Level level = Level::memory;
  std::uint32_t replicas = 0;
  Durable() = default;
  friend bool operator==(const Durable&, const Durable&) = default;
};

/// Where the server is and how to talk to it.
struct Settings {
  std::string host;  ///< a name or an address, without brackets; empty: `socket_path`, or others know it
  std::uint16_t port = 6379;
  std::string socket_path;  ///< of a Unix socket
  /// Who know where the master is; empty: no sentinels.
  std::vector<Address> sentinels;
  std::string master_name;    ///< what the sentinels call it
  std::string sentinel_user;  ///< at the sentinels; empty: their default user
  std::string sentinel_password;
  /// Some nodes of a cluster, which know the others; empty: no cluster.
  std::vector<Address> cluster;
  bool is_sentinel = false;  ///< what is at `host` is a sentinel, and not the server
  bool tls = false;
  std::string tls_ca;           ///< PEM file of the CAs to trust; empty: the system's
  std::string tls_certificate;  ///< PEM files of our own certificate and its key; empty: none
  std::string tls_key;
  std::string tls_name;       ///< what the server's certificate must be for; empty: the host
  bool tls_insecure = false;  ///< takes any certificate
  /// Use also a server that throws keys away when its memory is full.
  bool accept_loss = false;
  std::string user;  ///< empty: the server's default user
  std::string password;
  std::int32_t database = 0;
  /// What the names of all keys and channels begin with.
  std::string key_namespace = "coterie";
  /// Over how many shards the queue is spread; 0: as it is written down there, or the default.
  std::uint32_t shards = 0;
  /// For one attempt: name, connection, greeting. As long a call waits for a connection, too.
  Duration connect_timeout = std::chrono::seconds(5);
  /// Without a reply for so long the connection counts as dead.
  Duration command_timeout = std::chrono::seconds(10);
  /// Of jobs that are enqueued, and of acknowledgements (done, failed). See Durability.
  Durable durable_enqueues;
  Durable durable_acks;
  /// How long the server may take for more than memory, before the outcome is unknown. Below
  /// `command_timeout`, and well above the second that WAITAOF takes where the server syncs every second.
  Duration durable_timeout = std::chrono::seconds(5);
  ReplyLimits limits;

  Settings() = default;
  [[nodiscard]] bool authenticates() const noexcept { return !user.empty() || !password.empty(); }
  [[nodiscard]] bool by_sentinel() const noexcept { return !sentinels.empty(); }
  [[nodiscard]] bool by_cluster() const noexcept { return !cluster.empty(); }
  /// Who the server is has been told by others and may change: it is never refused for good.
  [[nodiscard]] bool was_named() const noexcept { return by_sentinel() || by_cluster(); }
  [[nodiscard]] Address address() const { return {host, port}; }
  /// What all keys and channels of a shard begin with: one hash tag, so that they are in one slot.
  [[nodiscard]] std::string prefix(std::uint32_t shard = 0) const {
    return "{" + key_namespace + ":" + std::to_string(shard) + "}";
  }
  /// For messages: the URL again, `***` for the password, without options. Once others have named the
  /// server, with its address.
  [[nodiscard]] std::string url() const;
};

/// Whether enqueues or acknowledgements ask for that.
[[nodiscard]] inline bool asks_for(const Settings& settings, Durable::Level level) noexcept {
  return settings.durable_enqueues.level == level || settings.durable_acks.level == level;
}

/// Reads `redis://[user[:password]@]host[:port][/db]`, `redis+unix:///path/to.sock[?db=N&user=…&password=…]`
/// and `rediss://…` (TLS, with `tls_ca`, `tls_cert`, `tls_key`, `tls_name`, `tls_insecure=yes`);
/// `redis+sentinel://[user[:password]@]host[:port],host[:port],…/master-name[/db]` and `rediss+sentinel://…`
/// (with `sentinel_user`, `sentinel_password`);
/// `redis+cluster://[user[:password]@]host[:port],host[:port],…` and `rediss+cluster://…`. Options:
/// `namespace`, `shards`, `connect_timeout_ms`, `command_timeout_ms`, `accept_loss=yes`,
/// `durable=memory|fsync|replicas:N` (and `durable_acks=`, where acknowledgements shall have another),
/// `durable_timeout_ms`. A part that holds `:`, `@`,
/// `/`, `?` or `%` writes them as `%XX`. Throws BadBroker: one line, the thing and the cure, without the
/// password.
[[nodiscard]] Settings settings_of(const BrokerUrl& url);

}  // namespace coterie::brokers::redis
