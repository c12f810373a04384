#pragma once
#include <memory>
#include <string>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/core/duration.hpp"
#include "coterie/timeout.hpp"
#include "src/brokers/redis/dial.hpp"
#include "src/brokers/redis/link.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// For who is asked where others are: one that is away, with its whole machine, must not hold up the rest.
inline constexpr Duration answer_within = std::chrono::seconds(1);

/// What `questions(link)`, a Task, gives over a connection of its own, within `at.connect_timeout`.
/// BrokerUnavailable where there is no answer; BadBroker where the answer is no good. `questions` outlives
/// it.
template <class Answer, class Questions>
Task<Answer> ask_alone(Settings at, Questions& questions) {
  io::Stream stream = co_await dial(at);
  const std::shared_ptr<Link> link = Link::start(std::move(stream), at);
  Task<Answer> limited = wait_for(at.connect_timeout, questions(*link));
  Outcome<Answer> end = co_await outcome(std::move(limited));
  link->close("it was asked what there was to ask");
  co_await link->join();
  try {
    co_return std::move(end).get();
  } catch (const TimeoutError&) {
    throw queue::BrokerUnavailable(at.url() + ": no answer within " +
                                   detail::seconds_text(at.connect_timeout) + ": does it hang, is it " +
                                   (at.is_sentinel ? "a sentinel?" : "a Redis server?"));
  } catch (const LinkLost&) {
  } catch (const UnexpectedReply& error) {
    throw queue::BadBroker(at.url() + ": " + error.what());
  }
  throw queue::BrokerUnavailable(link->reason());
}

/// What those who were asked in vain have said.
class Failures {
 public:
  /// `lasting`: it will not pass.
  void add(const std::string& what, bool lasting) {
    std::string& first = lasting ? refused_ : away_;
    if (first.empty()) first = what;
    ++count_;
  }
  [[nodiscard]] bool none() const noexcept { return count_ == 0; }
  /// `whom`, `what`: "sentinel", "the master".
  [[noreturn]] void raise(const Settings& settings, bool may_pass, const std::string& whom,
                          const std::string& what) const {
    const std::string url = settings.url() + ": ";
    if (!refused_.empty() && !may_pass) throw queue::BadBroker(url + refused_);
    const std::string& said = away_.empty() ? refused_ : away_;
    const std::string who =
        count_ == 1 ? "its " + whom + " does not tell " + what + ": "
                    : "none of its " + std::to_string(count_) + " " + whom + "s tells " + what + "; ";
    throw queue::BrokerUnavailable(url + who + said);
  }

 private:
  std::string refused_;
  std::string away_;
  std::size_t count_ = 0;
};

}  // namespace coterie::brokers::redis
