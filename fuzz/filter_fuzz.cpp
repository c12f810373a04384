// The dashboard's filters: any text is a filter or a BadFilter, and one is asked of a job.
#include <cstdlib>
#include <memory>
#include <string_view>

#include "coterie/queue/redaction.hpp"
#include "src/dashboard/filter.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  coterie::queue::JobInfo job;
  job.name = "send";
  job.payload = R"({"user":{"id":9007199254740993,"tags":["a",null,1.5]},"password":"hunter22"})";
  try {
    const coterie::dashboard::Filter filter = coterie::dashboard::Filter::parse(text);
    const bool found = filter.matches(job, 1'000'000);
    static const auto usual = std::make_shared<const coterie::queue::Redaction>();
    const bool shown = coterie::dashboard::Filter::parse(text, usual).matches(job, 1'000'000);
    // Only what is hidden may be found no more.
    if (shown && !found) std::abort();
  } catch (const coterie::dashboard::BadFilter&) {
  }
  return 0;
}
