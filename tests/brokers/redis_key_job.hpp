#pragma once
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace broker_suite {

/// A key's or an id's bytes as text, those that are none in hex.
inline std::string printable(const std::string& bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  const bool has_id = bytes.size() >= 16;
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_hex = (has_id && !text.empty()) || byte < 0x20 || byte > 0x7e;
    if (is_hex)
      text += {digits[byte / 16], digits[byte % 16]};
    else
      text += c;
  }
  return text;
}

/// The header of a job's record, read by hand: see HEADER in scripts/constants.lua.
struct KeyJob {
  enum State { blocked, scheduled, ready, throttled, leased, done, dead, cancelled, expired };
  enum Flag : unsigned {
    has_extras = 16,
    long_payload = 64,
    long_result = 128,
    preparing = 256,
    has_dependents = 512,
    waits_far = 2048
  };
  static constexpr std::size_t bytes = 113;

  int state = 0;
  unsigned flags = 0;
  long long settled = 0, token = 0, order = 0;
  double finished_at = 0, run_at = 0, expires = 0, ttl = 0;
  std::size_t result = 0, payload = 0;
  unsigned attempt = 0, crashes = 0, waits_for = 0, queue = 0, name = 0, max_crashes = 0;
  int priority = 0;
  std::string owner;

  [[nodiscard]] bool has(unsigned flag) const { return (flags & flag) != 0; }
  [[nodiscard]] bool is_final() const { return state >= done; }
  /// Few jobs are in such a state, so they are listed.
  [[nodiscard]] bool has_index() const { return state == blocked || state > done; }
  /// It crashed twice, and runs alone from now on.
  [[nodiscard]] bool is_suspect() const { return max_crashes > 0 && crashes >= 2; }
  [[nodiscard]] bool may_expire() const { return expires != 0 && attempt == 0 && crashes == 0; }
  [[nodiscard]] std::string state_name() const {
    static constexpr std::array names{"blocked", "scheduled", "ready",     "throttled", "leased",
                                      "done",    "dead",      "cancelled", "expired"};
    return names.at(static_cast<std::size_t>(state));
  }

  /// False where that is no record of a job `id`.
  bool read(std::string_view record, const std::string& id) {
    if (record.size() <= bytes || id.size() != 16 || record[0] != 3) return false;
    state = static_cast<int>(little(record, 1, 1));
    flags = static_cast<unsigned>(little(record, 2, 2));
    settled = big(record, 4);
    finished_at = static_cast<double>(little(record, 10, 6));
    result = static_cast<std::size_t>(little(record, 16, 4));
    attempt = static_cast<unsigned>(little(record, 20, 3));
    owner = record.substr(29, 16);
    token = big(record, 45);
    crashes = static_cast<unsigned>(little(record, 51, 3));
    waits_for = static_cast<unsigned>(little(record, 57, 3));
    order = little(record, 60, 6);
    run_at = static_cast<double>(little(record, 72, 6));
    expires = static_cast<double>(little(record, 78, 6));
    queue = static_cast<unsigned>(little(record, 84, 3));
    name = static_cast<unsigned>(little(record, 87, 3));
    ttl = static_cast<double>(little(record, 90, 6));
    priority = static_cast<short>(little(record, 96, 2));
    max_crashes = static_cast<unsigned>(little(record, 107, 2));
    payload = static_cast<std::size_t>(little(record, 109, 4));
    const std::size_t behind = (has(long_payload) ? 0 : payload) + (has(long_result) ? 0 : result) + 1;
    return state <= expired && state != throttled && record.size() == bytes + behind &&
           record.back() == id.back();
  }

 private:
  static long long little(std::string_view record, std::size_t at, std::size_t size) {
    long long value = 0;
    for (std::size_t i = size; i > 0; --i)
      value = value * 256 + static_cast<unsigned char>(record[at + i - 1]);
    return value;
  }
  static long long big(std::string_view record, std::size_t at) {
    long long value = 0;
    for (std::size_t i = 0; i < 6; ++i) value = value * 256 + static_cast<unsigned char>(record[at + i]);
    return value;
  }
};

/// Of the fields of a job's x: `a` counts the attempts that did not succeed, and of these the newest ten
/// stand in a0 to a9.
inline std::vector<std::string> problems_of_attempts(const std::map<std::string, std::string>& fields) {
  const auto count = fields.find("a");
  const long long kept = count == fields.end() ? 0 : std::stoll(count->second);
  std::vector<std::string> problems;
  for (int place = 0; place < 10; ++place) {
    const std::string name = "a" + std::to_string(place);
    if (fields.contains(name) != (place < kept))
      problems.push_back(name + " of " + std::to_string(kept) + " attempts");
  }
  if (kept > 0 && !fields.contains("e")) problems.emplace_back("attempts, and no error");
  return problems;
}

}  // namespace broker_suite
