#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/io/stream.hpp"
#include "coterie/loop.hpp"
#include "coterie/spawn.hpp"
#include "coterie/sync/event.hpp"
#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/reply.hpp"
#include "src/brokers/redis/reply_parser.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// A command was given to a connection that was lost before its reply came: whether it was applied is open.
class LinkLost : public queue::BrokerUnavailable {
 public:
  using BrokerUnavailable::BrokerUnavailable;
};

/// One connection from its beginning to its loss, shared by many tasks of its loop. It is never repaired:
/// see Connection, which makes new ones.
///
///     call() ─▶ out_ ─▶ write_loop ═════▶ server ═════▶ read_loop ─▶ the oldest Slot ─▶ the call goes on
///        └────▶ slots_ (first in, first out) ──────────────────────────▲
///
/// What is called during one tick is written at once, and nobody waits for another's reply. A call that is
/// cancelled leaves its slot, without itself, so that its reply is read and dropped.
class Link : public std::enable_shared_from_this<Link> {
 public:
  /// Starts to read and write. Who starts one must close() it.
  [[nodiscard]] static std::shared_ptr<Link> start(io::Stream stream, const Settings& settings);
  Link(io::Stream stream, const Settings& settings);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  /// Sends a command and gives its reply; an error of the server is a reply too. LinkLost when it
  /// is lost before the reply has come; BrokerUnavailable when it was lost before. A cancel comes out at
  /// once. Not for commands that block on the server longer than `command_timeout`.
  [[nodiscard]] Task<Reply> call(Command command);
  /// The same for several: sent together, answered in their order. They live until the call is over.
  [[nodiscard]] Task<std::vector<Reply>> call_all(const std::vector<Command>& commands);

  /// From now on replies go to `listener` as they come, and commands are sent with post(); nothing may wait.
  void listen(std::function<void(Reply)> listener);
  void post(const Command& command);

  [[nodiscard]] bool alive() const noexcept { return !lost_; }
  /// Why it was lost: one line, with the URL.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  /// Returns when the link is lost.
  [[nodiscard]] Event::Awaiter ended() noexcept { return ended_.wait(); }
  /// How many replies have come.
  [[nodiscard]] std::uint64_t replies() const noexcept { return replies_; }
  /// Ends it: what waits gets BrokerUnavailable with `why`. Idempotent; the first reason stays.
  void close(std::string_view why) noexcept;
  /// After close(): returns when its tasks have ended too.
  [[nodiscard]] Task<void> join();

 private:
  struct Waiting;
  /// What a write has asked for and was not answered yet.
  struct Slot {
    Waiting* waiting;  // null: it was cancelled
    std::size_t replies;
    TimePoint deadline;
  };

  Task<void> wait_for_replies(Waiting& waiting);
  static Task<void> read_loop(std::shared_ptr<Link> self);
  static Task<void> write_loop(std::shared_ptr<Link> self);
  void deliver(Reply reply);
  void watch(TimePoint deadline);
  void look_at_clock();
  [[noreturn]] void throw_lost() const;

  io::Stream stream_;
  const std::string url_;
  const std::string stranger_;  // what to ask where the other end says nothing
  const Duration command_timeout_;
  ReplyParser parser_;
  std::string out_;
  Event more_out_;
  std::deque<Slot> slots_;
  std::function<void(Reply)> listener_;
  std::uint64_t replies_ = 0;
  bool lost_ = false;
  std::string reason_;
  Event ended_;
  CallbackHandle clock_;
  bool clock_runs_ = false;
  JoinHandle<void> reader_;
  JoinHandle<void> writer_;
};

}  // namespace coterie::brokers::redis
