// A process of the chaos run, on the public API: a producer or a worker, which writes down what it sees.
//   chaos_agent producer|worker URL EVENTS number=N seed=N [lease_ms=N] jobs=N [poison=N]
#include "agent.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <thread>

namespace {

/// key=number, each once.
bool read_orders(int count, char** words, chaos::Orders& orders) {
  const std::map<std::string, std::uint64_t*, std::less<>> known{
      {"number", &orders.number}, {"seed", &orders.seed},     {"lease_ms", &orders.lease_ms},
      {"jobs", &orders.jobs},     {"poison", &orders.poison},
  };
  for (int i = 0; i < count; ++i) {
    const std::string_view word = words[i];
    const std::size_t equals = word.find('=');
    const auto found = known.find(word.substr(0, equals));
    if (equals == std::string_view::npos || found == known.end()) return false;
    const char* const end = word.data() + word.size();
    const auto [stopped, error] = std::from_chars(word.data() + equals + 1, end, *found->second);
    if (error != std::errc{} || stopped != end) return false;
  }
  return true;
}

}  // namespace

std::shared_ptr<coterie::queue::Broker> chaos::open_in_time(const std::string& url) {
  for (;;) {
    try {
      return coterie::queue::open_broker(url);
    } catch (const coterie::queue::BrokerUnavailable&) {
      using namespace std::chrono_literals;
      std::this_thread::sleep_for(50ms);  // lint: sleeps, because a server that is gone cannot tell
    }
  }
}

int main(int argc, char** argv) {
  chaos::Orders orders{argc > 2 ? argv[2] : "", 0, 0, 1000, 8, 0};
  const std::string role = argc > 3 ? argv[1] : "";
  if ((role != "producer" && role != "worker") || !read_orders(argc - 4, argv + 4, orders)) {
    std::fputs("chaos_agent producer|worker URL EVENTS number=N seed=N [lease_ms=N] jobs=N [poison=N]\n",
               stderr);
    return 2;
  }
  const chaos::Events events(argv[3]);
  try {
    const int code = role == "worker" ? chaos::work(orders, events) : chaos::produce(orders, events);
    events.write("down", chaos::field("code", static_cast<std::uint64_t>(code)));
    return code;
  } catch (const std::exception& error) {
    events.write("down", chaos::field("code", 1) + "," + chaos::field("why", error.what()));
    std::fprintf(stderr, "chaos_agent: %s\n", error.what());
    return 1;
  }
}
