// Names that take long to find, and addresses that stay silent. This program's own getaddrinfo() stands
// before the system's: what is connected, and on which thread it waits, is the library's as ever.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "coterie/io/dns.hpp"
#include "coterie/io/fd.hpp"
#include "coterie/io/tcp.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "coterie/timeout.hpp"

namespace {

std::atomic<bool> asked = false;     // for slow.test
std::atomic<bool> answered = false;  // until this is so, its asker blocks
std::string first_port;              // of two.test
std::string second_port;

}  // namespace

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* host, const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) noexcept(false) {
  static const auto system = reinterpret_cast<int (*)(const char*, const char*, const addrinfo*, addrinfo**)>(
      ::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string_view name = host == nullptr ? "" : host;
  const bool by_name = hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) == 0;
  if (by_name && name == "slow.test") {
    asked = true;
    answered.wait(false);
    return system("127.0.0.1", service, hints, found);
  }
  if (by_name && name == "two.test") {
    const int code = system("127.0.0.1", first_port.c_str(), hints, found);
    return code != 0 ? code : system("127.0.0.1", second_port.c_str(), hints, &(*found)->ai_next);
  }
  return system(host, service, hints, found);
}

namespace coterie::io_test {
namespace {

using namespace std::chrono_literals;

/// Listens at a free port; with `deaf`, it has as many that wait as it takes, and drops who comes.
class Listening {
 public:
  explicit Listening(bool deaf) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address_;
    auto* const at = reinterpret_cast<sockaddr*>(&address_);
    if (::bind(fd_.fd(), at, bytes) != 0 || ::listen(fd_.fd(), deaf ? 0 : 8) != 0 ||
        ::getsockname(fd_.fd(), at, &bytes) != 0)
      throw std::runtime_error("cannot listen at 127.0.0.1");
    for (int i = 0; deaf && i < 8; ++i) {
      waiting_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      (void)::connect(waiting_.back().fd(), at, sizeof address_);
    }
  }
  [[nodiscard]] std::string port() const { return std::to_string(ntohs(address_.sin_port)); }

 private:
  io::Descriptor fd_;
  sockaddr_in address_{};
  std::vector<io::Descriptor> waiting_;
};

Task<std::string> connect_to_two(Duration attempt_delay, Duration limit) {
  const Listening silent(true);
  const Listening answers(false);
  first_port = silent.port();
  second_port = answers.port();
  io::ConnectOptions options;
  options.attempt_delay = attempt_delay;
  options.timeout = limit;
  const io::Stream stream = co_await io::connect_tcp("two.test", 1, options);
  co_return stream.peer();
}

TEST(ConnectTcp, AnAddressThatStaysSilentKeepsNoOtherFromBeingTried) {
  EXPECT_EQ(run(connect_to_two(1ms, 30s)), "two.test:1");
  EXPECT_THROW((void)run(connect_to_two(1h, 50ms)), TimeoutError) << "the first is silent";
}

TEST(Resolve, TheLoopGoesOnWhileANameIsLookedFor) {
  asked = answered = false;
  run([]() -> Task<void> {
    const auto found = spawn(io::resolve, std::string("slow.test"), std::uint16_t{80});
    while (!asked) co_await yield();
    for (int i = 0; i < 100; ++i) co_await yield();  // it is still blocked, and this runs
    EXPECT_FALSE(found.done());
    answered = true;
    answered.notify_all();
    const std::vector<io::Endpoint> addresses = co_await found;
    EXPECT_EQ(addresses.at(0).str(), "127.0.0.1:80");
  }());
}

TEST(Resolve, ACancelDoesNotWaitForTheName) {
  asked = answered = false;
  run([]() -> Task<void> {
    const auto found = spawn(io::resolve, std::string("slow.test"), std::uint16_t{80});
    while (!asked) co_await yield();
    found.cancel();
    co_await found.wait();
    EXPECT_TRUE(found.cancelled());
    EXPECT_FALSE(answered) << "nobody has told it anything";
    answered = true;
    answered.notify_all();
  }());
}

}  // namespace
}  // namespace coterie::io_test
