#pragma once
#include <memory>
#include <stdexcept>
#include <string_view>

#include "src/brokers/redis/reply.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// What came is not Redis' protocol, or exceeds the limits.
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Bytes to replies, wherever the bytes are cut. After an error it is of no more use.
class ReplyParser {
 public:
  explicit ReplyParser(ReplyLimits limits = {});
  ReplyParser(const ReplyParser&) = delete;
  ReplyParser& operator=(const ReplyParser&) = delete;
  ~ReplyParser();

  void feed(std::string_view bytes);
  /// Moves the next whole reply into `reply`; false when more bytes are needed. ProtocolError.
  [[nodiscard]] bool next(Reply& reply);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coterie::brokers::redis
