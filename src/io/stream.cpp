#include "coterie/io/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/spawn.hpp"
#include "coterie/sync/lock.hpp"
#include "src/io/stream_parts.hpp"

namespace coterie::io {

/// What has come and was not asked for yet stands in [begin, end) of `buffer`.
struct detail::StreamState {
  StreamState(std::unique_ptr<Transport> carrier, StreamOptions chosen)
      : transport(std::move(carrier)), options(chosen) {}

  [[nodiscard]] std::string_view there() const noexcept { return {buffer.data() + begin, end - begin}; }
  [[nodiscard]] std::string take(std::size_t bytes) {
    std::string taken(there().substr(0, bytes));
    drop(taken.size());
    return taken;
  }
  void drop(std::size_t bytes) noexcept {
    begin += bytes;
    if (begin == end) begin = end = 0;
  }
  /// Room behind what is there.
  [[nodiscard]] std::span<std::byte> room() {
    constexpr std::size_t chunk = std::size_t{16} << 10;
    if (begin > 0 && buffer.size() - end < chunk) {
      std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(begin),
                buffer.begin() + static_cast<std::ptrdiff_t>(end), buffer.begin());
      end -= std::exchange(begin, 0);
    }
    if (buffer.size() - end < chunk) buffer.resize(std::max(buffer.size() * 2, end + chunk));
    return std::as_writable_bytes(std::span(buffer)).subspan(end);
  }

  std::unique_ptr<Transport> transport;  // null once it was taken, by StreamParts
  const StreamOptions options;
  std::vector<char> buffer;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool ended = false;
  bool reading = false;
  bool closed = false;
  bool torn = false;  // a write has left a part of its data behind
  Lock writing;
};

namespace {

using detail::StreamState;
using StatePtr = std::shared_ptr<StreamState>;

[[noreturn]] void throw_reset(const char* why) {
  throw std::system_error(ECONNRESET, std::generic_category(), why);
}

/// One task reads at a time.
class Reading {
 public:
  explicit Reading(bool& flag) : flag_(flag) {
    if (flag_) throw InvalidState("this stream is being read by another task already");
    flag_ = true;
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() { flag_ = false; }

 private:
  bool& flag_;
};

/// Where the first separator ends, and how long it is; npos: none.
struct Found {
  std::size_t end = std::string_view::npos;
  std::size_t length = 0;
};
Found find_first(std::string_view text, const std::vector<std::string>& separators, std::size_t from) {
  Found first;
  for (const std::string& separator : separators) {
    // A separator may have begun before what was looked at last time.
    const std::size_t start = from - std::min(from, separator.size() - 1);
    const std::size_t at = text.find(separator, start);
    if (at == std::string_view::npos) continue;
    const std::size_t end = at + separator.size();
    if (end < first.end || (end == first.end && separator.size() > first.length))
      first = {end, separator.size()};
  }
  return first;
}

std::string in_bytes(std::size_t bytes) {
  return std::to_string(bytes) + " bytes";
}

/// More into the buffer; false at the end.
Task<bool> fill(StreamState& state) {
  if (state.ended) co_return false;
  if (state.closed) throw_reset("the stream is closed");
  const Reading one(state.reading);
  const std::size_t got = co_await state.transport->read_some(state.room());
  state.end += got;
  state.ended = got == 0;
  co_return got != 0;
}

// The state, not the Stream, which may be moved meanwhile.
Task<std::string> read_some(StatePtr state, std::size_t bytes) {
  if (bytes == 0) co_return std::string();
  if (state->there().empty()) (void)co_await fill(*state);
  co_return state->take(bytes);
}

Task<std::string> read_exactly_from(StatePtr state, std::size_t bytes) {
  while (state->there().size() < bytes) {
    const bool more = co_await fill(*state);
    if (!more) throw IncompleteRead(state->take(bytes), bytes);
  }
  co_return state->take(bytes);
}

Task<std::string> read_until_from(StatePtr state, std::vector<std::string> separators) {
  if (separators.empty() || std::ranges::any_of(separators, &std::string::empty))
    throw std::invalid_argument("a separator has one byte at least");
  const std::size_t longest = std::ranges::max(separators, {}, &std::string::size).size();
  const std::size_t limit = state->options.limit;
  for (std::size_t looked_at = 0;;) {
    const std::string_view there = state->there();
    const Found found = find_first(there, separators, looked_at);
    if (found.end != std::string_view::npos) {
      if (found.end - found.length > limit)
        throw LimitOverrun("a separator was found, but behind more than " + in_bytes(limit),
                           found.end - found.length);
      co_return state->take(found.end);
    }
    looked_at = there.size();
    const std::size_t without = looked_at - std::min(looked_at, longest - 1);
    if (without > limit) throw LimitOverrun("no separator within " + in_bytes(limit), without);
    const bool more = co_await fill(*state);
    if (!more) throw IncompleteRead(state->take(looked_at), std::nullopt);
  }
}

Task<std::string> read_line_from(StatePtr state) {
  std::vector<std::string> newline(1, "\n");
  Task<std::string> read = read_until_from(state, std::move(newline));
  Outcome<std::string> line = co_await outcome(std::move(read));
  try {
    co_return std::move(line).get();
  } catch (const IncompleteRead& rest) {
    co_return rest.partial();
  } catch (const LimitOverrun& over) {
    const std::string_view there = state->there();
    const bool whole = there.size() > over.consumed() && there[over.consumed()] == '\n';
    state->drop(whole ? over.consumed() + 1 : there.size());
    throw;
  }
}

Task<std::string> read_rest(StatePtr state, std::size_t most) {
  for (bool more = true; more;) {
    if (state->there().size() > most)
      throw std::length_error("more than " + in_bytes(most) + " came from " + state->transport->peer());
    more = co_await fill(*state);
  }
  co_return state->take(state->there().size());
}

Task<void> write_to(StatePtr state, std::string_view data) {
  const LockGuard turn = co_await state->writing.scoped();
  if (state->closed) throw_reset("the stream is closed");
  if (state->torn) throw_reset("an earlier write was cut off in the middle");
  state->torn = true;
  co_await state->transport->write_all(std::as_bytes(std::span(data)));
  state->torn = false;
}

Task<void> shut_down(StatePtr state) {
  const LockGuard turn = co_await state->writing.scoped();
  if (state->closed) throw_reset("the stream is closed");
  co_await state->transport->shutdown_write();
}

}  // namespace

std::size_t Transport::try_write(std::span<const std::byte>) noexcept {
  return 0;
}

detail::StreamParts::StreamParts(Stream&& stream) {
  const StatePtr& state = stream.state_;
  if (!state) throw InvalidState("this Stream was moved from: it holds no connection");
  if (state->closed) throw_reset("the stream is closed");
  if (state->torn && !state->writing.locked()) throw_reset("an earlier write was cut off in the middle");
  if (state->reading || state->writing.locked())
    throw InvalidState("this stream is being read or written by another task");
  buffered = state->take(state->there().size());
  ended = state->ended;
  options = state->options;
  state->closed = true;
  transport = std::move(state->transport);
  stream.state_.reset();
}

IncompleteRead::IncompleteRead(std::string partial, std::optional<std::size_t> expected)
    : std::runtime_error(std::to_string(partial.size()) + " bytes read on a total of " +
                         (expected ? std::to_string(*expected) : std::string("undefined")) +
                         " expected bytes"),
      partial_(std::make_shared<const std::string>(std::move(partial))),
      expected_(expected) {}

Stream::Stream(std::unique_ptr<Transport> transport, StreamOptions options)
    : state_(std::make_shared<detail::StreamState>(std::move(transport), options)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    close();
    state_ = std::move(other.state_);
  }
  return *this;
}

Task<std::string> Stream::read(std::size_t bytes) const {
  return read_some(state_, bytes);
}
Task<std::string> Stream::read_exactly(std::size_t bytes) const {
  return read_exactly_from(state_, bytes);
}
Task<std::string> Stream::read_until(std::string separator) const {
  std::vector<std::string> one;
  one.push_back(std::move(separator));
  return read_until_from(state_, std::move(one));
}
Task<std::string> Stream::read_until(std::vector<std::string> separators) const {
  return read_until_from(state_, std::move(separators));
}
Task<std::string> Stream::read_line() const {
  return read_line_from(state_);
}
Task<std::string> Stream::read_to_end(std::size_t most) const {
  return read_rest(state_, most);
}
bool Stream::at_end() const noexcept {
  return state_->ended && state_->there().empty();
}
Task<void> Stream::write(std::string_view data) const {
  return write_to(state_, data);
}
Task<void> Stream::shutdown_write() const {
  return shut_down(state_);
}
void Stream::close() noexcept {
  if (!state_ || std::exchange(state_->closed, true)) return;
  state_->transport->close();
}
bool Stream::closed() const noexcept {
  return state_ == nullptr || state_->closed;
}
std::string Stream::peer() const {
  return state_->transport->peer();
}

}  // namespace coterie::io
