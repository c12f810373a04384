#include "src/brokers/redis/dial.hpp"

#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/io/tcp.hpp"
#include "coterie/io/tls.hpp"
#include "coterie/io/unix.hpp"
#include "coterie/queue/errors.hpp"
#include "coterie/timeout.hpp"

namespace coterie::brokers::redis {
namespace {

Task<io::Stream> connect(const Settings& settings) {
  io::ConnectOptions options;
  options.timeout = settings.connect_timeout;
  if (!settings.socket_path.empty()) return io::connect_unix(settings.socket_path, options);
  if (settings.tls) {
    io::TlsOptions tls;
    tls.ca_file = settings.tls_ca;
    tls.certificate_file = settings.tls_certificate;
    tls.key_file = settings.tls_key;
    tls.server_name = settings.tls_name;
    tls.insecure_accept_any_certificate = settings.tls_insecure;
    return io::connect_tls(settings.host, settings.port, io::TlsContext(tls), options);
  }
  return io::connect_tcp(settings.host, settings.port, options);
}

/// What the files of a certificate hold is known only here.
Task<io::Stream> begin(const Settings& settings) {
  try {
    return connect(settings);
  } catch (const std::invalid_argument& error) {
    throw queue::BadBroker(settings.url() + ": " + in_words_of_url(error.what()));
  }
}

/// The server's URL stands before all that is said: its address is not said again.
std::string without_address(std::string why, const Settings& settings) {
  const std::string whom = settings.socket_path.empty() ? settings.host + ":" + std::to_string(settings.port)
                                                        : settings.socket_path;
  constexpr std::string_view begin = "cannot connect";
  if (why.starts_with(whom)) return std::string(begin) + why.substr(whom.size());
  const std::string to_whom = std::string(begin) + " to " + whom;
  if (why.starts_with(to_whom)) why.replace(begin.size(), to_whom.size() - begin.size(), "");
  return why;
}

bool is_unresolved(const std::error_code& code) {
  return std::string_view(code.category().name()) == "getaddrinfo";
}

}  // namespace

std::string silence_cure(const Settings& settings) {
  return std::string(": is the address right, does a firewall drop packets") +
         (settings.tls ? ", does the server speak TLS at this port?" : "?");
}

std::string in_words_of_url(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"TlsOptions::certificate_file and key_file", "?tls_cert=FILE&tls_key=FILE"},
      {"TlsOptions::certificate_file", "?tls_cert=FILE"},
      {"TlsOptions::key_file", "?tls_key=FILE"},
      {"TlsOptions::ca_file", "?tls_ca=FILE"},
      {"TlsOptions::server_name", "?tls_name=NAME"},
      {"TlsOptions::insecure_accept_any_certificate", "?tls_insecure=yes"}};
  for (const auto& [theirs, ours] : words)
    if (const std::size_t at = text.find(theirs); at != std::string::npos)
      text.replace(at, theirs.size(), ours);
  return text;
}

Task<io::Stream> dial(const Settings& settings) {
  Task<io::Stream> connecting = begin(settings);
  Outcome<io::Stream> end = co_await outcome(std::move(connecting));
  try {
    co_return std::move(end).get();
  } catch (const TimeoutError& error) {
    throw queue::BrokerUnavailable(settings.url() + ": " + without_address(error.what(), settings) +
                                   silence_cure(settings));
  } catch (const std::system_error& error) {
    if (error.code().category() == io::tls_category() && error.code() != io::TlsErrc::truncated)
      throw queue::BadBroker(settings.url() + ": " + in_words_of_url(error.what()));
    if (error.code() == std::errc::permission_denied && !settings.socket_path.empty())
      throw queue::BadBroker(settings.url() + ": " + without_address(error.what(), settings) +
                             ": whoever runs this needs write permission to the socket; Debian's belongs to "
                             "the group redis");
    if (is_unresolved(error.code()))
      throw queue::BrokerUnavailable(settings.url() + ": cannot find its address: " + error.code().message() +
                                     ": is the name spelled right, does this machine's DNS know it?");
    throw queue::BrokerUnavailable(settings.url() + ": " + without_address(error.what(), settings) +
                                   ": is a " + (settings.is_sentinel ? "sentinel" : "Redis server") +
                                   " running there?");
  }
}

}  // namespace coterie::brokers::redis
