#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/loop.hpp"
#include "src/dashboard/call.hpp"

namespace coterie::dashboard {

/// Who may log in: a file of lines `NAME ROLE sha256:HASH` (a token) and `NAME ROLE scrypt:SALT:HASH` (a
/// password). Blank lines and those that begin with # do not count.
class Accounts {
 public:
  Accounts() = default;
  /// BadOptions: the file cannot be read, others may read it, a line will not do.
  [[nodiscard]] static Accounts read(const std::string& path);
  [[nodiscard]] static Accounts parse(std::string_view text);

  /// Compares with every token, in a time that does not depend on where they differ.
  [[nodiscard]] std::optional<Caller> by_token(std::string_view token) const;
  /// Takes a tenth of a second, also for a name that is not there: for another thread.
  [[nodiscard]] std::optional<Caller> by_password(const std::string& name, const std::string& password) const;

 private:
  struct Account {
    Caller caller;
    bool token = false;
    std::string salt;
    std::string hash;
  };
  std::vector<Account> accounts_;
};

/// People who have logged in, by their cookie's value. Kept in memory: a restart logs everybody out.
class Sessions {
 public:
  static constexpr std::size_t most = 1000;
  /// Of one person; the next one ends the oldest. So a program that logs in anew each time, in place of
  /// sending a token, takes nobody else's place.
  static constexpr std::size_t most_of_one = 20;
  static constexpr Duration lifetime = std::chrono::hours(12);
  /// The cookie's value.
  [[nodiscard]] std::string open(const Caller& caller, TimePoint now);
  [[nodiscard]] std::optional<Caller> find(std::string_view cookie, TimePoint now) const;
  void close(std::string_view cookie);

 private:
  struct Session {
    Caller caller;
    TimePoint until;
  };
  void make_room_for(const std::string& name);

  std::map<std::string, Session> sessions_;  // by the hash of the cookie
};

/// Slows down who tries passwords: so many failures a minute from one address, and from all together.
class LoginLimit {
 public:
  static constexpr std::size_t per_peer = 5;
  static constexpr std::size_t in_all = 50;
  [[nodiscard]] bool allows(const std::string& peer, TimePoint now);
  void failed(const std::string& peer, TimePoint now);
  /// The newest failure of `peer` was none.
  void forgive(const std::string& peer);

 private:
  void forget_before(TimePoint when);
  std::vector<std::pair<TimePoint, std::string>> failures_;
};

}  // namespace coterie::dashboard
