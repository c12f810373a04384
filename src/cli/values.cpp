// What stands behind a flag, read exactly: every refusal names the flag, the value and what it should be.
#include <charconv>
#include <cmath>
#include <ctime>
#include <filesystem>

#include "src/cli/options.hpp"

namespace coterie::cli {
namespace {

using queue::Milliseconds;

[[noreturn]] void refuse(const std::string& what, const std::string& text, const std::string& cure) {
  throw UsageError(what + " '" + text + "': " + cure);
}

constexpr const char* duration_form =
    "give a time like 500ms, 5s, 2m, 1h30m or 1d; a number alone is seconds";
constexpr double longest_ms = 100.0 * 366 * 86'400'000;  // the brokers' own limit, a century

double unit_ms(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s" || unit.empty()) return 1000;
  if (unit == "m" || unit == "min") return 60'000;
  if (unit == "h") return 3'600'000;
  if (unit == "d") return 86'400'000;
  return 0;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// `digits` digits at `at`, which moves behind them; -1 where there are fewer.
int take_digits(std::string_view text, std::size_t& at, std::size_t digits) {
  int value = 0;
  for (std::size_t end = at + digits; at < end; ++at) {
    if (at >= text.size() || !is_digit(text[at])) return -1;
    value = value * 10 + (text[at] - '0');
  }
  return value;
}

bool take_char(std::string_view text, std::size_t& at, std::string_view any) {
  if (at >= text.size() || any.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

/// Minutes east of UTC; nothing where it is no offset.
std::optional<int> take_offset(std::string_view text, std::size_t& at) {
  if (take_char(text, at, "Zz")) return 0;
  const bool west = at < text.size() && text[at] == '-';
  if (!take_char(text, at, "+-")) return std::nullopt;
  const int hours = take_digits(text, at, 2);
  take_char(text, at, ":");
  const int minutes = take_digits(text, at, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  return (west ? -1 : 1) * (hours * 60 + minutes);
}

std::optional<queue::UnixMillis> read_rfc3339(std::string_view text) {
  std::tm parts{};
  std::size_t at = 0;
  const int year = take_digits(text, at, 4);
  if (year < 1970 || !take_char(text, at, "-")) return std::nullopt;
  const int month = take_digits(text, at, 2);
  if (month < 1 || month > 12 || !take_char(text, at, "-")) return std::nullopt;
  const int day = take_digits(text, at, 2);
  if (day < 1 || day > 31 || !take_char(text, at, "Tt ")) return std::nullopt;
  const int hour = take_digits(text, at, 2);
  if (hour < 0 || hour > 23 || !take_char(text, at, ":")) return std::nullopt;
  const int minute = take_digits(text, at, 2);
  if (minute < 0 || minute > 59) return std::nullopt;
  int second = 0;
  int millis = 0;
  if (take_char(text, at, ":")) {
    second = take_digits(text, at, 2);
    if (second < 0 || second > 60) return std::nullopt;
    if (take_char(text, at, ".")) {
      if (at >= text.size() || !is_digit(text[at])) return std::nullopt;
      for (int scale = 100; at < text.size() && is_digit(text[at]); ++at, scale /= 10)
        millis += scale * (text[at] - '0');
    }
  }
  const std::optional<int> offset = take_offset(text, at);
  if (!offset || at != text.size()) return std::nullopt;
  parts.tm_year = year - 1900, parts.tm_mon = month - 1, parts.tm_mday = day;
  parts.tm_hour = hour, parts.tm_min = minute, parts.tm_sec = second;
  const std::time_t utc = ::timegm(&parts);
  if (parts.tm_mday != day) return std::nullopt;  // February 30th
  return (static_cast<queue::UnixMillis>(utc) - *offset * 60) * 1000 + millis;
}

}  // namespace

std::string current_folder() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::current_path(error);
  if (error)
    throw UsageError("the current directory cannot be named (" + error.message() +
                     "), and commands run in it: go to one that is there");
  return folder.string();
}

Milliseconds parse_duration(const std::string& what, const std::string& text) {
  std::string_view left = text;
  if (!left.empty() && left.front() == '-') refuse(what, text, "a time is never negative");
  if (left.empty()) refuse(what, text, duration_form);
  double total = 0;
  bool first = true;
  while (!left.empty()) {
    double number = 0;
    const auto [stop, error] =
        std::from_chars(left.data(), left.data() + left.size(), number, std::chars_format::fixed);
    if (error != std::errc{} || !is_digit(left.front())) refuse(what, text, duration_form);
    left.remove_prefix(static_cast<std::size_t>(stop - left.data()));
    std::size_t letters = 0;
    while (letters < left.size() && !is_digit(left[letters])) ++letters;
    const double unit = unit_ms(left.substr(0, letters));
    const bool bare = letters == 0;  // fine as the whole, a slip as a part: 1m30
    if (unit == 0 || (bare && !first)) refuse(what, text, duration_form);
    first = false;
    left.remove_prefix(letters);
    total += number * unit;
  }
  if (!(total <= longest_ms)) refuse(what, text, "the longest is a hundred years");
  return Milliseconds(static_cast<std::int64_t>(std::ceil(total)));
}

queue::UnixMillis parse_time(const std::string& what, const std::string& text) {
  if (!text.empty() && text.front() == '@')
    return parse_number(what, text.substr(1), 1, 253'402'300'799) * 1000;
  const std::optional<queue::UnixMillis> time = read_rfc3339(text);
  if (!time) {
    refuse(what, text,
           "give a time like 2030-01-31T14:30:00Z, 2030-01-31T14:30:00+02:00 or @1893456000 (Unix seconds)");
  }
  return *time;
}

ListenAddress parse_address(const std::string& what, const std::string& text) {
  ListenAddress address;
  const auto refuse_it = [&] {
    refuse(what, text, "give ADDRESS:PORT, for instance 127.0.0.1:8420 or [::1]:8420");
  };
  const auto port_of = [](const std::string& digits) -> std::optional<std::uint16_t> {
    std::uint16_t port = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, port);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return port;
  };
  std::string host = text;
  if (text.find_first_not_of("0123456789") == std::string::npos) {
    address.port = port_of(text);
    if (!address.port) refuse_it();
    return address;
  }
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  if (colon != std::string::npos && (bracket == std::string::npos || bracket < colon)) {
    host = text.substr(0, colon);
    address.port = port_of(text.substr(colon + 1));
    if (!address.port) refuse_it();
  }
  if (host.size() > 2 && host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find_first_of("[]:") != std::string::npos)
    refuse_it();
  if (!host.empty()) address.host = host;
  return address;
}

std::int64_t parse_number(const std::string& what, const std::string& text, std::int64_t least,
                          std::int64_t most) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < least || value > most) {
    const std::string range = most == INT64_MAX
                                  ? "of " + std::to_string(least) + " or more"
                                  : "from " + std::to_string(least) + " to " + std::to_string(most);
    refuse(what, text, "give a whole number " + range);
  }
  return value;
}

queue::JobId parse_job_id(const std::string& text) {
  const std::optional<queue::Uuid> id = queue::parse_uuid(text);
  if (!id || id->is_nil())
    throw UsageError("'" + text +
                     "' is no job id: give a UUID as `coterie jobs` and `coterie enqueue` print it");
  return *id;
}

std::vector<queue::JobId> parse_job_ids(const std::vector<std::string>& texts) {
  std::vector<queue::JobId> ids;
  ids.reserve(texts.size());
  for (const std::string& text : texts) ids.push_back(parse_job_id(text));
  return ids;
}

queue::JobState parse_state(const std::string& text) {
  const std::optional<queue::JobState> state = queue::parse_job_state(text);
  if (state) return *state;
  std::string known;
  for (int i = 0; i < queue::job_state_count; ++i) {
    known.append(i == 0 ? "" : ", ").append(queue::to_string(static_cast<queue::JobState>(i)));
  }
  throw UsageError("--state '" + text + "': a job is " + known);
}

}  // namespace coterie::cli
