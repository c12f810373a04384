#pragma once
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/brokers/redis/scripts.hpp"
#include "tests/brokers/redis_proxy.hpp"
#include "tests/brokers/redis_say.hpp"
#include "tests/brokers/redis_server.hpp"

namespace broker_suite {

/// Stands before a server, and lets one call of one script fail.
class FailingCalls {
 public:
  using Script = coterie::brokers::redis::Script;

  explicit FailingCalls(const RedisServer& server)
      : server_(server), proxy_(server.socket(), [this](std::vector<std::string>& words) {
          change(words);
          return std::nullopt;
        }) {
    for (std::size_t i = 0; i < coterie::brokers::redis::script_count; ++i) {
      const auto script = static_cast<Script>(i);
      const Reply sha =
          say(server.url(), Command("SCRIPT").arg("LOAD").arg(coterie::brokers::redis::source_of(script)));
      scripts_.emplace(sha.string(), script);
    }
  }
  [[nodiscard]] std::string url(const std::string& query) const { return proxy_.url(query); }

  /// In the next run of that script its nth call fails, from 1.
  void arm(Script script, std::size_t nth) {
    const std::lock_guard lock(mutex_);
    script_ = script;
    nth_ = nth;
  }
  /// Whether it did; from now on nothing fails.
  bool disarm() {
    const std::lock_guard lock(mutex_);
    nth_ = 0;
    return say(server_.url(), "DEL failed").integer() == 1;
  }

 private:
  void change(std::vector<std::string>& words) {
    const std::lock_guard lock(mutex_);
    if (nth_ == 0 || words[0] != "EVALSHA") return;
    const auto found = scripts_.find(words[1]);
    if (found == scripts_.end() || found->second != script_) return;
    words[0] = "EVAL";
    words[1] = failing(coterie::brokers::redis::source_of(script_), nth_);
    nth_ = 0;
  }
  static std::string failing(std::string source, std::size_t nth) {
    const std::string begin =
        "local made = 0\n"
        "local function failing_call(...)\n"
        "  made = made + 1\n"
        "  if made == " +
        std::to_string(nth) +
        " then\n"
        "    redis.call('SET', 'failed', '1')\n"
        "    error({err = 'ERR this call fails in a test'})\n"
        "  end\n"
        "  return redis.call(...)\n"
        "end\n";
    const std::string_view name = "= redis.call,";
    source.replace(source.find(name), name.size(), "= failing_call,");
    const std::size_t at = source.starts_with("#!") ? source.find('\n') + 1 : 0;
    return source.insert(at, begin);
  }

  const RedisServer& server_;
  std::mutex mutex_;
  std::map<std::string, Script> scripts_;  // by their names at the server
  Script script_ = Script::enqueue;
  std::size_t nth_ = 0;
  RedisProxy proxy_;
};

}  // namespace broker_suite
