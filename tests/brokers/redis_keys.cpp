#include "tests/brokers/redis_keys.hpp"

#include <hiredis/hiredis.h>

#include <cctype>
#include <memory>
#include <stdexcept>
#include <utility>

namespace broker_suite {
namespace {

using Words = std::vector<std::string>;

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Answer = std::unique_ptr<redisReply, Free>;

/// A connection that asks many things at once.
class Server {
 public:
  explicit Server(const std::string& place) : place_(place) {
    const std::size_t colon = place.rfind(':');
    const bool is_path = place.front() == '/';
    if (!is_path && colon == std::string::npos) throw std::runtime_error(place + " is no host:port");
    context_.reset(is_path
                       ? redisConnectUnix(place.c_str())
                       : redisConnect(place.substr(0, colon).c_str(), std::stoi(place.substr(colon + 1))));
    if (!context_ || context_->err != 0) fail();
  }
  std::vector<Answer> ask(const std::vector<Words>& commands) {
    constexpr std::size_t at_once = 1000;
    std::vector<Answer> answers;
    for (std::size_t from = 0; from < commands.size(); from += at_once) {
      const std::size_t end = std::min(commands.size(), from + at_once);
      for (std::size_t i = from; i < end; ++i) send(commands[i]);
      for (std::size_t i = from; i < end; ++i) answers.push_back(receive());
    }
    return answers;
  }

 private:
  void send(const Words& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data());
  }
  Answer receive() {
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) fail();
    Answer answer(static_cast<redisReply*>(reply));
    if (answer->type == REDIS_REPLY_ERROR) throw std::runtime_error(place_ + ": " + answer->str);
    return answer;
  }
  [[noreturn]] void fail() const {
    throw std::runtime_error(place_ + ": " + (context_ ? context_->errstr : "out of memory"));
  }

  const std::string place_;
  std::unique_ptr<redisContext, Free> context_;
};

std::string text_of(const redisReply& reply) {
  return {reply.str, static_cast<std::size_t>(reply.len)};
}
Words texts_of(const redisReply& array) {
  Words texts;
  for (std::size_t i = 0; i < array.elements; ++i) texts.push_back(text_of(*array.element[i]));
  return texts;
}

Words question(const std::string& type, const std::string& key) {
  if (type == "string") return {"GET", key};
  if (type == "hash") return {"HGETALL", key};
  if (type == "list") return {"LRANGE", key, "0", "-1"};
  if (type == "set") return {"SMEMBERS", key};
  if (type == "zset") return {"ZRANGE", key, "0", "-1", "WITHSCORES"};
  return {"EXISTS", key};
}

RedisValue value_of(const std::string& type, const redisReply& reply) {
  RedisValue value;
  value.type = type;
  if (type == "string" && reply.type == REDIS_REPLY_STRING) value.text = text_of(reply);
  if (type == "list" || type == "set") value.items = texts_of(reply);
  if (type == "hash" || type == "zset")
    for (std::size_t i = 0; i + 1 < reply.elements; i += 2)
      value.pairs.emplace(text_of(*reply.element[i]), text_of(*reply.element[i + 1]));
  return value;
}

}  // namespace

RedisKeys read_keys(const std::vector<std::string>& servers, const std::string& name_space) {
  const std::string tag = "{" + name_space + ":";
  RedisKeys found;
  for (const std::string& place : servers) {
    Server server(place);
    const Words names = texts_of(*server.ask({{"KEYS", tag + "*"}})[0]);
    std::vector<Words> questions;
    for (const std::string& name : names) questions.push_back({"TYPE", name});
    Words types;
    for (const Answer& answer : server.ask(questions)) types.push_back(text_of(*answer));
    for (std::size_t i = 0; i < names.size(); ++i) questions[i] = question(types[i], names[i]);
    const std::vector<Answer> answers = server.ask(questions);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::size_t end = names[i].find('}');
      const std::string shard = names[i].substr(tag.size(), end - tag.size());
      if (end == std::string::npos || shard.empty() || std::isdigit(shard[0]) == 0) continue;
      found[static_cast<unsigned>(std::stoul(shard))].emplace(names[i].substr(end + 1),
                                                              value_of(types[i], *answers[i]));
    }
  }
  return found;
}

}  // namespace broker_suite
