// Requests as they come over a connection: whole, and in two parts. What is read must not depend on where
// they part.
#include <cstdlib>
#include <string_view>

#include "src/http/parser.hpp"

namespace {

struct Read {
  bool done = false;
  int error = 0;
  coterie::http::Request request;
};

Read read(std::string_view first, std::string_view second) {
  coterie::http::ServerLimits limits;
  limits.body_bytes = 4096;
  coterie::http::Parser parser(limits);
  std::string buffer(first);
  buffer.erase(0, parser.feed(buffer));
  buffer += second;
  buffer.erase(0, parser.feed(buffer));
  Read result;
  result.done = parser.done();
  if (result.done) (void)parser.take(result.request);
  result.error = parser.error();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t part = size == 0 ? 0 : data[size - 1] % size;
  const Read whole = read(text, {});
  const Read parted = read(text.substr(0, part), text.substr(part));
  if (whole.done != parted.done || (whole.done && whole.error != parted.error)) std::abort();
  if (whole.done && (whole.request.path != parted.request.path || whole.request.body != parted.request.body))
    std::abort();
  if (whole.request.body.size() > 4096) std::abort();
  return 0;
}
