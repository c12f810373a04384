#include "tests/brokers/redis_key_walk.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "tests/brokers/redis_key_job.hpp"

namespace broker_suite {
namespace {

using Values = std::map<std::string, RedisValue>;
using Kind = KeyFinding::Kind;

constexpr double level = 2199023255552;  // places within one priority of a stream
constexpr unsigned piece_size = 127;

std::string number(double value) {
  return std::to_string(static_cast<long long>(value));
}

/// Of one shard.
class ShardWalk {
 public:
  ShardWalk(unsigned shard, const Values& keys, std::vector<KeyFinding>& findings)
      : shard_(shard), keys_(keys), findings_(findings) {
    for (const auto& [key, value] : keys_)
      if (key[0] == 'j') read_job(key.substr(1), value);
    for (const auto& [key, value] : keys_)
      if (key[0] == 'd' && releases(key.substr(1)))
        for (const auto& [waiting, order] : value.pairs) ++awaited_[waiting];
  }
  void walk() {
    check_counters();
    for (const auto& [key, value] : keys_) check_key(key, value);
    for (const auto& [id, job] : jobs_) check_job(id, job);
    check_places();
    check_indexes();
    check_queues();
    check_list();
    check_workers();
  }
  [[nodiscard]] const std::map<std::string, KeyJob>& jobs() const { return jobs_; }
  [[nodiscard]] const RedisValue* find(const std::string& key) const {
    const auto found = keys_.find(key);
    return found == keys_.end() ? nullptr : &found->second;
  }
  /// `id` is told when `other`, which is here, has ended: by the set of those that wait for it.
  [[nodiscard]] bool is_awaited(const std::string& other, const std::string& member) const {
    const RedisValue* waiting = releases(other) ? find("d" + other) : nullptr;
    return waiting != nullptr && waiting->pairs.contains(member);
  }
  void wrong(const std::string& key, const std::string& what) { say(Kind::wrong, key, what); }
  void left(const std::string& key, const std::string& what) { say(Kind::left_behind, key, what); }

 private:
  void say(Kind kind, const std::string& key, const std::string& what) {
    findings_.push_back({kind, "{" + std::to_string(shard_) + "}" + printable(key) + ": " + what});
  }
  [[nodiscard]] const std::map<std::string, std::string>& pairs_of(const std::string& key) const {
    static const std::map<std::string, std::string> none;
    const RedisValue* value = find(key);
    return value == nullptr ? none : value->pairs;
  }
  [[nodiscard]] std::string field(const std::string& key, const std::string& name) const {
    const auto& pairs = pairs_of(key);
    const auto found = pairs.find(name);
    return found == pairs.end() ? std::string() : found->second;
  }
  [[nodiscard]] long long counter(const std::string& name) const {
    const std::string text = field("m", name);
    return text.empty() ? 0 : std::stoll(text);
  }
  [[nodiscard]] const KeyJob* job(const std::string& id) const {
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
  }
  void read_job(const std::string& id, const RedisValue& value) {
    KeyJob job;
    if (value.type == "string" && job.read(value.text, id))
      jobs_.emplace(id, job);
    else
      wrong("j" + id, "no record");
  }
  /// When it ends, or from now on, those in its d<id> are released.
  [[nodiscard]] bool releases(const std::string& id) const {
    const KeyJob* const waited_for = job(id);
    const bool is_to_end = waited_for != nullptr && !waited_for->is_final();
    return (is_to_end && waited_for->has(KeyJob::has_dependents)) || pairs_of("k").contains(id);
  }

  void check_counters() {
    if (keys_.size() == 1 && find("i") != nullptr) return;  // notes need none
    if (!jobs_.empty() && field("m", "v") != "3") wrong("m", "layout " + field("m", "v"));
  }

  // --- each key by itself: its type, and whose it is ---

  void check_key(const std::string& key, const RedisValue& value) {
    static const std::map<char, std::string> types{
        {'m', "hash"}, {'j', "string"}, {'b', "string"}, {'s', "string"}, {'x', "hash"},   {'d', "zset"},
        {'k', "zset"}, {'r', "zset"},   {'u', "zset"},   {'f', "zset"},   {'g', "zset"},   {'Q', "hash"},
        {'c', "hash"}, {'n', "hash"},   {'e', "hash"},   {'y', "list"},   {'l', "zset"},   {'z', "zset"},
        {'E', "zset"}, {'h', ""},       {'T', "zset"},   {'O', "zset"},   {'o', "string"}, {'w', "hash"},
        {'W', "hash"}, {'A', "zset"},   {'a', "zset"},   {'D', "zset"},   {'i', "hash"},   {'F', "set"},
        {'X', "zset"}, {'U', "zset"},   {'V', "hash"},   {'q', "hash"},   {'R', "string"}, {'K', "zset"},
        {'N', "zset"}, {'G', "string"}};
    const auto known = types.find(key[0]);
    if (known == types.end()) return left(key, "no key of the layout");
    const std::string& type = key[0] == 'h' ? (key == "h" ? "zset" : "list") : known->second;
    if (value.type != type) return wrong(key, "a " + value.type);
    const std::string of = key.substr(1);
    static const std::map<char, unsigned> flags{{'b', KeyJob::long_payload},
                                                {'s', KeyJob::long_result},
                                                {'x', KeyJob::has_extras},
                                                {'F', KeyJob::waits_far}};
    const auto flag = flags.find(key[0]);
    if (flag != flags.end() && (job(of) == nullptr || !job(of)->has(flag->second)))
      left(key, "its job does not know of it");
    if (key[0] == 'd' && !releases(of)) left(key, "nobody will release these");
    if (key[0] == 'h' && key != "h" && !pairs_of("h").contains(of)) wrong(key, "nobody will forget these");
    if (key[0] == 'o' && !pairs_of("O").contains(of)) left(key, "no page of the list");
    if (std::string("fgne").find(key[0]) != std::string::npos && find("c" + of) == nullptr)
      left(key, "its queue is not there");
  }

  // --- each job by itself ---
  void check_job(const std::string& id, const KeyJob& job) {
    const std::string key = "j" + id;
    if (job.order > counter("o")) wrong(key, "newer than the newest");
    if (std::max(job.token, job.settled) > counter("t")) wrong(key, "a token that was not given yet");
    if (field("c" + std::to_string(job.queue), "N").empty()) wrong(key, "its queue has no name");
    if (field("e" + std::to_string(job.queue), std::to_string(job.name)).empty())
      wrong(key, "its handler has no name");
    check_part(id, job, KeyJob::long_payload, "b", job.payload);
    check_part(id, job, KeyJob::long_result, "s", job.result);
    if (job.has(KeyJob::has_extras) && find("x" + id) == nullptr) wrong(key, "where is its x?");
    for (const std::string& problem : problems_of_attempts(pairs_of("x" + id))) wrong("x" + id, problem);
    if (job.state == KeyJob::blocked) check_blocked(id, job);
    if (job.state == KeyJob::leased) check_leased(id, job);
    const std::string until = field("T", id);
    if (!until.empty() && std::stod(until) > static_cast<double>(counter("c") - counter("s")))
      left(key, "its id is one of a job that was forgotten");
  }
  void check_part(const std::string& id, const KeyJob& job, unsigned flag, const std::string& family,
                  std::size_t bytes) {
    if (!job.has(flag)) return;
    const RedisValue* part = find(family + id);
    if (part == nullptr || part->text.size() != bytes) wrong(family + id, "not what its job says");
  }
  void check_blocked(const std::string& id, const KeyJob& job) {
    const auto found = awaited_.find(id);
    const unsigned here = found == awaited_.end() ? 0 : found->second;
    const unsigned awaits =
        here + (job.has(KeyJob::preparing) ? 1 : 0) + (job.has(KeyJob::waits_far) ? 1 : 0);
    const std::string text =
        "waits for " + std::to_string(job.waits_for) + ", and " + std::to_string(awaits) + " will tell it";
    if (job.waits_for == 0 || job.waits_for > awaits) wrong("j" + id, text);
    if (job.waits_for < awaits) left("j" + id, text);
  }
  void check_leased(const std::string& id, const KeyJob& job) {
    if (field("w" + job.owner, "seq").empty()) left("j" + id, "who has leased it is not there");
    if (job.token == 0 || !tokens_.insert(job.token).second) wrong("j" + id, "its token is not its own");
    if (job.attempt == 0) wrong("j" + id, "leased, and no attempt");
  }

  // --- where jobs stand, and where they should ---

  using Places = std::set<std::string>;
  static constexpr const char* to_forget = "a list to forget";
  static Places places_of(const KeyJob& job) {
    Places places;
    const std::string stream = std::to_string(job.queue) + "." + std::to_string(job.name);
    const std::string in_z = "z at ";
    if (job.has_index()) places.insert("E" + std::to_string(job.state) + " at " + std::to_string(job.order));
    if (job.state == KeyJob::scheduled)
      places.insert(in_z + number(job.may_expire() ? std::min(job.run_at, job.expires) : job.run_at));
    if (job.state == KeyJob::ready) {
      places.insert((job.is_suspect() ? "u" : "r") + stream + " at level " +
                    std::to_string(1000 - job.priority));
      if (job.may_expire()) places.insert(in_z + number(job.expires));
    }
    if (job.state == KeyJob::leased) places.insert("l");
    if (job.is_final()) places.insert(to_forget);
    return places;
  }
  /// Such lists count without the steps that the clock made until the job ended.
  [[nodiscard]] bool is_list_of(const KeyJob& job, long long time) const {
    const long long before = static_cast<long long>(job.finished_at + job.ttl) - time;
    return job.is_final() && before >= 0 && before <= counter("s");
  }
  void check_places() {
    std::map<std::string, Places> stand;
    for (const auto& [key, value] : keys_) {
      for (const auto& [id, score] : value.pairs) {
        if (key[0] == 'E' || key == "z") stand[id].insert(key + " at " + score);
        if (key == "l") stand[id].insert(key);
        if (key[0] == 'r' || key[0] == 'u')
          stand[id].insert(key + " at level " + number(std::floor(std::stod(score) / level)));
      }
      // Whoever was in such a list once stays there, and is looked at when its time has come.
      if (key[0] == 'h' && key != "h")
        for (const std::string& id : value.items)
          if (job(id) != nullptr && is_list_of(*job(id), std::stoll(key.substr(1))))
            stand[id].insert(to_forget);
    }
    for (const auto& [id, one] : jobs_)
      for (const std::string& place : places_of(one))
        if (!stand[id].contains(place))
          wrong("j" + id, one.state_name() + ", and does not stand in " + place);
    for (const auto& [id, places] : stand)
      for (const std::string& place : places)
        if (job(id) == nullptr)
          left("j" + id, "no job, and stands in " + place);
        else if (!places_of(*job(id)).contains(place))
          left("j" + id, job(id)->state_name() + ", and stands in " + place);
  }

  // --- indexes of streams, of lists to forget ---

  void check_indexes() {
    for (const auto& [key, value] : keys_) {
      if ((key[0] == 'r' || key[0] == 'u') && !value.pairs.empty()) check_front(key, value);
      if (key[0] == 'f' || key[0] == 'g')
        for (const auto& [stream, score] : value.pairs)
          if (find((key[0] == 'f' ? "r" : "u") + stream) == nullptr) left(key, "an empty stream: " + stream);
      if (key[0] == 'd' && !pairs_of("k").contains(key.substr(1)) && job(key.substr(1)) == nullptr)
        left(key, "of a job that is not there");
    }
  }
  void check_front(const std::string& key, const RedisValue& stream) {
    double front = INFINITY;
    for (const auto& [id, score] : stream.pairs) {
      front = std::min(front, std::stod(score));
      if (std::fmod(std::stod(score), level) > static_cast<double>(counter("p")))
        wrong(key, "a place that was not given yet");
    }
    const std::string name = key.substr(1);
    const std::string index = (key[0] == 'r' ? "f" : "g") + name.substr(0, name.find('.'));
    const std::string score = field(index, name);
    const bool holds_jobs = std::any_of(stream.pairs.begin(), stream.pairs.end(), [this](const auto& each) {
      return job(each.first) != nullptr && job(each.first)->state == KeyJob::ready;
    });
    if (score.empty()) say(holds_jobs ? Kind::wrong : Kind::left_behind, key, index + " does not list it");
    if (!score.empty() && std::stod(score) != front) left(index, "not the front of " + name);
  }

  // --- queues: their numbers, names and counts ---

  void check_queues() {
    std::map<std::pair<unsigned, int>, long long> counts;
    for (const auto& [id, one] : jobs_) ++counts[{one.queue, one.state}];
    std::set<std::string> numbers;
    for (const auto& [name, number] : pairs_of("Q")) {
      if (!numbers.insert(number).second) wrong("Q", "two queues are number " + number);
      if (field("c" + number, "N") != name) wrong("c" + number, "not the name of queue " + name);
    }
    for (const auto& [key, value] : keys_) {
      if (key[0] == 'c') check_counts(key, value, counts, numbers.contains(key.substr(1)));
      if (key[0] == 'n')
        for (const auto& [name, number] : value.pairs)
          if (field("e" + key.substr(1), number) != name) wrong(key, "not the number of handler " + name);
      if (key[0] == 'e' && value.pairs.size() != pairs_of("n" + key.substr(1)).size())
        left(key, "a handler without a number");
    }
    for (const auto& [which, jobs] : counts)
      if (jobs > 0)
        wrong("c" + std::to_string(which.first), "counts too few in " + std::to_string(which.second));
    const RedisValue* free = find("y");
    for (const std::string& number : free == nullptr ? std::vector<std::string>() : free->items)
      if (!numbers.insert(number).second) wrong("y", "number " + number + " is not free");
    if (static_cast<long long>(numbers.size()) != counter("q"))
      left("m", "numbers of queues that nobody has");
  }
  /// Takes from `counts` what it finds.
  void check_counts(const std::string& key, const RedisValue& value,
                    std::map<std::pair<unsigned, int>, long long>& counts, bool has_number) {
    if (!has_number) left(key, "no queue's");
    if (value.pairs.size() == 1) left(key, "a queue without jobs");
    for (const auto& [state, jobs] : value.pairs) {
      if (state == "N") continue;
      long long& there = counts[{static_cast<unsigned>(std::stoul(key.substr(1))), std::stoi(state)}];
      const long long more = std::stoll(jobs) - there;
      if (more > 0) left(key, "counts " + std::to_string(more) + " too many in " + state);
      there = std::max(0LL, -more);
    }
  }

  // --- the list of all ---
  void check_list() {
    std::map<std::string, unsigned> in_pieces;
    for (const auto& [id, one] : jobs_) {
      const std::string piece = std::to_string(one.order / piece_size);
      ++in_pieces[piece];
      const RedisValue* page = find("o" + piece);
      const std::size_t at = 2 + 16 * (static_cast<std::size_t>(one.order) % piece_size);
      if (page == nullptr || page->text.size() < at + 16 || page->text.substr(at, 16) != id)
        wrong("o" + piece, "job " + printable(id) + " is not in the list of all");
    }
    for (const auto& [piece, score] : pairs_of("O")) {
      const RedisValue* page = find("o" + piece);
      if (page == nullptr || page->text.size() < 2) {
        left("O", "no page " + piece);
        continue;
      }
      const long counted =
          static_cast<unsigned char>(page->text[0]) + 256L * static_cast<unsigned char>(page->text[1]);
      const long there = static_cast<long>(in_pieces[piece]);
      if (counted < there) wrong("o" + piece, "counts too few");
      if (counted > there) left("o" + piece, "counts too many");
    }
  }

  // --- workers ---
  void check_workers() {
    for (const auto& [incarnation, until] : pairs_of("A"))
      if (field("w" + incarnation, "z") != "1")
        left("A", "sleeps, and does not know it: " + printable(incarnation));
    const auto same = [this](const std::string& one, const std::string& other) {
      for (const auto& [incarnation, value] : pairs_of(one))
        if (!pairs_of(other).contains(incarnation)) wrong(other, "lacks " + printable(incarnation));
    };
    same("U", "V");
    same("V", "U");
    same("K", "N");
    same("N", "K");
  }

  const unsigned shard_;
  const Values& keys_;
  std::vector<KeyFinding>& findings_;
  std::map<std::string, KeyJob> jobs_;
  std::map<std::string, unsigned> awaited_;  // id -> by how many of this shard
  std::set<long long> tokens_;
};

/// Jobs that wait for others in other shards: each is told by these, or by a letter that is on its way.
class FarWalk {
 public:
  explicit FarWalk(std::map<unsigned, ShardWalk>& shards) : shards_(shards) {}
  void walk() {
    for (auto& [number, home] : shards_)
      for (const auto& [id, job] : home.jobs())
        if (job.state == KeyJob::blocked && job.has(KeyJob::waits_far)) check(id, number, home);
  }

 private:
  void check(const std::string& id, unsigned number, ShardWalk& home) const {
    const RedisValue* const others = home.find("F" + id);
    if (others == nullptr) {
      if (has_letter("", id))
        home.left("j" + id, "where is its F?");
      else
        home.wrong("j" + id, "where is its F?");
      return;
    }
    for (const std::string& other : others->items)
      if (!is_awaited(other, id + two_bytes(number)) && !has_letter(other, id))
        home.wrong("F" + id, "nobody will tell it of " + printable(other));
  }
  [[nodiscard]] bool is_awaited(const std::string& other, const std::string& member) const {
    return std::any_of(shards_.begin(), shards_.end(),
                       [&](const auto& shard) { return shard.second.is_awaited(other, member); });
  }
  /// Of the two, to register the one or to tell of the other's end; `other` may be any.
  [[nodiscard]] bool has_letter(const std::string& other, const std::string& id) const {
    for (const auto& [number, shard] : shards_) {
      const RedisValue* const letters = shard.find("X");
      if (letters == nullptr) continue;
      for (const auto& [letter, when] : letters->pairs)
        if (letter.compare(1, 16, id) == 0 && (other.empty() || letter.compare(19, 16, other) == 0))
          return true;
    }
    return false;
  }
  static std::string two_bytes(unsigned value) {
    return {static_cast<char>(value & 255U), static_cast<char>(value >> 8U)};
  }

  std::map<unsigned, ShardWalk>& shards_;
};

}  // namespace

std::vector<KeyFinding> walk_keys(const RedisKeys& keys) {
  std::vector<KeyFinding> findings;
  std::map<unsigned, ShardWalk> shards;
  std::map<std::string, unsigned> homes;
  for (const auto& [shard, values] : keys) shards.try_emplace(shard, shard, values, findings);
  for (auto& [shard, walk] : shards) {
    walk.walk();
    for (const auto& [id, job] : walk.jobs())
      if (!homes.emplace(id, shard).second) walk.wrong("j" + id, "in another shard, too");
  }
  FarWalk(shards).walk();
  return findings;
}

}  // namespace broker_suite
