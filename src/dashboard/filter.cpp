// text = term { blank term } ; term = word | key op value ; op = ":" | ">" | "<" ; word and value may stand
// in double quotes, in which \" and \\ stand for themselves.
#include "src/dashboard/filter.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "src/dashboard/json_input.hpp"
#include "src/queue/redaction.hpp"

namespace coterie::dashboard {
namespace {

constexpr std::size_t most_bytes = 1024;
constexpr std::size_t most_terms = 16;
constexpr std::size_t most_steps = 16;

constexpr const char* known_keys =
    "state, queue, name, id, worker, error, priority, attempt, age and args.PATH";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}
bool is_operator(char c) {
  return c == ':' || c == '>' || c == '<';
}

/// Reads `"…"`, or up to a blank (and, of a key, up to an operator).
std::string read_word(std::string_view text, std::size_t& at, bool key) {
  std::string word;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      word += text[at];
    }
    if (at == text.size()) throw BadFilter("a quotation mark is not closed: \"" + word);
    ++at;
    return word;
  }
  while (at < text.size() && !is_blank(text[at]) && !(key && is_operator(text[at]))) word += text[at++];
  return word;
}

std::int64_t read_number(const std::string& value, std::string_view whole) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size())
    throw BadFilter("'" + std::string(whole) + "': '" + value + "' is no whole number");
  return number;
}

/// "90s", "5m", "1h", "2d"; milliseconds.
std::int64_t read_age(const std::string& value, std::string_view whole) {
  std::int64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [unit, error] = std::from_chars(value.data(), end, number);
  std::int64_t scale = 0;
  if (error == std::errc() && end - unit == 1) {
    if (*unit == 's') scale = 1000;
    if (*unit == 'm') scale = 60'000;
    if (*unit == 'h') scale = 3'600'000;
    if (*unit == 'd') scale = 86'400'000;
  }
  if (scale == 0 || number < 0 || number > 100'000)
    throw BadFilter("'" + std::string(whole) + "': an age is written 90s, 5m, 1h or 2d");
  return number * scale;
}

queue::JobState read_state(const std::string& value) {
  if (value == "failed") return queue::JobState::dead;
  if (value == "running") return queue::JobState::leased;
  if (value == "waiting") return queue::JobState::ready;
  if (const auto state = queue::parse_job_state(value)) return *state;
  throw BadFilter(
      "'state:" + value +
      "': states are blocked, scheduled, ready, throttled, leased, done, dead, cancelled and expired");
}

bool contains(std::string_view text, const std::string& part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

Filter Filter::parse(std::string_view text, std::shared_ptr<const queue::Redaction> redaction) {
  if (text.size() > most_bytes) throw BadFilter("a filter has at most 1024 bytes");
  Filter filter;
  filter.redaction_ = std::move(redaction);
  std::size_t terms = 0;
  for (std::size_t at = 0;;) {
    while (at < text.size() && is_blank(text[at])) ++at;
    if (at == text.size()) return filter;
    if (++terms > most_terms) throw BadFilter("a filter has at most 16 terms");
    const std::size_t begin = at;
    const bool quoted = text[at] == '"';
    std::string word = read_word(text, at, true);
    char op = 0;
    if (!quoted && at < text.size() && is_operator(text[at])) op = text[at++];
    std::string value = op == 0 ? std::move(word) : read_word(text, at, false);
    if (op == 0) word.clear();
    if (at < text.size() && !is_blank(text[at]))
      throw BadFilter("behind '" + std::string(text.substr(begin, at - begin)) + "' a blank is missing");
    filter.add(word, op, std::move(value), text.substr(begin, at - begin));
  }
}

void Filter::add(const std::string& key, char op, std::string value, std::string_view whole) {
  const std::string shown(whole);
  if (op != 0 && value.empty()) throw BadFilter("'" + shown + "': a value is missing");
  const auto once = [&](std::string& target) {
    if (!target.empty()) throw BadFilter("'" + key + "' stands there twice, and a job has only one");
    target = std::move(value);
  };
  const bool ordered = key == "age" || key == "priority" || key == "attempt";
  if (op != 0 && op != ':' && !ordered)
    throw BadFilter("'" + shown + "': > and < are for age, priority and attempt");
  Term term;
  term.test = op == '>' ? Test::above : op == '<' ? Test::below : Test::equals;
  if (op == 0) {
    if (value.empty()) return;
    term.key = Key::words;
  } else if (key == "state") {
    if (at_broker_.state) throw BadFilter("'state' stands there twice, and a job has only one");
    at_broker_.state = read_state(value);
    return;
  } else if (key == "queue") {
    return once(at_broker_.queue);
  } else if (key == "name") {
    return once(at_broker_.name);
  } else if (key == "id") {
    if (!queue::parse_uuid(value))
      throw BadFilter("'" + shown + "': an id is 32 hexadecimal digits with dashes");
    term.key = Key::id;
  } else if (key == "worker") {
    term.key = Key::worker;
  } else if (key == "error") {
    term.key = Key::error;
  } else if (key == "priority" || key == "attempt") {
    term.key = key == "priority" ? Key::priority : Key::attempt;
    term.number = read_number(value, whole);
  } else if (key == "age") {
    if (term.test == Test::equals)
      throw BadFilter("'" + shown + "': write age>" + value + " or age<" + value);
    term.key = Key::age;
    term.number = read_age(value, whole);
  } else if (key == "args" || key.starts_with("args.")) {
    term.key = Key::args;
    for (std::size_t at = 4; at < key.size();) {
      const std::size_t end = std::min(key.find('.', at + 1), key.size());
      term.path.push_back(key.substr(at + 1, end - at - 1));
      at = end;
    }
    if (term.path.size() > most_steps) throw BadFilter("'" + shown + "': a path has at most 16 steps");
    for (const std::string& step : term.path)
      if (redaction_ && redaction_->hides_anywhere(step))
        throw BadFilter("'" + key + "' is redacted: nobody can search for its value here");
  } else {
    throw BadFilter("'" + key + "' is nothing to filter by: there are " + known_keys +
                    "; a text with a colon stands in quotes");
  }
  term.value = std::move(value);
  terms_.push_back(std::move(term));
}

/// An error may repeat arguments, which must be there to be taken out of it.
bool Filter::reads_bodies(const Term& term) const noexcept {
  return term.key == Key::args || term.key == Key::words || (term.key == Key::error && redaction_ != nullptr);
}

bool Filter::needs_args() const noexcept {
  return std::any_of(terms_.begin(), terms_.end(), [this](const Term& term) { return reads_bodies(term); });
}

bool Filter::matches(const queue::JobInfo& job, queue::UnixMillis now) const {
  if (at_broker_.state && *at_broker_.state != job.state) return false;
  if (!at_broker_.queue.empty() && at_broker_.queue != job.queue) return false;
  if (!at_broker_.name.empty() && at_broker_.name != job.name) return false;
  if (!std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) { return holds(term, job, now); }))
    return false;
  return redaction_ == nullptr || !needs_args() || holds_redacted(job, now);
}

/// Few come so far: only these are worth the work.
bool Filter::holds_redacted(const queue::JobInfo& job, queue::UnixMillis now) const {
  queue::JobInfo shown = job;
  queue::redact(shown, *redaction_);
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) { return holds(term, shown, now); });
}

bool Filter::holds(const Term& term, const queue::JobInfo& job, queue::UnixMillis now) {
  const auto compare = [&term](std::int64_t value) {
    if (term.test == Test::equals) return value == term.number;
    return term.test == Test::above ? value > term.number : value < term.number;
  };
  const auto in_error = [&] {
    return job.error && (contains(job.error->type, term.value) || contains(job.error->message, term.value));
  };
  switch (term.key) {
    case Key::id:
      return queue::parse_uuid(term.value) == job.id;
    case Key::worker:
      return job.worker == term.value;
    case Key::priority:
      return compare(job.priority);
    case Key::attempt:
      return compare(job.attempt);
    case Key::age:
      return compare(now - job.created_at);
    case Key::error:
      return in_error();
    case Key::args:
      return term.path.empty() ? contains(job.payload, term.value)
                               : json_has(job.payload, term.path, term.value);
    case Key::words:
      break;
  }
  return contains(job.name, term.value) || contains(job.payload, term.value) || in_error() ||
         job.id.str() == term.value;
}

}  // namespace coterie::dashboard
