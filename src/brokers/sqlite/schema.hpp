#pragma once
#include <cstdint>
#include <string>

#include "src/brokers/broker_url.hpp"
#include "src/brokers/sqlite/statement.hpp"
#include "src/brokers/sqlite/vfs.hpp"

namespace coterie::brokers::sqlite {

inline constexpr std::int64_t application_id = 0x436f7465;  ///< "Cote"
inline constexpr int schema_version = 4;
inline constexpr int oldest_schema = 2;  ///< that is brought up to date when it is opened

/// How a broker's file is opened.
struct Settings {
  std::string path;
  std::string synchronous = "full";  ///< full, normal or off
  int busy_timeout_ms = 5000;
  Settings() = default;
};

/// Reads the URL's options. BadBroker: one line, the thing and the cure.
[[nodiscard]] Settings settings_of(const BrokerUrl& url);

/// The one connection that writes. Creates the file and its tables where they are missing. Throws
/// SqliteError, or BadBroker where the file belongs to somebody else or to a newer schema.
[[nodiscard]] Connection open_for_writing(const Settings& settings, const SyncCounter& vfs);
/// A connection that only reads, for queries beside the writer. The file exists.
[[nodiscard]] Connection open_for_reading(const Settings& settings, const SyncCounter& vfs);

/// The columns of `lease.flags`.
enum LeaseFlag : std::int64_t { no_flags = 0, lease_started = 1, lease_alone = 2, lease_cancel = 4 };

/// How an attempt was decided, kept beside its token so that a repeated acknowledgement is recognised.
enum class Decision : std::int64_t { none = 0, done = 1, retry = 2, dead = 3, cancelled = 4, give_back = 5 };

}  // namespace coterie::brokers::sqlite
