// Arguments of any kind: what is shown of them is JSON where they are, has no hidden field left, and shown
// once more is the same.
#include <cstdlib>
#include <string>
#include <string_view>

#include "coterie/queue/json.hpp"
#include "coterie/queue/redaction.hpp"

namespace {

using coterie::queue::redacted;

bool shows_a_hidden_one(const boost::json::value& value, const coterie::queue::Redaction& redaction) {
  if (const boost::json::array* list = value.if_array()) {
    for (const boost::json::value& item : *list)
      if (shows_a_hidden_one(item, redaction)) return true;
  }
  if (const boost::json::object* object = value.if_object()) {
    for (const auto& [key, member] : *object) {
      const bool hidden = redaction.hides("any", std::string_view(key.data(), key.size()));
      const boost::json::string* text = member.if_string();
      if (hidden && (text == nullptr || std::string_view(text->data(), text->size()) != redacted))
        return true;
      if (!hidden && shows_a_hidden_one(member, redaction)) return true;
    }
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const coterie::queue::Redaction redaction = [] {
    coterie::queue::Redaction made;
    made.hide("a");
    return made;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string shown = redaction.apply("any", text);
  const coterie::queue::Secrets secrets = redaction.secrets("any", text);
  (void)secrets.scrub(text);
  (void)secrets.scrub_json(text);
  if (redaction.apply("any", shown) != shown) std::abort();
  try {
    const coterie::queue::detail::JsonDocument before(text);
    const coterie::queue::detail::JsonDocument after(shown);  // throws: it is JSON no more
    if (shows_a_hidden_one(after.root(), redaction)) std::abort();
  } catch (const coterie::queue::JsonError&) {
    bool was_json = true;
    try {
      const coterie::queue::detail::JsonDocument before(text);
    } catch (const coterie::queue::JsonError&) {
      was_json = false;
    }
    if (was_json) std::abort();
  }
  return 0;
}
