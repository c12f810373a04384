// Whom a TLS client believes, and what it says of those that it does not. Over a script: no socket, no time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "coterie/io/tls.hpp"
#include "io/tls_peer.hpp"
#include "support/runtime.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// How a client of `host` fares with a server: "value", or the error.
struct Fared {
  std::string end;
  std::error_code code;
  std::string asked_name;
  std::string version;
  bool refused = false;  // the server was told
};

Task<Fared> meet(const Identity& server, std::string host, io::TlsOptions options,
                 TlsPeer::Configure configure = nullptr) {
  Script script;
  TlsPeer peer(&server, configure);
  auto carrier = spawn(carry, std::ref(script), std::ref(peer));
  const io::TlsContext tls(options);
  Task<io::Stream> starting = io::start_tls(stream_of(script), host, tls);
  Outcome<io::Stream> end = co_await outcome(std::move(starting));
  co_await ticks(2);  // what is left to carry
  Fared fared;
  fared.end = text(end);
  fared.asked_name = peer.asked_name();
  fared.version = peer.version();
  fared.refused = !peer.ready();
  carrier.cancel();
  co_await carrier.wait();
  try {
    (void)end.get();
  } catch (const std::system_error& error) {
    fared.code = error.code();
  }
  co_return fared;
}

Fared meeting(const Identity& server, const std::string& host, const io::TlsOptions& options,
              const TlsPeer::Configure& configure = nullptr) {
  return run([&]() -> Task<Fared> { co_return co_await meet(server, host, options, configure); });
}
io::TlsOptions trusting() {
  return certificates().authority.trusting();
}

TEST(TlsVerify, CertificateOfATrustedCaForThisNameIsBelieved) {
  const Fared fared = meeting(certificates().server, "server.test", trusting());
  EXPECT_EQ(fared.end, "value");
  EXPECT_EQ(fared.asked_name, "server.test");
  EXPECT_EQ(fared.version, "TLSv1.3");
}

TEST(TlsVerify, DotAtTheEndOfANameIsNoPartOfIt) {
  const Fared fared = meeting(certificates().server, "server.test.", trusting());
  EXPECT_EQ(fared.end, "value");
  EXPECT_EQ(fared.asked_name, "server.test");
}

TEST(TlsVerify, AddressIsComparedWithTheAddressesAndNotAskedForByName) {
  for (const char* const host : {"127.0.0.1", "::1"}) {
    const Fared fared = meeting(certificates().server, host, trusting());
    EXPECT_EQ(fared.end, "value") << host;
    EXPECT_EQ(fared.asked_name, "") << host;
  }
  const Fared other = meeting(certificates().server, "127.0.0.2", trusting());
  EXPECT_EQ(other.code, io::TlsErrc::wrong_host);
}

TEST(TlsVerify, CertificateOfAnotherHostSaysWhoseItIs) {
  const Fared fared = meeting(certificates().server, "other.test", trusting());
  EXPECT_EQ(fared.code, io::TlsErrc::wrong_host);
  EXPECT_EQ(fared.end,
            "no TLS connection to the script: its certificate is for server.test, 127.0.0.1, ::1, not for "
            "other.test; connect to a name that it holds, or say which it is in TlsOptions::server_name: "
            "certificate of another host");
  EXPECT_TRUE(fared.refused);
}

TEST(TlsVerify, ServerNameStandsInForTheHost) {
  io::TlsOptions options = trusting();
  options.server_name = "server.test";
  const Fared fared = meeting(certificates().server, "other.test", options);
  EXPECT_EQ(fared.end, "value");
  EXPECT_EQ(fared.asked_name, "server.test");
}

TEST(TlsVerify, CommonNameIsNoNameOfAHost) {
  Wanted wanted;
  wanted.common_name = "server.test";
  wanted.names.clear();
  const Identity server(wanted, &certificates().authority);
  const Fared fared = meeting(server, "server.test", trusting());
  EXPECT_EQ(fared.code, io::TlsErrc::wrong_host);
  EXPECT_THAT(fared.end,
              HasSubstr("its certificate names no host (a common name does not count), not for server.test"));
}

TEST(TlsVerify, WildcardStandsForOneWholeLabel) {
  Wanted wanted;
  wanted.names = "DNS:*.wild.test,DNS:p*.part.test";
  const Identity server(wanted, &certificates().authority);
  EXPECT_EQ(meeting(server, "a.wild.test", trusting()).end, "value");
  EXPECT_EQ(meeting(server, "a.b.wild.test", trusting()).code, io::TlsErrc::wrong_host);
  EXPECT_EQ(meeting(server, "wild.test", trusting()).code, io::TlsErrc::wrong_host);
  EXPECT_EQ(meeting(server, "pa.part.test", trusting()).code, io::TlsErrc::wrong_host);
}

TEST(TlsVerify, ExpiredCertificateSaysSinceWhen) {
  Wanted wanted;
  wanted.from_days = -3;
  wanted.until_days = -2;
  const Identity server(wanted, &certificates().authority);
  const Fared fared = meeting(server, "server.test", trusting());
  EXPECT_EQ(fared.code, io::TlsErrc::expired);
  EXPECT_THAT(fared.end, StartsWith("no TLS connection to the script: its certificate expired on "));
  EXPECT_THAT(fared.end, HasSubstr("; have it renewed, or correct this machine's clock"));
}

TEST(TlsVerify, CertificateOfTomorrowAsksForTheClock) {
  Wanted wanted;
  wanted.from_days = 1;
  wanted.until_days = 2;
  const Identity server(wanted, &certificates().authority);
  const Fared fared = meeting(server, "server.test", trusting());
  EXPECT_EQ(fared.code, io::TlsErrc::not_yet_valid);
  EXPECT_THAT(fared.end, HasSubstr("is this machine's clock right?"));
}

TEST(TlsVerify, SelfSignedCertificateIsRefusedUntilItIsNamed) {
  const Identity server{Wanted()};
  const Fared fared = meeting(server, "server.test", trusting());
  EXPECT_EQ(fared.code, io::TlsErrc::self_signed);
  EXPECT_THAT(
      fared.end,
      HasSubstr("its certificate vouches for itself; if you trust it, name its file in TlsOptions::ca_file"));
  EXPECT_EQ(meeting(server, "server.test", server.trusting()).end, "value");
}

TEST(TlsVerify, UnknownCaIsNamed) {
  const Fared by_system = meeting(certificates().server, "server.test", io::TlsOptions());
  EXPECT_EQ(by_system.code, io::TlsErrc::unknown_issuer);
  EXPECT_THAT(by_system.end, HasSubstr("'CN=the test CA' vouches for its certificate and is not known here"));
  EXPECT_TRUE(by_system.refused);
  // Also where the server sends the CA along.
  const auto send_all = [](SSL_CTX* context) {
    ::X509_up_ref(certificates().authority.certificate());
    ::SSL_CTX_add_extra_chain_cert(context, certificates().authority.certificate());
  };
  const Fared sent_along = meeting(certificates().server, "server.test", io::TlsOptions(), send_all);
  EXPECT_EQ(sent_along.code, io::TlsErrc::unknown_issuer);
  EXPECT_THAT(sent_along.end,
              HasSubstr("'CN=the test CA' vouches for its certificate and is not trusted here"));
}

TEST(TlsVerify, AnyCertificateOnlyWhereThatIsSaid) {
  Wanted wanted;
  wanted.until_days = -1;
  wanted.from_days = -2;
  const Identity server(wanted);
  io::TlsOptions options;
  options.insecure_accept_any_certificate = true;
  EXPECT_EQ(meeting(server, "other.test", options).end, "value");
}

TEST(TlsVerify, VersionsBefore12AreRefused) {
  const auto old_only = [](SSL_CTX* context) {
    ::SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  };
  const Fared fared = meeting(certificates().server, "server.test", trusting(), old_only);
  EXPECT_EQ(fared.code, io::TlsErrc::no_common_version);
  EXPECT_THAT(fared.end, HasSubstr("no version that is allowed here, 1.2 or newer"));
  const auto up_to_12 = [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); };
  EXPECT_EQ(meeting(certificates().server, "server.test", trusting(), up_to_12).end, "value");
}

TEST(TlsVerify, ServerWithoutTlsIsToldFromOneThatHasIt) {
  run([]() -> Task<void> {
    Script script;
    feed(script, "HTTP/1.1 400 Bad Request\r\n\r\n");
    const io::TlsContext tls;
    EXPECT_EQ(co_await end_of(io::start_tls(stream_of(script), "server.test", tls)),
              "no TLS connection to the script: the other end speaks something else; is this the right "
              "port?: no TLS");
    EXPECT_TRUE(script.closed);
  });
}

TEST(TlsVerify, HostThatNoCertificateCanHoldIsRefused) {
  run([]() -> Task<void> {
    Script script;
    const io::TlsContext tls;
    EXPECT_EQ(co_await end_of(io::start_tls(stream_of(script), "", tls)),
              "'' is no name that a server's certificate could hold; say it in TlsOptions::server_name");
    EXPECT_TRUE(script.closed);
  });
}

}  // namespace
}  // namespace coterie::io_test
