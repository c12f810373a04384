#pragma once
#include <concepts>
#include <cstddef>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/spawn.hpp"
#include "coterie/sync/wait_list.hpp"
#include "coterie/task.hpp"

namespace coterie {

template <class T>
class Sender;

/// A send to a channel that was closed, or that nobody can receive from any more.
class ChannelClosed : public std::runtime_error {
 public:
  ChannelClosed() : std::runtime_error("the channel is closed: nobody will receive this") {}
};

/// A stream of items between the tasks of one loop, with any number of senders and receivers; asyncio has
/// none. It holds at most `capacity` items; with capacity 0 a send waits until a receiver waits for its item.
/// Senders and receivers are served in the order of their coming, and nobody overtakes. Not thread-safe; it
/// outlives who waits: the handles of make_channel() see to that by themselves.
///
/// A cancelled send has not sent. A cancelled receive has not received: an item that had come for it goes to
/// the next receiver, or waits for one, even when the capacity is 0.
template <class T>
class Channel : public LoopBound {
 public:
  class [[nodiscard("co_await it: nothing is received before")]] ReceiveAwaiter final : public ListedWaiter {
   public:
    explicit ReceiveAwaiter(Channel& channel) noexcept
        : ListedWaiter(WaitKind::channel_receive, channel.receivers_, channel), channel_(&channel) {}
    ~ReceiveAwaiter() { this->abandon(); }
    bool await_ready() const noexcept {
      return channel_->receivers_.empty() && (channel_->closed_ || !channel_->items_.empty());
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      ListedWaiter::await_suspend(caller);
      if (waiting()) channel_->received_waiter(*this);
    }
    std::optional<T> await_resume() {
      if (suspended() && !arrive()) return std::nullopt;
      return channel_->pop();
    }

   private:
    void gave_up(bool woken) noexcept override {
      if (woken) channel_->receivers_.wake_one();  // the item that came for it
    }
    Channel* channel_;
  };

  explicit Channel(std::size_t capacity) noexcept : capacity_(capacity) {}

  /// Waits for room. ChannelClosed when the channel is closed before the item was sent.
  template <class U = T>
    requires std::constructible_from<T, U&&>
  [[nodiscard("co_await it: nothing is sent before")]] Task<void> send(U&& item) {
    COTERIE_GUARD_ARGUMENTS(U);
    return send_item(T(std::forward<U>(item)));
  }
  /// The same for an item that is made here, of `args`.
  template <class... Args>
  [[nodiscard("co_await it: nothing is sent before")]] Task<void> emplace(Args&&... args) {
    COTERIE_GUARD_ARGUMENTS(Args...);
    return send_item(detail::make_item<T>(std::forward<Args>(args)...));
  }
  /// Sends if that needs no waiting: moves from `item` and returns true. ChannelClosed.
  bool try_send(T& item) {
    if (closed_) throw ChannelClosed();
    if (!senders_.empty() || !has_room()) return false;
    push(std::move(item));
    return true;
  }
  /// Waits for an item. Nothing: the channel was closed, and everything that was sent has been received.
  ReceiveAwaiter receive() noexcept { return ReceiveAwaiter(*this); }
  /// Receives if that needs no waiting; else nothing, as at the end.
  std::optional<T> try_receive() {
    if (!receivers_.empty()) return std::nullopt;
    return pop();
  }

  /// The end of the stream: senders get ChannelClosed, also those that wait; receivers get what was sent, and
  /// then nothing.
  void close() noexcept {
    closed_ = true;
    senders_.wake_all();
    receivers_.wake_all();
  }
  /// Closes, and drops what was sent and not received.
  void close_and_drop() noexcept {
    close();
    // Out of the channel first: an item's destructor may do anything to it.
    [[maybe_unused]] const std::deque<T> dropped = std::exchange(items_, {});
  }

  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// Items that were sent and not received.
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t senders_waiting() const noexcept { return senders_.size(); }
  [[nodiscard]] std::size_t receivers_waiting() const noexcept { return receivers_.size(); }

 private:
  friend class Sender<T>;
  Task<void> send_item(T item) {
    SendAwaiter turn(*this);
    bool may_send = senders_.empty() && has_room();
    while (!closed_ && !may_send) {
      co_await turn;
      may_send = has_room();
    }
    turn.step_out();
    if (closed_) throw ChannelClosed();
    push(std::move(item));
  }
  /// Stays in its place when it was woken and finds that the receiver has gone.
  class SendAwaiter final : public ListedWaiter {
   public:
    explicit SendAwaiter(Channel& channel) noexcept
        : ListedWaiter(WaitKind::channel_send, channel.senders_, channel), channel_(&channel) {}
    ~SendAwaiter() { this->abandon(); }
    bool await_ready() const noexcept { return false; }
    void await_resume() {
      deliver();
      if (!listed()) throw_gone();
    }
    void step_out() noexcept { leave(); }

   private:
    void gave_up(bool woken) noexcept override {
      if (woken && channel_->has_room()) channel_->senders_.wake_one();
    }
    Channel* channel_;
  };

  // Every receiver in the line makes room for one item, which is then its own: as many are woken as there are
  // items. The item stays here until the receiver's task runs, so that its cancel cannot lose it.
  [[nodiscard]] bool has_room() const noexcept { return items_.size() < capacity_ + receivers_.size(); }
  void received_waiter(ReceiveAwaiter& receiver) noexcept {
    if (closed_ || items_.size() >= receivers_.size())
      WaitList::wake(receiver);
    else
      senders_.wake_one();
  }
  void push(T&& item) {
    check_thread(!receivers_.empty());
    items_.push_back(std::move(item));
    receivers_.wake_one();
  }
  std::optional<T> pop() {
    if (items_.empty()) return std::nullopt;
    check_thread(!senders_.empty());
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    if (has_room()) senders_.wake_one();
    return item;
  }

  const std::size_t capacity_;
  std::deque<T> items_;
  bool closed_ = false;
  WaitList senders_;
  WaitList receivers_;
};

namespace detail {
/// A channel that its handles keep; it ends for one side when the last handle of the other has gone.
template <class T>
class SharedChannel {
 public:
  enum Side : unsigned char { sending, receiving };
  explicit SharedChannel(std::size_t capacity) noexcept : channel(capacity) {}
  void add(Side side) noexcept {
    ++handles_[side];
    ++references_;
  }
  /// The reference goes last: items that are dropped here may own ends of this channel.
  void drop(Side side) noexcept {
    if (--handles_[side] == 0) {
      if (side == sending)
        channel.close();
      else
        channel.close_and_drop();
    }
    if (--references_ == 0) delete this;
  }
  Channel<T> channel;

 private:
  std::size_t handles_[2] = {0, 0};
  std::size_t references_ = 0;
};

template <class T, typename SharedChannel<T>::Side side>
class ChannelEnd {
 public:
  explicit ChannelEnd(SharedChannel<T>& shared) noexcept : shared_(&shared) { shared.add(side); }
  ChannelEnd(const ChannelEnd& other) noexcept : shared_(other.shared_) {
    if (shared_ != nullptr) shared_->add(side);
  }
  ChannelEnd(ChannelEnd&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  ChannelEnd& operator=(ChannelEnd other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~ChannelEnd() {
    if (shared_ != nullptr) shared_->drop(side);
  }
  /// Ends the stream for everyone: see Channel::close().
  void close() const { channel().close(); }
  [[nodiscard]] bool closed() const { return channel().closed(); }

 protected:
  [[nodiscard]] Channel<T>& channel() const {
    if (shared_ == nullptr) throw InvalidState("this end of a channel was moved from");
    return shared_->channel;
  }

 private:
  SharedChannel<T>* shared_;
};
}  // namespace detail

/// The sending end of a channel. Copyable; when the last one goes, the stream ends. Belongs to one thread.
template <class T>
class Sender : public detail::ChannelEnd<T, detail::SharedChannel<T>::sending> {
 public:
  using Sender::ChannelEnd::ChannelEnd;
  /// See Channel::send(). Counts as a sending end of its own until it is over.
  template <class U = T>
    requires std::constructible_from<T, U&&>
  [[nodiscard("co_await it: nothing is sent before")]] Task<void> send(U&& item) const {
    COTERIE_GUARD_ARGUMENTS(U);
    return send_by(*this, T(std::forward<U>(item)));
  }
  /// See Channel::emplace().
  template <class... Args>
  [[nodiscard("co_await it: nothing is sent before")]] Task<void> emplace(Args&&... args) const {
    COTERIE_GUARD_ARGUMENTS(Args...);
    return send_by(*this, detail::make_item<T>(std::forward<Args>(args)...));
  }
  bool try_send(T& item) const { return this->channel().try_send(item); }

 private:
  static Task<void> send_by(Sender self, T item) {
    Task<void> sending = self.channel().send_item(std::move(item));
    co_await std::move(sending);
  }
};

/// The receiving end of a channel. Copyable; when the last one goes, what was not received is dropped and
/// senders get ChannelClosed. Belongs to one thread.
template <class T>
class Receiver : public detail::ChannelEnd<T, detail::SharedChannel<T>::receiving> {
 public:
  using Receiver::ChannelEnd::ChannelEnd;
  /// See Channel::receive(). Counts as a receiving end of its own until it is over.
  [[nodiscard("co_await it: nothing is received before")]] Task<std::optional<T>> receive() const {
    return receive_by(*this);
  }
  std::optional<T> try_receive() const { return this->channel().try_receive(); }

 private:
  static Task<std::optional<T>> receive_by(Receiver self) { co_return co_await self.channel().receive(); }
};

/// A channel as its two ends: `auto [sender, receiver] = make_channel<Row>(16);`
template <class T>
[[nodiscard]] std::pair<Sender<T>, Receiver<T>> make_channel(std::size_t capacity) {
  auto* shared = new detail::SharedChannel<T>(capacity);
  return {Sender<T>(*shared), Receiver<T>(*shared)};
}

}  // namespace coterie
