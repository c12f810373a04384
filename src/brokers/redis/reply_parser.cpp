#include "src/brokers/redis/reply_parser.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <new>

namespace coterie::brokers::redis {

/// hiredis' reader, with objects of ours: a reply is built in place, once. Every object is a Reply inside its
/// parent's items; while one is being filled nothing is added beside its ancestors, so they stay where they
/// are.
struct ReplyParser::State {
  explicit State(ReplyLimits chosen);
  ~State() { redisReaderFree(reader); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[nodiscard]] Reply* place(const redisReadTask& task, Reply made);
  void* refuse(std::string why) {
    if (refusal.empty()) refusal = std::move(why);
    return nullptr;
  }
  [[nodiscard]] std::string error() const;

  ReplyLimits limits;
  redisReplyObjectFunctions functions{};
  redisReader* reader = nullptr;
  Reply root;
  std::string refusal;  // why a limit ended it
};

namespace {

/// No exception goes through hiredis, which is C.
template <class Make>
void* guarded(Make make) noexcept {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

/// RESP3's kinds, which hiredis 1.x knows and no server sends unasked.
template <class Functions>
void refuse_resp3(Functions& functions) {
  const auto refuse = [](auto...) -> void* { return nullptr; };
  if constexpr (requires { functions.createDouble; }) functions.createDouble = refuse;
  if constexpr (requires { functions.createBool; }) functions.createBool = refuse;
}

}  // namespace

ReplyParser::State::State(ReplyLimits chosen) : limits(chosen) {
  functions.createString = [](const redisReadTask* task, char* bytes, std::size_t length) -> void* {
    State& self = *static_cast<State*>(task->privdata);
    return guarded([&]() -> void* {
      std::string text(bytes, length);
      switch (task->type) {
        case REDIS_REPLY_STRING:
          return self.place(*task, Reply::of_string(std::move(text)));
        case REDIS_REPLY_STATUS:
          return self.place(*task, Reply::of_status(std::move(text)));
        case REDIS_REPLY_ERROR:
          return self.place(*task, Reply::of_error(std::move(text)));
        default:
          return self.refuse("a kind of reply that was not asked for");
      }
    });
  };
  // int in hiredis 0.14, size_t in 1.x.
  functions.createArray = [](const redisReadTask* task, auto length) -> void* {
    State& self = *static_cast<State*>(task->privdata);
    return guarded([&]() -> void* {
      if (task->type != REDIS_REPLY_ARRAY) return self.refuse("a kind of reply that was not asked for");
      const auto items = static_cast<std::size_t>(length);
      if (items > self.limits.array_items)
        return self.refuse("an array of " + std::to_string(items) + " items, more than the limit of " +
                           std::to_string(self.limits.array_items));
      std::size_t depth = 1;
      for (const redisReadTask* above = task->parent; above != nullptr; above = above->parent) ++depth;
      if (depth > self.limits.depth)
        return self.refuse("arrays nested deeper than " + std::to_string(self.limits.depth));
      Reply* const made = self.place(*task, Reply::of_array());
      // What is announced need not come: room for it is made as it comes.
      made->items().reserve(std::min<std::size_t>(items, 256));
      return made;
    });
  };
  functions.createInteger = [](const redisReadTask* task, long long value) -> void* {
    State& self = *static_cast<State*>(task->privdata);
    return guarded([&]() -> void* { return self.place(*task, Reply::of_integer(value)); });
  };
  functions.createNil = [](const redisReadTask* task) -> void* {
    State& self = *static_cast<State*>(task->privdata);
    return guarded([&]() -> void* { return self.place(*task, Reply()); });
  };
  functions.freeObject = [](void*) {};  // the root is a member
  refuse_resp3(functions);
  reader = redisReaderCreateWithFunctions(&functions);
  if (reader == nullptr) throw std::bad_alloc();
  reader->privdata = this;
}

Reply* ReplyParser::State::place(const redisReadTask& task, Reply made) {
  if (task.parent == nullptr) {
    root = std::move(made);
    return &root;
  }
  std::vector<Reply>& items = static_cast<Reply*>(task.parent->obj)->items();
  items.push_back(std::move(made));
  return &items.back();
}

std::string ReplyParser::State::error() const {
  return refusal.empty() ? std::string(reader->errstr) : refusal;
}

ReplyParser::ReplyParser(ReplyLimits limits) : state_(std::make_unique<State>(limits)) {}
ReplyParser::~ReplyParser() = default;

void ReplyParser::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  if (redisReaderFeed(state_->reader, bytes.data(), bytes.size()) != REDIS_OK)
    throw ProtocolError(state_->error());
}

bool ReplyParser::next(Reply& reply) {
  void* whole = nullptr;
  if (redisReaderGetReply(state_->reader, &whole) != REDIS_OK) throw ProtocolError(state_->error());
  if (whole == nullptr) {
    // What is left is one string that has not come entirely: all else is consumed as it comes.
    constexpr std::size_t framing = 64;
    const std::size_t left = state_->reader->len - state_->reader->pos;
    if (left > state_->limits.bulk_bytes + framing)
      throw ProtocolError("a string longer than the limit of " + std::to_string(state_->limits.bulk_bytes) +
                          " bytes");
    return false;
  }
  reply = std::move(state_->root);
  state_->root = Reply();
  return true;
}

}  // namespace coterie::brokers::redis
