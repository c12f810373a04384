#include "src/brokers/redis/reply.hpp"

#include <algorithm>

namespace coterie::brokers::redis {
namespace {

constexpr std::size_t shown_bytes = 200;

/// One line, whatever the bytes are.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, shown_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7f ? '.' : c);
  }
  if (text.size() > shown_bytes) out += "…";
  return out + "'";
}

}  // namespace

bool Reply::is_error(std::string_view code) const noexcept {
  if (kind_ != Kind::error) return false;
  const std::string_view text = std::get<std::string>(value_);
  return text.substr(0, text.find(' ')) == code;
}

std::int64_t Reply::integer() const {
  if (kind_ != Kind::integer) refuse("an integer");
  return std::get<std::int64_t>(value_);
}

const std::string& Reply::string() const {
  if (kind_ != Kind::string && kind_ != Kind::status) refuse("a string");
  return std::get<std::string>(value_);
}

std::string Reply::take_string() {
  (void)string();
  return std::move(std::get<std::string>(value_));
}

const std::vector<Reply>& Reply::array() const {
  if (kind_ != Kind::array) refuse("an array");
  return std::get<std::vector<Reply>>(value_);
}

std::vector<Reply> Reply::take_array() {
  (void)array();
  return std::move(std::get<std::vector<Reply>>(value_));
}

const Reply& Reply::at(std::size_t index) const {
  if (kind_ != Kind::array || index >= array().size()) {
    refuse("an array with an item " + std::to_string(index));
  }
  return array()[index];
}

const std::string& Reply::error() const {
  if (kind_ != Kind::error) refuse("an error");
  return std::get<std::string>(value_);
}

void Reply::require_no_error(std::string_view what) const {
  if (kind_ == Kind::error)
    throw UnexpectedReply(std::string(what) + ": the Redis server gave " + describe());
}

std::string Reply::describe() const {
  switch (kind_) {
    case Kind::nil:
      return "nil";
    case Kind::integer:
      return "the integer " + std::to_string(integer());
    case Kind::string:
      return "the string " + quoted(string());
    case Kind::status:
      return "the status " + quoted(string());
    case Kind::error:
      return "the error " + quoted(error());
    case Kind::array:
      break;
  }
  return "an array of " + std::to_string(array().size());
}

void Reply::refuse(std::string_view expected) const {
  throw UnexpectedReply("Redis reply: expected " + std::string(expected) + ", got " + describe());
}

}  // namespace coterie::brokers::redis
