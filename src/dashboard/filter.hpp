#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/queue/redaction.hpp"

namespace coterie::dashboard {

/// A filter that cannot be read. what() names the term and what may stand there.
class BadFilter : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Which jobs are meant: `state:dead queue:mail name:send args.user.id:42 age>1h error:timeout "hello
/// world"`. All terms must hold; docs/dashboard.md has the grammar. No patterns, no alternatives: what one
/// job costs is linear in its size.
class Filter {
 public:
  Filter() = default;
  /// Throws BadFilter. At most 1,024 bytes and 16 terms. What `redaction` hides is not found, and a term that
  /// asks for it is refused: it would tell the value by guesses. Null: nothing is hidden.
  [[nodiscard]] static Filter parse(std::string_view text,
                                    std::shared_ptr<const queue::Redaction> redaction = nullptr);

  /// What the broker itself can choose by: state, queue and name.
  [[nodiscard]] const queue::JobFilter& at_broker() const noexcept { return at_broker_; }
  /// Nothing is left to look at behind the broker.
  [[nodiscard]] bool is_simple() const noexcept { return terms_.empty(); }
  /// Arguments must be there for matches().
  [[nodiscard]] bool needs_args() const noexcept;
  [[nodiscard]] bool matches(const queue::JobInfo& job, queue::UnixMillis now) const;

 private:
  enum class Key : std::uint8_t { id, worker, priority, attempt, age, error, args, words };
  enum class Test : std::uint8_t { equals, above, below };
  struct Term {
    Key key = Key::words;
    Test test = Test::equals;
    std::string value;
    std::vector<std::string> path;  ///< of args
    std::int64_t number = 0;
    Term() = default;
  };
  void add(const std::string& key, char op, std::string value, std::string_view whole);
  static bool holds(const Term& term, const queue::JobInfo& job, queue::UnixMillis now);
  [[nodiscard]] bool reads_bodies(const Term& term) const noexcept;
  [[nodiscard]] bool holds_redacted(const queue::JobInfo& job, queue::UnixMillis now) const;

  queue::JobFilter at_broker_;
  std::vector<Term> terms_;
  std::shared_ptr<const queue::Redaction> redaction_;
};

}  // namespace coterie::dashboard
