// traceparent and tracestate: any text is a context or nothing, and what is read is written as it is read
// again.
#include <cstdlib>
#include <string_view>

#include "coterie/trace_context.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  const std::string_view parent = text.substr(0, line);
  const std::string_view state = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
  const auto context = coterie::trace::read_traceparent(parent, state);
  // Of a traceparent few texts are one: the tracestate is to be looked at in any case.
  const auto known =
      coterie::trace::read_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", text);
  for (const auto& read : {context, known}) {
    if (!read) continue;
    if (!read->is_valid() || read->state.size() > 512) std::abort();
    const auto again = coterie::trace::read_traceparent(write_traceparent(*read), read->state);
    if (again != read) std::abort();
  }
  return 0;
}
