#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "coterie/queue/job.hpp"
#include "src/cli/command.hpp"

namespace coterie::cli {

/// Where a command looks for jobs when neither --broker nor COTERIE_BROKER says so.
inline constexpr const char* default_broker = "sqlite://coterie.db";

/// What every command takes.
struct CommonOptions {
  std::string broker = default_broker;
  bool json = false;
};

/// Declares one subcommand's flags. Only options.cpp pays for CLI11's header. Values are checked while the
/// command line is read: UsageError names the flag, the value and what it should be.
class Flags {
 public:
  /// A new subcommand of `app`.
  Flags(CLI::App& app, const std::string& name, const std::string& description);

  /// --broker and --namespace, which goes into the URL.
  Flags& broker(std::string& target);
  /// --namespace for a URL that another flag has.
  Flags& name_space(std::string& url);
  /// --broker and --json.
  Flags& common(CommonOptions& target);
  Flags& text(const std::string& names, std::string& target, const std::string& help,
              const std::string& type = "TEXT");
  Flags& text(const std::string& names, std::optional<std::string>& target, const std::string& help,
              const std::string& type = "TEXT");
  /// May be given several times.
  Flags& texts(const std::string& names, std::vector<std::string>& target, const std::string& help,
               const std::string& type = "TEXT");
  /// The arguments that are left; at least `least`.
  Flags& rest(const std::string& name, std::vector<std::string>& target, const std::string& help, int least);
  /// A whole number in [least, most].
  Flags& number(const std::string& names, std::int64_t& target, const std::string& help, std::int64_t least,
                std::int64_t most);
  Flags& number(const std::string& names, std::optional<std::int64_t>& target, const std::string& help,
                std::int64_t least, std::int64_t most);
  /// See parse_duration(); never negative.
  Flags& duration(const std::string& names, std::optional<queue::Milliseconds>& target,
                  const std::string& help);
  Flags& flag(const std::string& names, bool& target, const std::string& help);
  /// A command of commands: one of its own must follow.
  Flags& needs_subcommand();
  [[nodiscard]] CLI::App& app() noexcept { return *command_; }
  /// Must be given.
  Flags& required(const std::string& name);
  /// Shown at the end of --help.
  Flags& footer(const std::string& text);
  /// What runs when this subcommand was chosen; it owns what the other calls were given.
  void chooses(Action& chosen, Action action);

 private:
  Flags& number_into(const std::string& names, std::function<void(std::int64_t)> take,
                     const std::string& help, std::int64_t least, std::int64_t most);
  CLI::App* command_;
};

/// Where a command that is put into the queue runs. UsageError where the directory is gone.
[[nodiscard]] std::string current_folder();

/// "500ms", "5s", "2m", "1h30m", "1.5d"; a number alone is seconds. UsageError, naming `what`, for anything
/// else and for what is negative.
[[nodiscard]] queue::Milliseconds parse_duration(const std::string& what, const std::string& text);
/// "2026-11-05T14:03:00Z", with an offset "+02:00" instead of Z, or "@1793887380" (seconds since 1970).
[[nodiscard]] queue::UnixMillis parse_time(const std::string& what, const std::string& text);
[[nodiscard]] std::int64_t parse_number(const std::string& what, const std::string& text, std::int64_t least,
                                        std::int64_t most);
/// Where to listen.
struct ListenAddress {
  std::string host = "127.0.0.1";
  std::optional<std::uint16_t> port;
  ListenAddress() = default;
};
/// "127.0.0.1:8420", "[::1]:8420", ":8420" and "8420" (of 127.0.0.1), "localhost" (of a port that is known
/// otherwise). UsageError, naming `what`.
[[nodiscard]] ListenAddress parse_address(const std::string& what, const std::string& text);
[[nodiscard]] queue::JobId parse_job_id(const std::string& text);
[[nodiscard]] std::vector<queue::JobId> parse_job_ids(const std::vector<std::string>& texts);
[[nodiscard]] queue::JobState parse_state(const std::string& text);

}  // namespace coterie::cli
