// from_json on anything: it throws JsonError or gives a value, and what it gave is written and read to the
// same.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/json.hpp"

namespace {

enum class Kind { circle, square };
BOOST_DESCRIBE_ENUM(Kind, circle, square)

struct Shape {
  Kind kind = Kind::circle;
  double size = 0;
  std::optional<std::string> label;
  std::vector<Shape> parts;
  std::map<std::string, std::int16_t> marks;
};
BOOST_DESCRIBE_STRUCT(Shape, (), (kind, size, label, parts, marks))

template <class T>
void check(std::string_view text) {
  std::string once;
  try {
    once = coterie::queue::to_json(coterie::queue::from_json<T>(text));
  } catch (const coterie::queue::JsonError&) {
    return;
  }
  if (coterie::queue::to_json(coterie::queue::from_json<T>(once)) != once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check<Shape>(text);
  check<boost::json::value>(text);
  check<std::vector<std::uint64_t>>(text);
  return 0;
}
