// What the fragments of docs/asyncio-examples.md stand on. Compiled in front of them by scripts/check-docs.
#include <coterie/coterie.hpp>

#include <functional>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace coterie;
using namespace std::chrono_literals;

struct Connection {
  Task<void> close() { co_await sleep(10ms); }
};
inline Task<void> talk(Connection&) {
  co_await sleep(10ms);
}
inline Task<std::string> fetch(std::string url) {
  co_await sleep(10ms);
  co_return "page of " + url;
}
inline Task<void> store(std::string page) {
  co_await sleep(10ms);
  (void)page;
}
inline std::string hash_file(std::string path) {
  return path;
}

inline Connection connection;
inline std::string url = "a";
inline std::string other = "b";
inline std::vector<std::string> urls = {"a", "b", "c"};
