#pragma once
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "src/brokers/redis/reply_parser.hpp"
#include "tests/brokers/loopback_listener.hpp"

namespace broker_suite {

/// Stands before a real server, hears every command, and answers some of them itself: so that a server has
/// commands that the one which is installed has not. One command and one reply at a time; not for
/// subscriptions.
class RedisProxy {
 public:
  /// A command's words, from any connection's thread; what it gives is the reply in its wire form, nothing:
  /// the server is asked, with the words as they are then.
  using Answer = std::function<std::optional<std::string>(std::vector<std::string>& words)>;

  RedisProxy(std::string socket, Answer answer) : socket_(std::move(socket)), answer_(std::move(answer)) {
    acceptor_ = std::thread([this] { accept_all(); });
  }
  RedisProxy(const RedisProxy&) = delete;
  RedisProxy& operator=(const RedisProxy&) = delete;
  ~RedisProxy() {
    listener_.stop();
    acceptor_.join();
    cut();
    for (std::thread& each : threads_) each.join();
    for (const int fd : clients_) ::close(fd);
  }

  /// Keeps the replies to such commands back until the next command of that connection has come: who waits
  /// for one of them before it goes on waits in vain.
  void hold_replies_to(std::function<bool(const std::vector<std::string>& words)> which) {
    const std::lock_guard lock(mutex_);
    holds_ = std::move(which);
  }
  /// Ends every connection that there is.
  void cut() {
    const std::lock_guard lock(mutex_);
    for (const int fd : clients_) (void)::shutdown(fd, SHUT_RDWR);
  }
  [[nodiscard]] std::string url(const std::string& query) const {
    return "redis://" + listener_.place() + "?" + query;
  }
  /// The commands since the last look, each in its words' first two.
  [[nodiscard]] std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return std::exchange(heard_, {});
  }

 private:
  using Reply = coterie::brokers::redis::Reply;
  using Parser = coterie::brokers::redis::ReplyParser;

  void accept_all() {
    for (;;) {
      const int client = listener_.accept();
      if (client < 0) return;
      const std::lock_guard lock(mutex_);
      clients_.push_back(client);
      threads_.emplace_back([this, client] { serve(client); });
    }
  }
  void serve(int client) {
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    socket_.copy(at.sun_path, sizeof at.sun_path - 1);
    if (::connect(server, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) {
      Parser commands{coterie::brokers::redis::ReplyLimits()};
      Parser replies{coterie::brokers::redis::ReplyLimits()};
      std::string held;
      for (std::string bytes; receive(client, bytes);) {
        commands.feed(bytes);
        bool there = true;
        for (Reply command; there && commands.next(command);)
          there = pass(client, server, command, replies, held);
        if (!there) break;
      }
    }
    (void)::shutdown(client, SHUT_RDWR);
    ::close(server);
  }
  bool pass(int client, int server, const Reply& command, Parser& replies, std::string& held) {
    std::vector<std::string> words;
    for (const Reply& word : command.array()) words.push_back(word.string());
    bool holds = false;
    {
      const std::lock_guard lock(mutex_);
      heard_.push_back(words.size() > 1 ? words[0] + " " + words[1] : words[0]);
      holds = holds_ && holds_(words);
    }
    if (const std::optional<std::string> own = answer_(words)) return send_all(client, *own);
    std::string wire = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) wire += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    if (!send_all(server, wire)) return false;
    std::string reply;
    for (Reply ignored; !replies.next(ignored);) {
      std::string bytes;
      if (!receive(server, bytes)) return false;
      replies.feed(bytes);
      reply += bytes;
    }
    held += reply;
    return holds || send_all(client, std::exchange(held, {}));
  }
  static bool receive(int fd, std::string& bytes) {
    bytes.resize(std::size_t{64} << 10);
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return got > 0;
  }
  static bool send_all(int fd, const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      at += static_cast<std::size_t>(sent);
    }
    return true;
  }

  std::string socket_;
  Answer answer_;
  std::function<bool(const std::vector<std::string>&)> holds_;
  LoopbackListener listener_{"the proxy"};
  std::mutex mutex_;
  std::vector<int> clients_;
  std::vector<std::thread> threads_;
  std::vector<std::string> heard_;
  std::thread acceptor_;
};

}  // namespace broker_suite
