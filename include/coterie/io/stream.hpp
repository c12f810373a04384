#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/task.hpp"

namespace coterie::io {
namespace detail {
struct StreamParts;
struct StreamState;
}  // namespace detail

/// What carries a Stream's bytes: a socket, TLS over one, a test. One reader and one writer at a time.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  /// Closes, where close() was not called.
  virtual ~Transport() = default;
  /// At least one byte, 0 at the end. Must not lose bytes to a cancel. std::system_error.
  [[nodiscard]] virtual Task<std::size_t> read_some(std::span<std::byte> buffer) = 0;
  /// All of it. After a cancel a part may have been written; std::system_error.
  [[nodiscard]] virtual Task<void> write_all(std::span<const std::byte> data) = 0;
  /// Tells the other end that nothing more comes; reading goes on.
  [[nodiscard]] virtual Task<void> shutdown_write() = 0;
  /// As much as goes out at once, and how much that was: a farewell before close(), while nothing is being
  /// written. Nothing where it cannot be known.
  [[nodiscard]] virtual std::size_t try_write(std::span<const std::byte> data) noexcept;
  /// At once; who waits here gets std::system_error. Idempotent.
  virtual void close() noexcept = 0;
  /// The other end, for messages.
  [[nodiscard]] virtual std::string peer() const = 0;
};

/// The stream ended before what was asked for had come. (asyncio.IncompleteReadError)
class IncompleteRead : public std::runtime_error {
 public:
  IncompleteRead(std::string partial, std::optional<std::size_t> expected);
  /// What came, and was taken out of the stream.
  [[nodiscard]] const std::string& partial() const noexcept { return *partial_; }
  /// How much it was to be, where that is known.
  [[nodiscard]] std::optional<std::size_t> expected() const noexcept { return expected_; }

 private:
  std::shared_ptr<const std::string> partial_;
  std::optional<std::size_t> expected_;
};

/// No separator within the limit. (asyncio.LimitOverrunError)
class LimitOverrun : public std::runtime_error {
 public:
  LimitOverrun(const std::string& what, std::size_t consumed)
      : std::runtime_error(what), consumed_(consumed) {}
  /// So many bytes can be read without a separator among them.
  [[nodiscard]] std::size_t consumed() const noexcept { return consumed_; }

 private:
  std::size_t consumed_;
};

struct StreamOptions {
  /// The longest that read_until() and read_line() take, without the separator. About twice as much is read
  /// ahead at most.
  std::size_t limit = std::size_t{64} << 10;
  StreamOptions() = default;
};

/// A connection: bytes both ways, read through a buffer (asyncio's StreamReader and StreamWriter in one).
///
/// Move-only; belongs to one loop. Calls that are under way keep what they need when it is moved or
/// destroyed, but its destructor closes the connection. One task may read while others write; a second reader
/// is InvalidState. Writes of several tasks do not mix: they are sent in order of their calls.
///
/// A cancelled read leaves what had come in the buffer. A cancelled write may have sent a part, so every
/// later write is refused with ECONNRESET: close the connection.
class Stream {
 public:
  explicit Stream(std::unique_ptr<Transport> transport, StreamOptions options = {});
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream() { close(); }

  /// At most `bytes`, as soon as anything is there; empty at the end.
  [[nodiscard]] Task<std::string> read(std::size_t bytes) const;
  /// Just so many, however many; IncompleteRead at the end.
  [[nodiscard]] Task<std::string> read_exactly(std::size_t bytes) const;
  /// Up to the first separator, and that too. IncompleteRead at the end, with what was left; LimitOverrun,
  /// and everything stays in the buffer. std::invalid_argument when a separator is empty.
  [[nodiscard]] Task<std::string> read_until(std::string separator) const;
  /// The same with several: the one whose end comes first counts, the longest of those that end there.
  [[nodiscard]] Task<std::string> read_until(std::vector<std::string> separators) const;
  /// Up to '\n', and that too; what is left at the end, then empty. A line over the limit is dropped:
  /// LimitOverrun.
  [[nodiscard]] Task<std::string> read_line() const;
  /// Everything to the end; std::length_error when that is more than `most` bytes.
  [[nodiscard]] Task<std::string> read_to_end(std::size_t most = std::size_t{64} << 20) const;
  /// The end has come and all was read.
  [[nodiscard]] bool at_end() const noexcept;

  /// All of `data`, which lives until the call is over; returns when the kernel has it, so that a slow
  /// receiver slows its sender. Tries to send at once. std::system_error: EPIPE, ECONNRESET.
  [[nodiscard]] Task<void> write(std::string_view data) const;
  /// After what is being written. The other end reads an end; reading here goes on.
  [[nodiscard]] Task<void> shutdown_write() const;

  /// At once: waiting calls end with std::system_error, later ones with ECONNRESET. Idempotent.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept;
  [[nodiscard]] std::string peer() const;

 private:
  friend struct detail::StreamParts;
  std::shared_ptr<detail::StreamState> state_;
};

}  // namespace coterie::io
