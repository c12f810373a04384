#include "src/brokers/redis/link.hpp"

#include <exception>
#include <utility>

#include "coterie/core/duration.hpp"
#include "coterie/sleep.hpp"
#include "src/brokers/redis/dial.hpp"

namespace coterie::brokers::redis {
namespace {

constexpr std::size_t read_bytes = std::size_t{64} << 10;
// Bytes that are there are read without a pause; others want to run, too.
constexpr unsigned reads_in_a_row = 16;
// A buffer that had to hold more gives its memory back.
constexpr std::size_t kept_buffer = std::size_t{1} << 20;

/// What came first, for a message that tells what sort of server answers.
std::string excerpt(std::string_view bytes) {
  constexpr std::size_t shown = 48;
  std::string text;
  for (const char c : bytes.substr(0, shown)) {
    if (c == '\r' || c == '\n') break;
    text.push_back(c >= 0x20 && c < 0x7f ? c : '.');
  }
  return text;
}

}  // namespace

/// A call in its coroutine's frame.
struct Link::Waiting {
  explicit Waiting(std::size_t count) : expected(count) {
    if (expected != 1) replies.reserve(expected);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    if (slot != nullptr) slot->waiting = nullptr;
  }
  void take(Reply one) {
    if (expected == 1)
      reply = std::move(one);
    else
      replies.push_back(std::move(one));
  }

  const std::size_t expected;
  Event done;
  Slot* slot = nullptr;  // null once nothing more comes
  bool lost = false;
  Reply reply;
  std::vector<Reply> replies;
};

std::shared_ptr<Link> Link::start(io::Stream stream, const Settings& settings) {
  auto link = std::make_shared<Link>(std::move(stream), settings);
  link->reader_ = spawn(SpawnOptions("redis-reader"), read_loop, link);
  link->writer_ = spawn(SpawnOptions("redis-writer"), write_loop, link);
  return link;
}

Link::Link(io::Stream stream, const Settings& settings)
    : stream_(std::move(stream)),
      url_(settings.url()),
      stranger_(settings.tls ? ": is it Redis?" : ": is it Redis, does it want TLS (rediss://)?"),
      command_timeout_(settings.command_timeout),
      parser_(settings.limits) {}

Link::~Link() {
  close("the connection was given up");
}

Task<Reply> Link::call(Command command) {
  const std::shared_ptr<Link> keep = shared_from_this();
  if (lost_) throw queue::BrokerUnavailable(reason_);
  command.append_to(out_);
  Waiting waiting(1);
  co_await wait_for_replies(waiting);
  co_return std::move(waiting.reply);
}

Task<std::vector<Reply>> Link::call_all(const std::vector<Command>& commands) {
  const std::shared_ptr<Link> keep = shared_from_this();
  if (lost_) throw queue::BrokerUnavailable(reason_);
  if (commands.empty()) co_return std::vector<Reply>();
  for (const Command& command : commands) command.append_to(out_);
  Waiting waiting(commands.size());
  co_await wait_for_replies(waiting);
  if (waiting.expected == 1) waiting.replies.push_back(std::move(waiting.reply));
  co_return std::move(waiting.replies);
}

/// Behind what was just put into `out_`.
Task<void> Link::wait_for_replies(Waiting& waiting) {
  const TimePoint deadline = EventLoop::current().now() + command_timeout_;
  waiting.slot = &slots_.emplace_back(Slot{&waiting, waiting.expected, deadline});
  more_out_.set();
  if (!clock_runs_) watch(deadline);
  co_await waiting.done.wait();
  if (waiting.lost) throw_lost();
}

void Link::throw_lost() const {
  throw LinkLost(reason_ + "; whether the command was applied is open");
}

void Link::listen(std::function<void(Reply)> listener) {
  if (!slots_.empty()) throw InvalidState("a Redis link that waits for replies cannot listen");
  listener_ = std::move(listener);
}

void Link::post(const Command& command) {
  if (lost_) return;
  command.append_to(out_);
  more_out_.set();
}

Task<void> Link::read_loop(std::shared_ptr<Link> self) {
  bool first = true;
  try {
    for (unsigned reads = 0; !self->lost_;) {
      if (++reads % reads_in_a_row == 0) co_await yield();
      std::string bytes = co_await self->stream_.read(read_bytes);
      if (bytes.empty()) {
        self->close(first ? "the server closed the connection without a word" + self->stranger_
                          : "the server closed the connection");
        break;
      }
      try {
        self->parser_.feed(bytes);
        Reply reply;
        while (!self->lost_ && self->parser_.next(reply)) {
          self->deliver(std::move(reply));
          first = false;
        }
      } catch (const ProtocolError& error) {
        std::string why = "what came is no reply of a Redis server (" + std::string(error.what());
        if (first) why += "; it began with '" + excerpt(bytes) + "'): is another service at this address?";
        self->close(first ? why : why + ")");
      }
    }
  } catch (const std::exception& error) {
    self->close("the connection was lost (" + in_words_of_url(error.what()) + ")" +
                (first ? self->stranger_ : ""));
  } catch (...) {
    self->close("its loop ends");
    throw;
  }
}

Task<void> Link::write_loop(std::shared_ptr<Link> self) {
  try {
    std::string sending;
    while (!self->lost_) {
      co_await self->more_out_.wait();
      self->more_out_.clear();
      if (self->lost_) break;
      sending.clear();
      if (sending.capacity() > kept_buffer) sending.shrink_to_fit();
      std::swap(sending, self->out_);
      co_await self->stream_.write(sending);
    }
  } catch (const std::exception&) {
    // The reader finds the end too, and before it what the server said last, which is the better reason.
  } catch (...) {
    self->close("its loop ends");
    throw;
  }
}

void Link::deliver(Reply reply) {
  ++replies_;
  if (listener_) {
    listener_(std::move(reply));
    return;
  }
  if (slots_.empty()) {
    close("the server sent what nobody had asked for: " + reply.describe());
    return;
  }
  Slot& oldest = slots_.front();
  if (oldest.waiting != nullptr) oldest.waiting->take(std::move(reply));
  if (--oldest.replies > 0) return;
  if (Waiting* done = oldest.waiting) {
    done->slot = nullptr;
    done->done.set();
  }
  slots_.pop_front();
}

/// One timer for all: deadlines come in the order of the calls.
void Link::watch(TimePoint deadline) {
  clock_runs_ = true;
  clock_ = EventLoop::current().call_at(deadline, [weak = weak_from_this()] {
    if (const std::shared_ptr<Link> self = weak.lock()) self->look_at_clock();
  });
}

void Link::look_at_clock() {
  clock_runs_ = false;
  if (lost_ || slots_.empty()) return;
  if (slots_.front().deadline > EventLoop::current().now()) {
    watch(slots_.front().deadline);
    return;
  }
  close("no reply within " + detail::seconds_text(command_timeout_) +
        ": the server hangs or is unreachable, or command_timeout_ms is too short for it");
}

void Link::close(std::string_view why) noexcept {
  if (std::exchange(lost_, true)) return;
  reason_ = url_ + ": " + std::string(why);
  clock_.cancel();
  stream_.close();
  for (const Slot& slot : slots_) {
    if (slot.waiting == nullptr) continue;
    slot.waiting->slot = nullptr;
    slot.waiting->lost = true;
    slot.waiting->done.set();
  }
  slots_.clear();
  more_out_.set();
  ended_.set();
}

Task<void> Link::join() {
  const std::shared_ptr<Link> keep = shared_from_this();
  if (reader_) co_await reader_.wait();
  if (writer_) co_await writer_.wait();
}

}  // namespace coterie::brokers::redis
