#include "tests/brokers/redis_server.hpp"

#include <utility>

namespace broker_suite {

RedisServer::RedisServer(std::vector<std::string> options, Start when) : options_(std::move(options)) {
  if (when == Start::now) start();
}

void RedisServer::start() {
  std::vector<std::string> words{
      "redis-server", "--port",       "0",           "--unixsocket", socket(),      "--save", "",
      "--dir",        folder_.path(), "--daemonize", "no",           "--databases", "16"};
  words.insert(words.end(), options_.begin(), options_.end());
  process_.start(std::move(words), "eady to accept connections");
}

}  // namespace broker_suite
