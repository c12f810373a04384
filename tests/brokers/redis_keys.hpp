#pragma once
#include <map>
#include <string>
#include <vector>

namespace broker_suite {

/// What stands under a key.
struct RedisValue {
  std::string type;                          // as TYPE says it
  std::string text;                          // of a string
  std::vector<std::string> items;            // of a list, a set
  std::map<std::string, std::string> pairs;  // of a hash; of a sorted set, its members and their scores
};

/// All that a queue has on its servers: number of a shard -> what its key is called behind the hash tag ->
/// the value.
using RedisKeys = std::map<unsigned, std::map<std::string, RedisValue>>;

/// As hiredis reads it, with nothing of the broker's: for who judges the broker. `servers`: the path of a
/// socket, or "127.0.0.1:6379"; of a cluster, its masters. Nobody may write meanwhile. Throws
/// std::runtime_error where a server does not answer.
[[nodiscard]] RedisKeys read_keys(const std::vector<std::string>& servers, const std::string& name_space);

}  // namespace broker_suite
