// Hiding fields without building a document: what is shown must stay the text that was enqueued, and a worker
// looks at each job that it runs.
#include "coterie/queue/redaction.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "coterie/queue/errors.hpp"
#include "coterie/queue/json.hpp"
#include "src/queue/redaction.hpp"

namespace coterie::queue {
namespace {

namespace json = boost::json;

constexpr std::size_t name_bytes = 255;

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// A field's name as it is compared.
std::string plain(std::string_view name) {
  std::string text;
  text.reserve(name.size());
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ') text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

/// A worker asks of each member of each job: few others share a name's ends and length.
std::size_t mark_of(std::string_view plain_name) noexcept {
  if (plain_name.empty()) return 0;
  const auto first = static_cast<unsigned char>(plain_name.front());
  const auto last = static_cast<unsigned char>(plain_name.back());
  return (first * 31U + last * 7U + plain_name.size()) % 256;
}

/// Behind the string that begins at `at` with its quotation mark; the text's end where it is not closed.
std::size_t end_of_string(std::string_view text, std::size_t at) noexcept {
  // From mark to mark: a worker goes through each job. An odd run of backslashes escapes one.
  for (std::size_t mark = text.find('"', at + 1); mark != std::string_view::npos;
       mark = text.find('"', mark + 1)) {
    std::size_t backslashes = 0;
    while (text[mark - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return mark + 1;
  }
  return text.size();
}

std::size_t end_of_value(std::string_view text, std::size_t at) noexcept {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
    } else if (c == '{' || c == '[') {
      ++depth, ++at;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth, ++at;
    } else if (depth == 0 && (c == ',' || is_blank(c))) {
      return at;
    } else {
      ++at;
      if (depth == 0)
        while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' &&
               !is_blank(text[at]))
          ++at;
    }
    if (depth == 0) return at;
  }
  return text.size();
}

/// What a string's token, with its quotation marks, says. Itself where that is no JSON.
std::string said_by(std::string_view token) {
  boost::system::error_code broken;
  const json::value value = json::parse(json::string_view(token.data(), token.size()), broken);
  if (broken || !value.is_string()) return std::string(token);
  return std::string(value.get_string());
}

bool is_json(std::string_view text) {
  try {
    const detail::JsonDocument document(text);
    return true;
  } catch (const JsonError&) {
    return false;
  }
}

/// Calls name(token) for each member's name, and where that is true value(begin, end) for its value, which
/// is then passed over; string(begin, end) for each other string.
template <class Name, class Value, class String>
void walk(std::string_view text, Name name, Value value, String string) {
  for (std::size_t at = text.find('"'); at < text.size(); at = text.find('"', at)) {
    const std::size_t end = end_of_string(text, at);
    std::size_t next = end;
    while (next < text.size() && is_blank(text[next])) ++next;
    if (next == text.size() || text[next] != ':') {
      string(at, end);
      at = end;
      continue;
    }
    const bool chosen = name(text.substr(at, end - at));
    at = next + 1;
    if (!chosen) continue;
    while (at < text.size() && is_blank(text[at])) ++at;
    const std::size_t behind = end_of_value(text, at);
    value(at, behind);
    at = behind;
  }
}

/// Strings, without their marks, and numbers of a hidden value.
void collect(std::string_view value, Secrets& secrets) {
  for (std::size_t at = 0; at < value.size();) {
    const char c = value[at];
    if (c == '"') {
      const std::size_t end = end_of_string(value, at);
      const std::string_view token = value.substr(at, end - at);
      if (token.size() >= 2) secrets.add(std::string(token.substr(1, token.size() - 2)));
      if (token.find('\\') != std::string_view::npos) secrets.add(said_by(token));
      at = end;
    } else if ((c >= '0' && c <= '9') || c == '-') {
      const std::size_t end = std::min(value.find_first_not_of("0123456789+-.eE", at), value.size());
      secrets.add(std::string(value.substr(at, end - at)));
      at = end;
    } else {
      ++at;
    }
  }
}

}  // namespace

void Secrets::add(std::string value) {
  if (value.size() < least_bytes) return;
  if (std::find(values_.begin(), values_.end(), value) != values_.end()) return;
  if (values_.size() >= most) {
    too_many_ = true;
    return;
  }
  const auto shorter = std::find_if(values_.begin(), values_.end(),
                                    [&](const std::string& other) { return other.size() < value.size(); });
  values_.insert(shorter, std::move(value));
}

std::string Secrets::scrub(std::string_view text) const {
  if (too_many_ && !text.empty()) return std::string(redacted);
  std::string out(text);
  for (const std::string& value : values_)
    for (std::size_t at = out.find(value); at != std::string::npos;
         at = out.find(value, at + redacted.size()))
      out.replace(at, value.size(), redacted);
  return out;
}

std::string Secrets::scrub_json(std::string_view json) const {
  if (empty()) return std::string(json);
  std::string out;
  std::size_t written = 0;
  walk(
      json, [](std::string_view) { return false; }, [](std::size_t, std::size_t) {},
      [&](std::size_t begin, std::size_t end) {
        if (end - begin < 2) return;
        out.append(json.substr(written, begin + 1 - written));
        out += scrub(json.substr(begin + 1, end - begin - 2));
        written = end - 1;
      });
  out.append(json.substr(written));
  return out;
}

/// What holds for the jobs of one handler.
class Redaction::Rules {
 public:
  Rules(const Redaction& all, std::string_view handler) : all_(all) {
    const auto own = all.by_handler_.find(handler);
    if (own != all.by_handler_.end()) own_ = &own->second;
  }
  [[nodiscard]] bool hides(std::string_view name) const {
    if (!all_.marks_[mark_of(name)]) return false;
    return has(all_.usual_, name) || has(all_.all_, name) || (own_ != nullptr && has(*own_, name));
  }
  [[nodiscard]] bool hides_everything() const { return hides("*"); }
  /// `token`: a member's name with its quotation marks.
  [[nodiscard]] bool hides_token(std::string_view token) const {
    if (token.size() > 2 * name_bytes) return hides(plain(said_by(token)));
    if (token.find('\\') != std::string_view::npos) return hides(plain(said_by(token)));
    std::array<char, 2 * name_bytes> name;  // no allocation: a worker asks this of each member
    std::size_t size = 0;
    for (const char c : token)
      if (c != '_' && c != '-' && c != ' ' && c != '"')
        name[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return hides(std::string_view(name.data(), size));
  }
  [[nodiscard]] bool names_any(std::string_view text) const {
    const std::string bare = plain(text);
    const auto found = [&bare](const Names& names) {
      return std::any_of(names.begin(), names.end(),
                         [&](const std::string& name) { return bare.find(name) != std::string::npos; });
    };
    return found(all_.usual_) || found(all_.all_) || (own_ != nullptr && found(*own_));
  }

 private:
  static bool has(const Names& names, std::string_view name) { return names.find(name) != names.end(); }
  const Redaction& all_;
  const Names* own_ = nullptr;
};

const std::vector<std::string>& Redaction::usual_names() {
  static const std::vector<std::string> names{
      "password", "passwd",       "passphrase", "pwd",         "secret",        "client_secret",
      "token",    "access_token", "auth_token", "id_token",    "refresh_token", "session_token",
      "api_key",  "access_key",   "secret_key", "private_key", "authorization", "proxy_authorization",
      "cookie",   "set_cookie",   "credential", "credentials"};
  return names;
}

Redaction::Redaction() {
  for (const std::string& name : usual_names()) add(usual_, plain(name));
}

Redaction Redaction::none() {
  Redaction nothing;
  nothing.usual_.clear();
  nothing.marks_.reset();
  return nothing;
}

namespace {
std::string checked(std::string_view field) {
  std::string name = plain(field);
  if (name.empty() || field.size() > name_bytes)
    throw BadRequest("redact '" + std::string(field.substr(0, name_bytes)) +
                     "': the name of a field has 1 to 255 bytes; \"*\" is all of them");
  return name;
}
}  // namespace

Redaction& Redaction::hide(std::string_view field) {
  add(all_, checked(field));
  return *this;
}

Redaction& Redaction::hide(const std::string& handler, std::string_view field) {
  add(by_handler_[handler], checked(field));
  return *this;
}

void Redaction::merge(const Redaction& other) {
  usual_.insert(other.usual_.begin(), other.usual_.end());
  all_.insert(other.all_.begin(), other.all_.end());
  for (const auto& [handler, names] : other.by_handler_)
    by_handler_[handler].insert(names.begin(), names.end());
  marks_ |= other.marks_;
}

void Redaction::add(Names& names, std::string name) {
  marks_.set(mark_of(name));
  names.insert(std::move(name));
}

bool Redaction::hides(std::string_view handler, std::string_view field) const {
  const Rules rules(*this, handler);
  return rules.hides_everything() || rules.hides(plain(field));
}

bool Redaction::hides_anywhere(std::string_view field) const {
  if (hides("", field)) return true;
  const std::string name = plain(field);
  return std::any_of(by_handler_.begin(), by_handler_.end(),
                     [&](const auto& own) { return own.second.contains(name) || own.second.contains("*"); });
}

std::string Redaction::apply(std::string_view handler, std::string_view json) const {
  const Rules rules(*this, handler);
  const std::string hidden = "\"" + std::string(redacted) + "\"";
  if (json.empty()) return {};
  if (rules.hides_everything()) return hidden;
  if (!is_json(json)) return rules.names_any(json) ? hidden : std::string(json);
  std::string out;
  std::size_t written = 0;
  walk(
      json, [&rules](std::string_view token) { return rules.hides_token(token); },
      [&](std::size_t begin, std::size_t end) {
        out.append(json.substr(written, begin - written)).append(hidden);
        written = end;
      },
      [](std::size_t, std::size_t) {});
  out.append(json.substr(written));
  return out;
}

Secrets Redaction::secrets(std::string_view handler, std::string_view json) const {
  Secrets secrets;
  const Rules rules(*this, handler);
  if (rules.hides_everything()) {
    collect(json, secrets);
    return secrets;
  }
  walk(
      json, [&rules](std::string_view token) { return rules.hides_token(token); },
      [&](std::size_t begin, std::size_t end) { collect(json.substr(begin, end - begin), secrets); },
      [](std::size_t, std::size_t) {});
  return secrets;
}

bool Redaction::declares_anything() const noexcept {
  return !all_.empty() || !by_handler_.empty();
}

std::string Redaction::declaration() const {
  json::object object;
  const auto put = [&object](const std::string& handler, const Names& names) {
    json::array& list = object[handler].emplace_array();
    for (const std::string& name : names) list.emplace_back(name);
  };
  if (!all_.empty()) put("", all_);
  for (const auto& [handler, names] : by_handler_)
    if (!handler.empty()) put(handler, names);
  return json::serialize(object);
}

void Redaction::add_declaration(std::string_view text) {
  boost::system::error_code broken;
  const json::value document = json::parse(json::string_view(text.data(), text.size()), broken);
  if (broken || !document.is_object()) return;
  for (const auto& [key, list] : document.get_object()) {
    if (!list.is_array()) continue;
    const std::string handler(key.data(), key.size());
    for (const json::value& name : list.get_array()) {
      if (!name.is_string() || name.get_string().empty()) continue;
      Names& names = handler.empty() ? all_ : by_handler_[handler];
      add(names, plain(std::string_view(name.get_string().data(), name.get_string().size())));
    }
  }
}

}  // namespace coterie::queue
