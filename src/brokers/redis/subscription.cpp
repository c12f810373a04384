#include "src/brokers/redis/subscription.hpp"

#include <exception>
#include <map>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "coterie/core/duration.hpp"
#include "coterie/timeout.hpp"
#include "src/brokers/redis/backoff.hpp"
#include "src/brokers/redis/dial.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/interruptible.hpp"
#include "src/brokers/redis/link.hpp"
#include "src/brokers/redis/locator.hpp"
#include "src/brokers/redis/server_error.hpp"
#include "src/brokers/redis/slots.hpp"

namespace coterie::brokers::redis {

/// Kept by its subscription, by the listener that it is at, and by that one's task while it calls.
struct Listener::Channel {
  enum class Stand : std::uint8_t { waits, listens, turned_away };
  Channel(std::string channel, OnMessage message, OnConnected connected)
      : name(std::move(channel)), on_message(std::move(message)), on_connected(std::move(connected)) {}
  const std::string name;
  const OnMessage on_message;
  const OnConnected on_connected;
  std::shared_ptr<State> at;
  Stand stand = Stand::waits;
  bool closed = false;  // no callback any more
};

/// Kept by its task. The callbacks run only while there is an owner.
class Listener::State final : public std::enable_shared_from_this<State>, public Locator::Follower {
 public:
  State(std::shared_ptr<Locator> locator, bool sharded, Duration ping_every, OnTurnedAway on_turned_away)
      : locator_(std::move(locator)),
        sharded_(sharded),
        ping_every_(ping_every),
        on_turned_away_(std::move(on_turned_away)) {}

  [[nodiscard]] static Task<void> run(std::shared_ptr<State> self);
  void add(const std::shared_ptr<Channel>& channel);
  void ask_again(Channel& channel);
  /// No callback runs for it any more, here.
  void drop(Channel& channel) noexcept;
  [[nodiscard]] bool idle() const noexcept { return channels_.empty(); }
  [[nodiscard]] bool hears_all() const noexcept { return refused_channel() == nullptr; }
  void close() noexcept {
    if (std::exchange(closed_, true)) return;
    (void)stop_listening();
    if (link_) link_->close("this subscription was closed by its owner");
    if (task_) task_.cancel();
  }
  void moved(const Address& now) noexcept override;

  const std::shared_ptr<Locator> locator_;
  JoinHandle<void> task_;
  std::string last_error_;

 private:
  [[nodiscard]] Task<void> begin();
  void note(const Outcome<void>& end);
  [[nodiscard]] Task<void> greet_and_listen(Link& link, const Settings& settings);
  [[nodiscard]] Task<void> pause();
  [[nodiscard]] Task<void> stay(Link& link);
  void take(const Reply& reply);
  void take_push(const Reply& reply);
  void take_error(const Reply& reply);
  void turn_away(const Reply& reply);
  void ask_for(const std::string& channel);

  bool stop_listening() noexcept;
  [[nodiscard]] std::shared_ptr<Channel> channel(const std::string& name) const;
  [[nodiscard]] const Channel* refused_channel() const noexcept;

  const bool sharded_;
  const Duration ping_every_;
  const OnTurnedAway on_turned_away_;
  std::map<std::string, std::shared_ptr<Channel>> channels_;
  bool greeted_ = false;  // link_ listens
  Settings target_;       // of the attempt or link; empty while its locator asks
  Address last_;          // what its locator gave last
  std::shared_ptr<Link> link_;
  Interruptible attempt_;
  Event moved_;  // set and cleared at once
  Backoff backoff_;
  bool closed_ = false;
};

Task<void> Listener::State::run(std::shared_ptr<State> self) {
  while (!self->closed_) {
    co_await self->pause();
    Task<void> attempt = self->attempt_.run(self->begin());
    const Outcome<void> end = co_await outcome(std::move(attempt));
    self->note(end);
    self->target_ = Settings();
    if (const std::shared_ptr<Link> link = std::exchange(self->link_, nullptr)) {
      link->close("this subscription has no use for it any more");
      co_await link->join();
    }
    if (end.cancelled()) end.get();
  }
}

/// Until the next attempt may be made. A server that is somewhere else now is asked at once.
Task<void> Listener::State::pause() {
  auto wait = [](Event& event) -> Task<void> { co_await event.wait(); };
  for (;;) {
    const Duration left = backoff_.next() - EventLoop::current().now();
    if (left <= Duration::zero()) co_return;
    Task<void> limited = wait_for(left, wait(moved_));
    const Outcome<void> end = co_await outcome(std::move(limited));
    if (end.cancelled()) end.get();
  }
}

void Listener::State::moved(const Address& now) noexcept {
  if (closed_ || target_.address() == now) return;
  backoff_.succeeded();
  if (link_)
    link_->close(locator_->news(now));
  else if (!target_.host.empty())
    attempt_.interrupt();
  moved_.set();
  moved_.clear();
}

void Listener::State::note(const Outcome<void>& end) {
  greeted_ = false;
  const bool was_in_use = stop_listening();
  if (!end.has_exception()) return;
  try {
    end.get();
  } catch (const TimeoutError&) {  // the server is somewhere else now
    return;
  } catch (const std::exception& error) {
    last_error_ = error.what();
  }
  // One that was in use is replaced at once.
  if (!was_in_use) backoff_.failed();
}

/// From the first packet to the loss, which it throws.
Task<void> Listener::State::begin() {
  Settings found = co_await locator_->find(last_);
  target_ = std::move(found);
  last_ = target_.address();
  io::Stream stream = co_await dial(target_);
  link_ = Link::start(std::move(stream), target_);
  Task<void> greeting = wait_for(target_.connect_timeout, greet_and_listen(*link_, target_));
  const Outcome<void> end = co_await outcome(std::move(greeting));
  try {
    end.get();
  } catch (const TimeoutError&) {
    throw queue::BrokerUnavailable(target_.url() + ": connected, but there was no answer within " +
                                   detail::seconds_text(target_.connect_timeout));
  } catch (const LinkLost&) {
  }
  if (!locator_->is_current(target_)) link_->close("another master has been named meanwhile");
  co_await stay(*link_);
  throw queue::BrokerUnavailable(link_->reason());
}

Task<void> Listener::State::greet_and_listen(Link& link, const Settings& settings) {
  co_await greet_subscriber(link, settings);
  link.listen([weak = weak_from_this()](const Reply& reply) {
    if (const std::shared_ptr<State> self = weak.lock()) self->take(reply);
  });
  greeted_ = true;
  for (const auto& [name, channel] : channels_) ask_for(name);
}

void Listener::State::ask_for(const std::string& channel) {
  if (greeted_ && link_) link_->post(Command(sharded_ ? "SSUBSCRIBE" : "SUBSCRIBE").arg(channel));
}

void Listener::State::add(const std::shared_ptr<Channel>& channel) {
  if (!channels_.emplace(channel->name, channel).second)
    throw InvalidState("a listener is listening to '" + channel->name + "' already");
  channel->at = shared_from_this();
  if (closed_) return;
  ask_for(channel->name);
  if (!task_) task_ = spawn(SpawnOptions("redis-subscription"), run, shared_from_this());
}

void Listener::State::ask_again(Channel& channel) {
  if (channel.stand != Channel::Stand::turned_away) return;
  channel.stand = Channel::Stand::waits;
  ask_for(channel.name);
}

void Listener::State::drop(Channel& channel) noexcept {
  const bool asked = channel.stand != Channel::Stand::turned_away;
  channel.stand = Channel::Stand::waits;
  channels_.erase(channel.name);
  try {
    if (asked && greeted_ && link_)
      link_->post(Command(sharded_ ? "SUNSUBSCRIBE" : "UNSUBSCRIBE").arg(channel.name));
  } catch (const std::bad_alloc&) {  // what is published there is dropped here
  }
}

/// Whether any did.
bool Listener::State::stop_listening() noexcept {
  bool did = false;
  for (const auto& [name, channel] : channels_)
    did = std::exchange(channel->stand, Channel::Stand::waits) == Channel::Stand::listens || did;
  return did;
}

std::shared_ptr<Listener::Channel> Listener::State::channel(const std::string& name) const {
  const auto found = channels_.find(name);
  return found == channels_.end() ? nullptr : found->second;
}

/// Which one was refused the server does not say.
const Listener::Channel* Listener::State::refused_channel() const noexcept {
  for (const auto& [name, channel] : channels_)
    if (channel->stand != Channel::Stand::listens) return channel.get();
  return nullptr;
}

/// Until the link is lost. A server that hangs, or stands behind a broken route, says nothing: it is asked.
Task<void> Listener::State::stay(Link& link) {
  auto ended = [](Link& of) -> Task<void> { co_await of.ended(); };
  bool asked = true;  // that it listens wants an answer, too
  while (link.alive()) {
    const std::uint64_t heard = link.replies();
    Task<void> limited = wait_for(ping_every_, ended(link));
    const Outcome<void> end = co_await outcome(std::move(limited));
    if (end.cancelled()) end.get();
    const bool silent = link.alive() && link.replies() == heard;
    if (silent && asked) {
      link.close("no sign of life within " + detail::seconds_text(ping_every_) +
                 ": the server hangs or is unreachable");
    } else if (silent) {
      link.post(Command("PING"));
    }
    asked = silent;
  }
}

void Listener::State::take(const Reply& reply) {
  if (closed_) return;
  try {
    take_push(reply);
  } catch (const UnexpectedReply& error) {
    link_->close(error.what());
  }
}

/// ["subscribe", channel, count], ["unsubscribe", channel, count], ["message", channel, payload], each with
/// an s in front where the channel is a shard's; or ["pong", ""]; or PONG, where the server has ended all.
void Listener::State::take_push(const Reply& reply) {
  if (reply.is_error()) return take_error(reply);
  if (reply.kind() == Reply::Kind::status) return;
  std::string_view kind = reply.at(0).string();
  if (sharded_ && kind.starts_with('s')) kind.remove_prefix(1);
  if (kind != "message" && kind != "subscribe" && kind != "unsubscribe") return;
  const std::shared_ptr<Channel> heard = channel(reply.at(1).string());
  if (!heard || heard->closed) return;
  if (kind == "message") {
    const std::string& payload = reply.at(2).string();
    if (heard->on_message) heard->on_message(payload);
  } else if (kind == "subscribe") {
    heard->stand = Channel::Stand::listens;
    last_error_.clear();
    backoff_.succeeded();
    if (heard->on_connected) heard->on_connected();
  } else if (heard->stand == Channel::Stand::listens) {
    // Not by us, who would not have it any more: the slot went, and where to the server knows.
    heard->stand = Channel::Stand::turned_away;
    last_error_ = target_.url() + ": the slot of '" + heard->name + "' is elsewhere now";
    if (on_turned_away_) on_turned_away_(target_.address());
  }
}

void Listener::State::take_error(const Reply& reply) {
  if (reply.is_error("NOPERM")) {
    const Channel* const refused = refused_channel();
    const std::string name = refused == nullptr ? std::string() : refused->name;
    link_->close((target_.user.empty() ? "the default user" : "user '" + target_.user + "'") +
                 std::string(" may not subscribe to '") + name + "': allow it, as by ACL SETUSER … &" + name +
                 (sharded_ ? " +ssubscribe" : " +subscribe"));
  } else if (on_turned_away_ && is_elsewhere(reply)) {
    turn_away(reply);
  } else {
    link_->close("SUBSCRIBE was refused: " + reply.describe());
  }
}

/// The answer to a channel of the slot that it names; or to one that we do not want here any more.
void Listener::State::turn_away(const Reply& reply) {
  const std::optional<Redirection> redirection = redirection_of(reply, target_.address());
  bool any = false;
  for (const auto& [name, channel] : channels_) {
    if (channel->stand != Channel::Stand::waits) continue;
    if (redirection && redirection->slot != slot_of(name)) continue;
    channel->stand = Channel::Stand::turned_away;
    any = true;
  }
  if (!any) return;
  last_error_ = target_.url() + ": SSUBSCRIBE was refused: " + reply.error();
  on_turned_away_(redirection ? redirection->to : Address());
}

Listener::Listener(std::shared_ptr<Locator> locator, Duration ping_every, OnTurnedAway on_turned_away)
    : state_(std::make_shared<State>(std::move(locator), /*sharded=*/true, ping_every,
                                     std::move(on_turned_away))) {
  state_->locator_->follow(state_);
}

Listener::~Listener() {
  state_->close();
}

std::unique_ptr<Subscription> Listener::listen(std::string channel, OnMessage on_message,
                                               OnConnected on_connected) {
  auto added = std::make_shared<Channel>(std::move(channel), std::move(on_message), std::move(on_connected));
  state_->add(added);
  return std::unique_ptr<Subscription>(new Subscription(std::move(added)));
}

void Listener::adopt(const std::shared_ptr<Channel>& channel) {
  if (channel->closed) return;
  if (channel->at == state_) return state_->ask_again(*channel);
  channel->at->drop(*channel);
  state_->add(channel);
}

bool Listener::idle() const noexcept {
  return state_->idle();
}

bool Listener::hears_all() const noexcept {
  return state_->hears_all();
}

Task<void> Listener::close() {
  const std::shared_ptr<State> state = state_;
  state->close();
  if (state->task_) co_await state->task_.wait();
}

Subscription::Subscription(const Settings& settings, std::string channel, OnMessage on_message,
                           OnConnected on_connected, Duration ping_every)
    : Subscription(make_locator(settings), std::move(channel), std::move(on_message), std::move(on_connected),
                   ping_every) {
  own_locator_ = true;
}

Subscription::Subscription(std::shared_ptr<Locator> locator, std::string channel, OnMessage on_message,
                           OnConnected on_connected, Duration ping_every)
    : channel_(std::make_shared<Listener::Channel>(std::move(channel), std::move(on_message),
                                                   std::move(on_connected))),
      own_connection_(true) {
  const auto state =
      std::make_shared<Listener::State>(std::move(locator), /*sharded=*/false, ping_every, nullptr);
  state->locator_->follow(state);
  state->add(channel_);
}

Subscription::Subscription(std::shared_ptr<Listener::Channel> channel) : channel_(std::move(channel)) {}

Subscription::~Subscription() {
  const std::shared_ptr<Listener::State> state = end();
  if (own_connection_) state->close();
}

/// Gives where it was.
std::shared_ptr<Listener::State> Subscription::end() noexcept {
  const std::shared_ptr<Listener::State> state = channel_->at;
  if (!std::exchange(channel_->closed, true)) state->drop(*channel_);
  return state;
}

Task<void> Subscription::close() {
  const bool own_locator = own_locator_;
  const bool own_connection = own_connection_;
  const std::shared_ptr<Listener::State> state = end();
  if (!own_connection) co_return;
  state->close();
  co_await state->task_.wait();
  if (own_locator) co_await state->locator_->close();
}

bool Subscription::listening() const noexcept {
  return channel_->stand == Listener::Channel::Stand::listens;
}
const std::string& Subscription::last_error() const noexcept {
  return channel_->at->last_error_;
}

}  // namespace coterie::brokers::redis
