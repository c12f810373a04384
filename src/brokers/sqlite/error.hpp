#pragma once
#include <string>

#include "src/brokers/sqlite/statement.hpp"

namespace coterie::brokers::sqlite {

/// Throws what the contract has for an error that happened while the broker at `path` was working: almost
/// always BrokerUnavailable. One line: the file, what is wrong, the cure.
[[noreturn]] void throw_unavailable(const SqliteError& error, const std::string& path);

/// The same for an error at opening: BadBroker, unless repeating may help.
[[noreturn]] void throw_bad_broker(const SqliteError& error, const std::string& path);

/// Whether there was no room: on the disk, in the user's quota or within the limit on a file's size. What the
/// log gives back may help then.
[[nodiscard]] bool is_disk_full(const SqliteError& error) noexcept;
/// The same of the exception that is being handled.
[[nodiscard]] bool is_disk_full() noexcept;

/// BadBroker when the file of this connection no longer stands where it was opened: it was deleted, moved or
/// replaced, and nobody else would see what is written to it. Costs one stat().
void check_in_place(sqlite3* db);

}  // namespace coterie::brokers::sqlite
