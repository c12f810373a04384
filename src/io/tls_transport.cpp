#include "src/io/tls_transport.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "coterie/await_outcome.hpp"

namespace coterie::io::detail {
namespace {

constexpr std::size_t record = std::size_t{16} << 10;
/// What OpenSSL may have to answer to without a write of ours in between.
constexpr std::size_t most_answers = std::size_t{64} << 10;

[[noreturn]] void throw_system(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

bool is_address(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

/// As certificates hold it: "::1" of "::1%lo", "example.com" of "example.com.".
std::string plain(std::string host) {
  host.erase(std::min(host.find('%'), host.size()));
  if (host.size() > 1 && host.back() == '.') host.pop_back();
  return host;
}

int bytes_of(std::size_t size) {
  return static_cast<int>(size);  // of buffers here: far below 2 GiB
}

}  // namespace

TlsTransport::TlsTransport(std::unique_ptr<Transport> inner, const TlsSettings& settings,
                           const std::string& host)
    : inner_(std::move(inner)), server_(settings.server) {
  ::ERR_clear_error();
  ssl_.reset(::SSL_new(settings.context.get()));
  if (!ssl_) throw std::bad_alloc();
  in_ = ::BIO_new(::BIO_s_mem());
  out_ = ::BIO_new(::BIO_s_mem());
  ::SSL_set_bio(ssl_.get(), in_, out_);  // takes both
  if (in_ == nullptr || out_ == nullptr) throw std::bad_alloc();
  // Empty is "come again", not an end: only the inner transport tells of that.
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_app_data(ssl_.get(), this);
  const int refuse = server_ ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER;
  ::SSL_set_verify(ssl_.get(), settings.verify ? refuse : SSL_VERIFY_NONE,
                   settings.verify ? &verified : nullptr);
  if (server_) {
    ::SSL_set_accept_state(ssl_.get());
  } else {
    ::SSL_set_connect_state(ssl_.get());
    const std::string& name = settings.server_name.empty() ? host : settings.server_name;
    if (settings.verify || !name.empty()) expect(name);
  }
}

void TlsTransport::expect(const std::string& host) {
  name_ = plain(host);
  X509_VERIFY_PARAM* const param = ::SSL_get0_param(ssl_.get());
  bool taken = !name_.empty() && name_.find('\0') == std::string::npos;
  if (taken && is_address(name_)) {
    taken = ::X509_VERIFY_PARAM_set1_ip_asc(param, name_.c_str()) == 1;
  } else if (taken) {
    // "*.example.com", but neither "w*.example.com" nor a common name.
    ::X509_VERIFY_PARAM_set_hostflags(
        param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    taken = ::X509_VERIFY_PARAM_set1_host(param, name_.data(), name_.size()) == 1 &&
            SSL_set_tlsext_host_name(ssl_.get(), name_.c_str()) == 1;
  }
  ::ERR_clear_error();
  if (!taken)
    throw std::invalid_argument("'" + host +
                                "' is no name that a server's certificate could hold; say it in "
                                "TlsOptions::server_name");
}

int TlsTransport::verified(int ok, X509_STORE_CTX* store) {
  if (ok == 1) return 1;
  auto* const ssl =
      static_cast<SSL*>(::X509_STORE_CTX_get_ex_data(store, ::SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const self = static_cast<TlsTransport*>(SSL_get_app_data(ssl));
  try {
    if (!self->failure_) self->failure_.take(store);
  } catch (...) {  // no memory: refused all the same, C is in between
    self->failure_.code = X509_V_ERR_OUT_OF_MEM;
  }
  return 0;
}

void TlsTransport::feed(std::string_view bytes) {
  if (!bytes.empty() && ::BIO_write(in_, bytes.data(), bytes_of(bytes.size())) != bytes_of(bytes.size()))
    throw std::bad_alloc();
}

/// More into `in_`, unless somebody else has brought some since `seen`. Who waits here takes over when the
/// one that reads is cancelled.
Task<void> TlsTransport::receive(std::uint64_t seen) {
  const LockGuard turn = co_await receiving_.scoped();
  if (received_ != seen || ended_) co_return;
  incoming_.resize(record + 512);  // with what TLS adds to a full one
  const std::size_t got = co_await inner_->read_some(incoming_);
  ++received_;
  ended_ = got == 0;
  feed({reinterpret_cast<const char*>(incoming_.data()), got});
}

/// What stands in `out_`. A copy goes out, for a reader may add to it meanwhile.
Task<void> TlsTransport::send() {
  while (const std::size_t pending = ::BIO_ctrl_pending(out_)) {
    outgoing_.resize(pending);
    (void)::BIO_read(out_, outgoing_.data(), bytes_of(pending));
    co_await inner_->write_all(outgoing_);
    if (outgoing_.capacity() > 2 * record) outgoing_ = std::vector<std::byte>();  // connections may be many
  }
}

void TlsTransport::check_usable() const {
  if (closed_) throw_system(ECONNRESET, "the connection to " + peer() + " is closed");
  if (broken_) std::rethrow_exception(broken_);
}

/// OpenSSL allows no call but the last one after such an error.
void TlsTransport::fail(const std::string& where) {
  try {
    if (failure_) throw_unverified(failure_, where, name_, server_);
    throw_tls_error(where, server_);
  } catch (...) {
    broken_ = std::current_exception();
    throw;
  }
}

Task<void> TlsTransport::handshake() {
  const std::string where = server_ ? "no TLS with the client " + peer() : "no TLS connection to " + peer();
  for (;;) {
    ::ERR_clear_error();
    const std::uint64_t seen = received_;
    const int result = ::SSL_do_handshake(ssl_.get());
    const int error = ::SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ) {
      co_await send();
    } else {
      std::exception_ptr why;
      try {
        fail(where);
      } catch (...) {
        why = std::current_exception();
      }
      // The other end is told, too. Where it does not listen any more, our error is the one to know.
      Task<void> last_words = send();
      const Outcome<void> told = co_await outcome(std::move(last_words));
      if (told.cancelled()) (void)told.get();
      std::rethrow_exception(why);
    }
    if (error == SSL_ERROR_NONE) break;
    if (ended_)
      throw_system(ECONNRESET, where + ": the other end closed the connection during the handshake");
    co_await receive(seen);
  }
  ready_ = true;
}

Task<std::size_t> TlsTransport::read_some(std::span<std::byte> buffer) {
  if (buffer.empty()) co_return 0;
  for (;;) {
    check_usable();
    ::ERR_clear_error();
    const std::uint64_t seen = received_;
    std::size_t got = 0;
    const int result = ::SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &got);
    if (result == 1) co_return got;
    const int error = ::SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) co_return 0;
    if (error != SSL_ERROR_WANT_READ) fail("cannot read from " + peer());
    if (ended_)
      throw_tls(TlsErrc::truncated,
                "the connection to " + peer() +
                    " ended without the end of TLS (close_notify): what came may be a part");
    if (::BIO_ctrl_pending(out_) > most_answers)
      throw_tls(TlsErrc::protocol, "cannot read from " + peer() + ": it asks for answers without end");
    co_await receive(seen);
  }
}

Task<void> TlsTransport::write_all(std::span<const std::byte> data) {
  check_usable();
  if (torn_) throw_system(ECONNRESET, "an earlier write to " + peer() + " was cut off in the middle");
  if (shut_) throw_system(EPIPE, "the writing side of the connection to " + peer() + " was shut down");
  torn_ = true;
  while (!data.empty()) {
    if (::SSL_in_init(ssl_.get()) == 1) co_await settle();
    check_usable();
    ::ERR_clear_error();
    std::size_t taken = 0;
    // A few records at a time, so that a large write is not in memory twice.
    if (::SSL_write_ex(ssl_.get(), data.data(), std::min(data.size(), 4 * record), &taken) != 1)
      fail("cannot write to " + peer());
    data = data.subspan(taken);
    co_await send();
  }
  torn_ = false;
}

/// OpenSSL writes nothing in the middle of a message that the other end sent in pieces, of a ticket or a key
/// update: its rest has to come, by whoever reads.
Task<void> TlsTransport::settle() {
  while (::SSL_in_init(ssl_.get()) == 1) {
    check_usable();
    ::ERR_clear_error();
    const std::uint64_t seen = received_;
    const int result = ::SSL_do_handshake(ssl_.get());
    const int error = ::SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_NONE) break;
    if (error != SSL_ERROR_WANT_READ) fail("cannot write to " + peer());
    if (ended_) throw_system(EPIPE, "the connection to " + peer() + " has ended");
    co_await receive(seen);
  }
}

Task<void> TlsTransport::shutdown_write() {
  check_usable();
  if (torn_) throw_system(ECONNRESET, "an earlier write to " + peer() + " was cut off in the middle");
  torn_ = true;
  if (::SSL_in_init(ssl_.get()) == 1) co_await settle();
  say_end();
  co_await send();
  torn_ = false;
}

void TlsTransport::say_end() noexcept {
  ::ERR_clear_error();
  if (!std::exchange(shut_, true)) (void)::SSL_shutdown(ssl_.get());
  ::ERR_clear_error();
}

void TlsTransport::close() noexcept {
  if (std::exchange(closed_, true)) return;
  // An end behind half of a write, or beside one that is under way, would be a lie. Where TLS broke, an alert
  // stands ready that says so.
  if (ready_ && !torn_) {
    if (!broken_) say_end();
    char* data = nullptr;
    const long pending = BIO_get_mem_data(out_, &data);
    if (pending > 0)
      (void)inner_->try_write(std::as_bytes(std::span(data, static_cast<std::size_t>(pending))));
  }
  inner_->close();
}

}  // namespace coterie::io::detail
