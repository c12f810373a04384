#pragma once
#include <string>

#include "coterie/io/fd.hpp"
#include "coterie/io/stream.hpp"

namespace coterie::io::detail {

/// A connected socket.
class SocketTransport final : public Transport {
 public:
  SocketTransport(Descriptor socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}
  [[nodiscard]] Task<std::size_t> read_some(std::span<std::byte> buffer) override {
    return socket_.read_some(buffer);
  }
  [[nodiscard]] Task<void> write_all(std::span<const std::byte> data) override {
    return socket_.write_all(data);
  }
  [[nodiscard]] Task<void> shutdown_write() override;
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> data) noexcept override;
  void close() noexcept override { socket_.close(); }
  [[nodiscard]] std::string peer() const override { return peer_; }

 private:
  Descriptor socket_;
  std::string peer_;
};

/// TCP_NODELAY where it is asked for and the socket is one of TCP.
void set_no_delay(int fd, int family, bool on) noexcept;

}  // namespace coterie::io::detail
