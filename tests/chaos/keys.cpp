// Reads all keys of the queue `coterie` at the end of a chaos run on Redis, and says what contradicts the
// layout.
//
//   chaos_keys SERVER...    the path of a socket or host:port; of a cluster, its masters; exit 1 where
//   anything does
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "tests/brokers/redis_key_walk.hpp"

int main(int argc, char** argv) {
  try {
    const broker_suite::RedisKeys keys = broker_suite::read_keys({argv + 1, argv + argc}, "coterie");
    std::size_t read = 0;
    for (const auto& [shard, values] : keys) read += values.size();
    const std::vector<broker_suite::KeyFinding> findings = broker_suite::walk_keys(keys);
    std::printf("%zu keys\n", read);
    for (const broker_suite::KeyFinding& finding : findings) std::printf("%s\n", finding.text.c_str());
    return findings.empty() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chaos_keys: %s\n", error.what());
    return 2;
  }
}
