// What the fragments of docs/pitfalls.md stand on. Compiled in front of them by scripts/check-docs.
#include <coterie/coterie.hpp>
#include <coterie/io/asio.hpp>
#include <coterie/queue/client.hpp>
#include <coterie/queue/context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

using namespace coterie;
using namespace std::chrono_literals;
namespace asio = boost::asio;

struct Args {
  std::string name;
  int count = 0;
};

inline Task<void> step() {
  co_await yield();
}
inline Task<void> clean_up() {
  co_await yield();
}
inline AsyncGenerator<int> numbers() {
  co_yield 1;
}
inline int total = 0;
inline Lock lock;
inline Task<std::string> name_of(int) {
  co_return "a name";
}
inline Task<void> store(const std::string& text) {
  co_await sleep(1s);
  (void)text.size();
}
inline Task<void> keep(std::string text) {
  co_await sleep(1s);
  (void)text.size();
}
inline Task<void> use(Args args) {
  co_await sleep(1s);
  (void)args;
}
inline std::size_t parse(std::string text) {
  return text.size();
}
inline Task<std::size_t> read_from(asio::ip::tcp::socket& socket) {
  std::array<char, 64> bytes;
  co_return co_await socket.async_read_some(asio::buffer(bytes), use_task);
}
inline void log(const char*) {}

inline std::string text = "text";
inline bool flag = true;
