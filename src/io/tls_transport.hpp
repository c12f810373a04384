#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/io/stream.hpp"
#include "coterie/sync/lock.hpp"
#include "coterie/task.hpp"
#include "src/io/tls_error.hpp"
#include "src/io/tls_settings.hpp"

namespace coterie::io::detail {

/// TLS over another transport. OpenSSL sees two buffers and never the transport:
///
///     read_some() ◀── SSL_read  ◀── in_  ◀── inner_->read_some()     any task that OpenSSL tells to read,
///                        SSL                                         one at a time: `receiving_`
///     write_all() ──▶ SSL_write ──▶ out_ ──▶ inner_->write_all()     the writer alone
///
/// So OpenSSL is only ever called between two awaits, and a cancel is the inner transport's. A reader sends
/// nothing: what OpenSSL answers on its own (a key update) has to go out before the next data and not sooner
/// (RFC 8446, 4.6.3), so it waits in `out_` for the next writer, and a cancelled read cannot tear a record.
class TlsTransport final : public Transport {
 public:
  /// `host`: whom a client expects; of a server empty.
  TlsTransport(std::unique_ptr<Transport> inner, const TlsSettings& settings, const std::string& host);

  /// Bytes that had been read before TLS began.
  void feed(std::string_view bytes);
  /// First of all; once. After a cancel or an error only close().
  [[nodiscard]] Task<void> handshake();

  [[nodiscard]] Task<std::size_t> read_some(std::span<std::byte> buffer) override;
  [[nodiscard]] Task<void> write_all(std::span<const std::byte> data) override;
  [[nodiscard]] Task<void> shutdown_write() override;
  void close() noexcept override;
  [[nodiscard]] std::string peer() const override { return inner_->peer(); }

 private:
  static int verified(int ok, X509_STORE_CTX* store);
  void expect(const std::string& host);
  [[nodiscard]] Task<void> receive(std::uint64_t seen);
  [[nodiscard]] Task<void> send();
  [[nodiscard]] Task<void> settle();
  void check_usable() const;
  [[noreturn]] void fail(const std::string& where);
  void say_end() noexcept;

  const std::unique_ptr<Transport> inner_;
  const bool server_;
  std::string name_;  // that the certificate must hold
  SslPtr ssl_;
  BIO* in_ = nullptr;   // of ssl_
  BIO* out_ = nullptr;  // of ssl_
  std::vector<std::byte> incoming_;
  std::vector<std::byte> outgoing_;
  Lock receiving_;
  std::uint64_t received_ = 0;  // how often something came
  VerifyFailure failure_;
  bool ended_ = false;  // the inner transport has
  bool ready_ = false;  // the handshake is over
  bool torn_ = false;   // a write is under way, or was cut off
  bool shut_ = false;   // our end was said
  bool closed_ = false;
  std::exception_ptr broken_;
};

}  // namespace coterie::io::detail
