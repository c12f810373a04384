#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "coterie/io/stream.hpp"
#include "coterie/sleep.hpp"
#include "coterie/sync/event.hpp"
#include "coterie/sync/queue.hpp"

namespace coterie::io_test {

/// The other end of a Stream, in the test's hand. An empty chunk is the end.
struct Script {
  Queue<std::string> chunks;
  std::exception_ptr error;  // what the next read throws
  std::string written;
  std::string farewell;  // what was written on the way to close()
  Event gate;            // open: writes pass
  bool closed = false;
  bool ended = false;
  Script() { gate.set(); }
};

class ScriptTransport final : public io::Transport {
 public:
  explicit ScriptTransport(Script& script) : script_(script) {}
  ~ScriptTransport() override { script_.closed = true; }

  Task<std::size_t> read_some(std::span<std::byte> buffer) override {
    if (rest_.empty()) rest_ = co_await script_.chunks.get();
    if (script_.error) std::rethrow_exception(std::exchange(script_.error, nullptr));
    const std::size_t bytes = std::min(buffer.size(), rest_.size());
    std::memcpy(buffer.data(), rest_.data(), bytes);
    rest_.erase(0, bytes);
    co_return bytes;
  }
  Task<void> write_all(std::span<const std::byte> data) override {
    for (const std::byte one : data) {  // a byte at a time, so that writes that mix are seen
      co_await script_.gate.wait();
      co_await yield();
      script_.written += static_cast<char>(one);
    }
  }
  Task<void> shutdown_write() override {
    script_.ended = true;
    co_return;
  }
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> data) noexcept override {
    script_.farewell.assign(reinterpret_cast<const char*>(data.data()), data.size());
    return data.size();
  }
  void close() noexcept override { script_.closed = true; }
  [[nodiscard]] std::string peer() const override { return "the script"; }

 private:
  Script& script_;
  std::string rest_;
};

inline io::Stream stream_of(Script& script, std::size_t limit = 64 << 10) {
  io::StreamOptions options;
  options.limit = limit;
  return io::Stream(std::make_unique<ScriptTransport>(script), options);
}

inline void feed(Script& script, const std::string& chunk) {
  script.chunks.put_nowait(chunk);
}

}  // namespace coterie::io_test
