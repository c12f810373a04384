// Names, addresses, and connections over loopback.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "coterie/await_outcome.hpp"
#include "coterie/io/dns.hpp"
#include "coterie/io/fd.hpp"
#include "coterie/io/tcp.hpp"
#include "coterie/io/unix.hpp"
#include "coterie/run.hpp"
#include "coterie/timeout.hpp"
#include "io/support.hpp"

namespace coterie::io_test {
namespace {

using namespace std::chrono_literals;

/// Listens at a free port of 127.0.0.1, or at a path.
class Listening {
 public:
  explicit Listening(int backlog = 16) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open(io::Endpoint(reinterpret_cast<const sockaddr*>(&any), sizeof any), backlog);
  }
  explicit Listening(const std::string& path) { open(io::Endpoint::unix_path(path), 16); }

  [[nodiscard]] std::uint16_t port() const {
    sockaddr_storage storage{};
    socklen_t bytes = sizeof storage;
    ::getsockname(fd_.fd(), reinterpret_cast<sockaddr*>(&storage), &bytes);
    return io::Endpoint(reinterpret_cast<const sockaddr*>(&storage), bytes).port();
  }
  /// Sends back what comes, up to its end, for one connection.
  [[nodiscard]] Task<void> echo() {
    co_await fd_.readable();
    io::Descriptor one(::accept4(fd_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string all = co_await one.read_to_end();
    co_await one.write_all(std::string_view(all));
  }

 private:
  void open(const io::Endpoint& at, int backlog) {
    const int fd = ::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(fd, at.address(), at.bytes()) != 0 || ::listen(fd, backlog) != 0)
      throw std::runtime_error("cannot listen at " + at.str());
    fd_ = io::Descriptor(fd);
  }
  io::Descriptor fd_;
};

Task<void> talk(io::Stream stream, Listening& listening) {
  auto serve = [](Listening& at) -> Task<void> { co_await at.echo(); };
  auto server = spawn(serve, std::ref(listening));
  const std::string text(1 << 20, 'x');
  auto send = [](const io::Stream& to, const std::string& what) -> Task<void> {
    co_await to.write(what);
    co_await to.shutdown_write();
  };
  auto sender = spawn(send, std::cref(stream), std::cref(text));
  EXPECT_EQ(co_await stream.read_to_end(), text);
  co_await sender;
  co_await server;
}

Task<void> over_tcp(std::string host) {
  Listening listening;
  io::Stream stream = co_await io::connect_tcp(host, listening.port());
  EXPECT_EQ(stream.peer(), host + ":" + std::to_string(listening.port()));
  co_await talk(std::move(stream), listening);
}
TEST(ConnectTcp, ByAddressAndByName) {
  run(over_tcp("127.0.0.1"));
  run(over_tcp("localhost"));  // ::1 may come first, where nobody listens
}

Task<void> over_unix() {
  const TempFile file;
  std::filesystem::remove(file.path());
  Listening listening(file.path());
  io::Stream stream = co_await io::connect_unix(file.path());
  co_await talk(std::move(stream), listening);
}
TEST(ConnectUnix, ByPath) {
  run(over_unix());
}

Task<void> refused() {
  std::uint16_t port = 0;
  {
    const Listening listening;
    port = listening.port();
  }
  (void)co_await io::connect_tcp("127.0.0.1", port);
}
TEST(ConnectTcp, RefusalNamesTheAddress) {
  try {
    run(refused());
    ADD_FAILURE() << "connected";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::connection_refused);
    EXPECT_NE(std::string(error.what()).find("cannot connect to 127.0.0.1:"), std::string::npos)
        << error.what();
  }
}

Task<void> nobody_accepts() {
  const Listening listening(0);
  io::ConnectOptions options;
  options.timeout = 20ms;
  std::vector<io::Stream> fill;  // until the kernel has no more room for those that wait
  for (int i = 0; i < 100; ++i)
    fill.push_back(co_await io::connect_tcp("127.0.0.1", listening.port(), options));
}
TEST(ConnectTcp, TimeoutSaysToWhomAndHowLong) {
  try {
    run(nobody_accepts());
    ADD_FAILURE() << "connected";
  } catch (const TimeoutError& error) {
    EXPECT_NE(std::string(error.what()).find(" within 0.02 s"), std::string::npos) << error.what();
  }
}

Task<void> no_such_name() {
  (void)co_await io::resolve("no-such-host.invalid", 80);
}
TEST(Resolve, NameWithoutAnAddressIsNamed) {
  try {
    run(no_such_name());
    ADD_FAILURE() << "found";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("'no-such-host.invalid'"), std::string::npos) << error.what();
  }
}

Task<std::string> literals() {
  std::string text;
  for (const char* const host : {"127.0.0.1", "::1"}) {
    const std::vector<io::Endpoint> found = co_await io::resolve(host, 80);
    for (const io::Endpoint& at : found) text += at.str() + " ";
  }
  co_return text;
}
TEST(Resolve, AddressesAreThemselves) {
  EXPECT_EQ(run(literals()), "127.0.0.1:80 [::1]:80 ");
}

TEST(Endpoint, PathsOfSocketsHaveALimit) {
  EXPECT_EQ(io::Endpoint::unix_path("/tmp/s").str(), "/tmp/s");
  EXPECT_THROW((void)io::Endpoint::unix_path(""), std::invalid_argument);
  EXPECT_THROW((void)io::Endpoint::unix_path(std::string(108, 'x')), std::invalid_argument);
}

}  // namespace
}  // namespace coterie::io_test
