// Any bytes as a Redis server's words: replies or a ProtocolError, the same however the bytes are cut, and
// never more than the limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "src/brokers/redis/reply_parser.hpp"

namespace {

using namespace coterie::brokers::redis;  // NOLINT(google-build-using-namespace)

struct Parsed {
  std::vector<Reply> replies;
  bool failed = false;
};

std::size_t depth_of(const Reply& reply) {
  if (reply.kind() != Reply::Kind::array) return 0;
  std::size_t deepest = 0;
  for (const Reply& item : reply.array()) deepest = std::max(deepest, depth_of(item));
  return deepest + 1;
}

Parsed parse(std::string_view bytes, std::size_t piece) {
  ReplyLimits limits;
  limits.bulk_bytes = 1000;
  limits.array_items = 100;
  limits.depth = 4;
  ReplyParser parser(limits);
  Parsed parsed;
  try {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      parser.feed(bytes.substr(at, piece));
      Reply reply;
      while (parser.next(reply)) {
        if (depth_of(reply) > limits.depth || reply.describe().size() > 1000) std::abort();
        parsed.replies.push_back(std::move(reply));
      }
    }
  } catch (const ProtocolError&) {
    parsed.failed = true;
  }
  return parsed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 16U + 1U;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Parsed cut = parse(text, piece);
  const Parsed bytewise = parse(text, 1);
  // A limit on what has not come yet is looked at between pieces, so only what both have read is compared.
  const std::size_t both = std::min(cut.replies.size(), bytewise.replies.size());
  for (std::size_t i = 0; i < both; ++i)
    if (!(cut.replies[i] == bytewise.replies[i])) std::abort();
  if (!cut.failed && !bytewise.failed && cut.replies.size() != bytewise.replies.size()) std::abort();
  return 0;
}
