// An exception that nobody catches, for docs/debugging.md.
#include <coterie/coterie.hpp>
#include <stdexcept>
using namespace coterie;

Task<void> decode() {
  co_await yield();
  throw std::runtime_error("no picture: the file is empty");
}

Task<void> resize() {
  co_await decode();
}

Task<void> async_main() {
  const auto resizing = spawn(named("resize"), resize);
  co_await resizing;
}

int main() {
  return run(async_main());
}
