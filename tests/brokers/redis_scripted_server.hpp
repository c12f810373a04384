#pragma once
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/brokers/loopback_listener.hpp"

namespace broker_suite {

/// A TCP server that says the same to everybody who connects: the first words at once, the next when
/// something was asked, whatever it was. Then it hangs up, or stays until they go.
class ScriptedServer {
 public:
  enum class Then : bool { hangs_up, stays };
  explicit ScriptedServer(std::vector<std::string> words, Then then = Then::hangs_up)
      : words_(std::move(words)), then_(then) {
    thread_ = std::thread([this] { serve(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    listener_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string url(const std::string& scheme = "redis") const {
    return scheme + "://" + listener_.place();
  }

 private:
  void serve() const {
    for (;;) {
      const int client = listener_.accept();
      if (client < 0) return;
      bool there = true;
      for (std::size_t i = 0; i < words_.size() && there; ++i) {
        if (i > 0) there = hear(client);
        (void)::send(client, words_[i].data(), words_[i].size(), MSG_NOSIGNAL);
      }
      while (then_ == Then::stays && there) there = hear(client);
      ::close(client);
    }
  }
  static bool hear(int client) {
    char ignored[4096];
    return ::recv(client, ignored, sizeof ignored, 0) > 0;
  }
  std::vector<std::string> words_;
  Then then_;
  LoopbackListener listener_{"the scripted server"};
  std::thread thread_;
};

}  // namespace broker_suite
