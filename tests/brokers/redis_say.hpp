#pragma once
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "coterie/run.hpp"
#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/dial.hpp"

namespace broker_suite {

using coterie::brokers::redis::Command;
using coterie::brokers::redis::Reply;

/// A command in an administrator's hand, over a connection of its own: to a server of any role, and to
/// sentinels.
inline Reply say(const std::string& url, const Command& command) {
  namespace redis = coterie::brokers::redis;
  Reply reply;
  const auto body = [&]() -> coterie::Task<void> {
    const redis::Settings settings = redis::settings_of(coterie::brokers::parse_broker_url(url));
    coterie::io::Stream stream = co_await redis::dial(settings);
    const std::shared_ptr<redis::Link> link = redis::Link::start(std::move(stream), settings);
    co_await redis::greet_subscriber(*link, settings);
    reply = co_await link->call(command);
    link->close("said");
    co_await link->join();
  };
  // The caller may stand on a loop. A server that changes its role hangs up: then it is asked again.
  std::thread([&] {
    for (bool said = false; !said;) {
      try {
        (void)coterie::run(body());
        said = true;
      } catch (const coterie::queue::BrokerUnavailable&) {
      }
    }
  }).join();
  return reply;
}

/// Words apart by spaces.
inline Reply say(const std::string& url, const std::string& words) {
  std::istringstream in(words);
  std::string word;
  in >> word;
  Command command(word);
  while (in >> word) command.arg(word);
  return say(url, command);
}

/// Asks again until it is so: servers tell of what they do among themselves in no other way.
inline void await_that(const std::function<bool()>& is_so) {
  while (!is_so()) std::this_thread::yield();
}

}  // namespace broker_suite
