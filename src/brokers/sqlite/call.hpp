#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/threads/completion.hpp"
#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/failure.hpp"
#include "src/brokers/sqlite/writer.hpp"

/// What the broker sends to the writer's thread.
namespace coterie::brokers::sqlite {

/// A call of the engine with its request, whose result somebody awaits.
template <class Result, class Request>
class Call final : public Operation {
 public:
  using Function = Result (*)(Engine&, const Request&);
  Call(Function function, Request request) : function_(function), request_(std::move(request)) {}

  void apply(Engine& engine) override { result_.emplace(function_(engine, request_)); }
  void succeed() noexcept override { done.set_value(std::move(*result_)); }
  void fail(const Failure& failure) noexcept override { done.set_value(failure); }

  Completion<Answer<Result>> done;

 private:
  Function function_;
  Request request_;
  std::optional<Result> result_;
};

/// At opening: what died with its process need not wait for its deadline.
class Opening final : public Operation {
 public:
  void apply(Engine& engine) override {
    engine.recover_gone();
    engine.drop_orphans();
  }
  void succeed() noexcept override {}
  void fail(const Failure& /*failure*/) noexcept override {}  // the next call's problem too, or no problem
};

struct NoteRequest {
  std::string key;
  std::optional<std::string> expected;
  std::string value;
  NoteRequest(std::string k, std::optional<std::string> e, std::string v)
      : key(std::move(k)), expected(std::move(e)), value(std::move(v)) {}
};

struct ExtendRequest {
  Uuid worker;
  std::vector<LeaseRef> leases;
  Milliseconds lease;
  ExtendRequest(Uuid w, std::vector<LeaseRef> l, Milliseconds time)
      : worker(w), leases(std::move(l)), lease(time) {}
};

struct AskRequest {
  Uuid worker;
  Question question;
  Milliseconds at_most;
  AskRequest(const Uuid& w, Question q, Milliseconds time)
      : worker(w), question(std::move(q)), at_most(time) {}
};

struct AnswerRequest {
  Uuid worker;
  Uuid question;
  WorkerAnswer answer;
  AnswerRequest(const Uuid& w, const Uuid& q, WorkerAnswer a)
      : worker(w), question(q), answer(std::move(a)) {}
};

/// A look at something that the bell tells of, and how often that had rung by then.
template <class T>
struct Heard {
  std::uint64_t rung = 0;
  T what{};
  Heard() = default;
  Heard(std::uint64_t times, T seen) : rung(times), what(std::move(seen)) {}
};

}  // namespace coterie::brokers::sqlite
