// A user's program against the installed package: its headers are found and its archives link.
#include <boost/json.hpp>
#include <iostream>

#if __has_include(<coterie/coterie.hpp>)
#include <coterie/coterie.hpp>

static coterie::Task<int> async_main() {
  co_await coterie::sleep(std::chrono::milliseconds(1));
  co_return 0;
}

static int start() {
  return coterie::run(async_main());
}
#else
static int start() {
  return 0;
}
#endif

int main() {
  std::cout << boost::json::serialize(boost::json::parse(R"({"installed": true})")) << '\n';
  return start();
}
