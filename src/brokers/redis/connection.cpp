#include "src/brokers/redis/connection.hpp"

#include <exception>
#include <string>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/core/duration.hpp"
#include "coterie/timeout.hpp"
#include "src/brokers/redis/backoff.hpp"
#include "src/brokers/redis/dial.hpp"
#include "src/brokers/redis/interruptible.hpp"

namespace coterie::brokers::redis {

/// Kept by whoever uses it, so that the Connection may go at any time.
///
///                        usable()                    greeted, on_connected
///     no link ──────────────────────▶ connecting ──────────────────────────▶ link_
///        ▲                             │      │ BadBroker, or nobody waits     │
///        ├─────────────────────────────┼──────┘                                │ lost: seen by the next call
///        └─────────────────────────────┼───────────────────────────────────────┘
///                                      ▼ close()
///                                    closed
///
/// moved(): the sentinels name another master. What leads to the old one is ended, and begun anew at once.
class Connection::State final : public std::enable_shared_from_this<State>, public Locator::Follower {
 public:
  State(std::shared_ptr<Locator> locator, OnConnected on_connected)
      : locator_(std::move(locator)),
        settings_(locator_->settings()),
        on_connected_(std::move(on_connected)) {}

  /// The link, or null where one must be made first.
  [[nodiscard]] std::shared_ptr<Link> live() const {
    return link_ && link_->alive() && !closed_ ? link_ : nullptr;
  }
  /// Waits for one. `patient`: beyond the first attempt that fails.
  [[nodiscard]] static Task<std::shared_ptr<Link>> usable(std::shared_ptr<State> self, bool patient);
  void drop(std::string_view why) noexcept;
  void close() noexcept;
  [[nodiscard]] static Task<void> join(std::shared_ptr<State> self);
  void moved(const Address& now) noexcept override;

  const std::shared_ptr<Locator> locator_;
  const Settings& settings_;
  std::shared_ptr<Link> link_;
  ServerInfo server_;
  std::uint64_t connections_ = 0;

 private:
  class OneMore {
   public:
    explicit OneMore(std::size_t& count) : count_(count) { ++count_; }
    OneMore(const OneMore&) = delete;
    OneMore& operator=(const OneMore&) = delete;
    ~OneMore() { --count_; }

   private:
    std::size_t& count_;
  };

  [[nodiscard]] static Task<void> connect_loop(std::shared_ptr<State> self);
  [[nodiscard]] Task<void> attempt();
  [[nodiscard]] Task<void> begin_on(Link& link, const Settings& target);
  [[nodiscard]] Task<void> changed(TimePoint until);
  void attempt_failed(std::exception_ptr error, bool refused);
  void forget_lost_link();
  void tell() {
    changed_.set();
    changed_.clear();
  }
  [[noreturn]] void throw_closed() const {
    throw queue::BrokerUnavailable(settings_.url() + ": this connection was closed by its owner");
  }

  [[noreturn]] static void throw_no_answer(const Settings& target);

  const OnConnected on_connected_;
  bool closed_ = false;
  bool greeting_ = false;  // an attempt has come so far
  std::size_t waiting_ = 0;
  Event changed_;
  JoinHandle<void> connector_;
  Interruptible attempt_;
  Settings target_;  // of the attempt or link_; empty while its locator asks
  Address last_;     // what its locator gave last
  Backoff backoff_;
  std::uint64_t failures_ = 0;
  std::uint64_t replies_at_start_ = 0;  // of link_
  std::exception_ptr last_error_;
  bool refused_ = false;  // last_error_ is a BadBroker
};

Task<std::shared_ptr<Link>> Connection::State::usable(std::shared_ptr<State> self, bool patient) {
  EventLoop& loop = EventLoop::current();
  const TimePoint until = loop.now() + self->settings_.connect_timeout;
  const std::uint64_t failures_before = self->failures_;
  const OneMore waiting(self->waiting_);
  for (;;) {
    if (self->closed_) self->throw_closed();
    if (std::shared_ptr<Link> link = self->live()) co_return link;
    self->forget_lost_link();
    const bool failed = self->failures_ != failures_before;
    const bool refused = self->refused_ && (failed || loop.now() < self->backoff_.next());
    if (refused || (failed && !patient)) std::rethrow_exception(self->last_error_);
    if (loop.now() >= until) {
      if (self->greeting_) throw_no_answer(self->target_);
      if (self->last_error_) std::rethrow_exception(self->last_error_);
      throw queue::BrokerUnavailable(self->settings_.url() + ": no connection within " +
                                     detail::seconds_text(self->settings_.connect_timeout) +
                                     silence_cure(self->settings_));
    }
    if (!self->connector_ || self->connector_.done())
      self->connector_ = spawn(SpawnOptions("redis-connect"), connect_loop, self);
    co_await self->changed(until);
  }
}

Task<void> Connection::State::changed(TimePoint until) {
  const Duration left = until - EventLoop::current().now();
  auto wait = [](Event& event) -> Task<void> { co_await event.wait(); };
  Task<void> limited = wait_for(left, wait(changed_));
  const Outcome<void> end = co_await outcome(std::move(limited));
  try {
    end.get();
  } catch (const TimeoutError&) {
  }
}

Task<void> Connection::State::connect_loop(std::shared_ptr<State> self) {
  while (!self->closed_ && self->waiting_ > 0) {
    if (self->backoff_.next() > EventLoop::current().now()) {
      co_await self->changed(self->backoff_.next());
      continue;
    }
    Task<void> attempt = self->attempt_.run(self->attempt());
    const Outcome<void> end = co_await outcome(std::move(attempt));
    bool over = true;
    try {
      end.get();
    } catch (const TimeoutError&) {  // the server is somewhere else now
      over = false;
    } catch (const queue::BadBroker&) {
      self->attempt_failed(std::current_exception(), true);
    } catch (const std::exception&) {
      self->attempt_failed(std::current_exception(), false);
      over = false;
    } catch (...) {
      self->tell();
      throw;
    }
    self->tell();
    if (over) break;
  }
}

/// One connection from the first packet to the last answer of `on_connected`.
Task<void> Connection::State::attempt() {
  target_ = Settings();
  Settings found = co_await locator_->find(last_);
  target_ = std::move(found);
  last_ = target_.address();
  const Settings target(target_);
  const TimePoint until = EventLoop::current().now() + target.connect_timeout;
  io::Stream stream = co_await dial(target);
  const std::shared_ptr<Link> link = Link::start(std::move(stream), target);
  greeting_ = true;
  Task<void> beginning = wait_for(until - EventLoop::current().now(), begin_on(*link, target));
  const Outcome<void> end = co_await outcome(std::move(beginning));
  greeting_ = false;
  const bool current = locator_->is_current(target);
  if (end.has_value() && link->alive() && !closed_ && current) {
    link_ = link;
    replies_at_start_ = link->replies();
    ++connections_;
    refused_ = false;
    last_error_ = nullptr;
    co_return;
  }
  link->close("the connection was not taken into use");
  co_await link->join();
  try {
    end.get();
  } catch (const TimeoutError&) {
    throw_no_answer(target);
  } catch (const LinkLost&) {
  }
  if (!current) throw queue::BrokerUnavailable(target.url() + ": another master has been named meanwhile");
  throw queue::BrokerUnavailable(link->reason());
}

void Connection::State::throw_no_answer(const Settings& target) {
  throw queue::BrokerUnavailable(target.url() + ": connected, but there was no answer within " +
                                 detail::seconds_text(target.connect_timeout) +
                                 ": does the server hang, is it a Redis server?");
}

Task<void> Connection::State::begin_on(Link& link, const Settings& target) {
  ServerInfo server = co_await greet(link, target);
  if (on_connected_) co_await on_connected_(link, server);
  server_ = std::move(server);
}

void Connection::State::attempt_failed(std::exception_ptr error, bool refused) {
  ++failures_;
  last_error_ = std::move(error);
  refused_ = refused;
  backoff_.failed();
}

void Connection::State::forget_lost_link() {
  if (!link_ || link_->alive()) return;
  // A server that takes connections and drops them is no better than one that refuses them.
  const bool was_useful = link_->replies() > replies_at_start_;
  last_error_ = std::make_exception_ptr(queue::BrokerUnavailable(link_->reason()));
  link_ = nullptr;
  if (was_useful)
    backoff_.succeeded();
  else
    backoff_.failed();
}

void Connection::State::drop(std::string_view why) noexcept {
  if (link_) link_->close(why);
}

void Connection::State::moved(const Address& now) noexcept {
  if (closed_ || target_.address() == now) return;
  backoff_.succeeded();
  if (live())
    link_->close(locator_->news(now));
  else if (!target_.host.empty())
    attempt_.interrupt();
  tell();
}

void Connection::State::close() noexcept {
  if (std::exchange(closed_, true)) return;
  if (link_) link_->close("this connection was closed by its owner");
  if (connector_) connector_.cancel();
  tell();
}

Task<void> Connection::State::join(std::shared_ptr<State> self) {
  if (self->connector_) co_await self->connector_.wait();
  if (self->link_) co_await self->link_->join();
}

Connection::Connection(Settings settings, OnConnected on_connected)
    : Connection(make_locator(std::move(settings)), std::move(on_connected)) {
  own_locator_ = true;
}

Connection::Connection(std::shared_ptr<Locator> locator, OnConnected on_connected)
    : state_(std::make_shared<State>(std::move(locator), std::move(on_connected))) {
  state_->locator_->follow(state_);
}

Connection::~Connection() {
  state_->close();
}

Task<Reply> Connection::call(Command command) {
  const std::shared_ptr<State> state = state_;
  std::shared_ptr<Link> link = state->live();
  if (!link) link = co_await State::usable(state, true);
  co_return co_await link->call(std::move(command));
}

Task<std::vector<Reply>> Connection::call_all(const std::vector<Command>& commands) {
  const std::shared_ptr<State> state = state_;
  std::shared_ptr<Link> link = state->live();
  if (!link) link = co_await State::usable(state, true);
  co_return co_await link->call_all(commands);
}

Task<ServerInfo> Connection::connect() {
  const std::shared_ptr<State> state = state_;
  if (!state->live()) (void)co_await State::usable(state, false);
  co_return state->server_;
}

void Connection::drop(std::string_view why) noexcept {
  state_->drop(why);
}

Task<void> Connection::close() {
  const std::shared_ptr<State> state = state_;
  const bool own_locator = own_locator_;
  state->close();
  co_await State::join(state);
  if (own_locator) co_await state->locator_->close();
}

bool Connection::connected() const noexcept {
  return state_->live() != nullptr;
}
std::uint64_t Connection::connections() const noexcept {
  return state_->connections_;
}
const ServerInfo& Connection::server() const noexcept {
  return state_->server_;
}
const Settings& Connection::settings() const noexcept {
  return state_->settings_;
}

}  // namespace coterie::brokers::redis
