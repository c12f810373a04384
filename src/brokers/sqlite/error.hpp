#pragma once
#include <string>

#include "src/brokers/sqlite/statement.hpp"

namespace coterie::brokers::sqlite {

/// Throws what the contract has for an error that happened while the broker at `path` was working: almost
/// always BrokerUnavailable. One line: the file, what is wrong, the cure.
[[noreturn]] void throw_unavailable(const SqliteError& error, const std::string& path);

/// The same for an error at opening: BadBroker, unless repeating may help.
[[noreturn]] void throw_bad_broker(const SqliteError& error, const std::string& path);

}  // namespace coterie::brokers::sqlite
