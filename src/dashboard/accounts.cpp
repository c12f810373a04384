#include "src/dashboard/accounts.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

namespace coterie::dashboard {
namespace {

constexpr std::size_t hash_bytes = 32;
constexpr std::size_t least_password = 8;

std::string hex(std::string_view bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::optional<std::string> unhex(std::string_view text) {
  std::string escaped;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) escaped.append("%").append(text.substr(i, 2));
  std::string bytes;
  if (text.size() % 2 != 0 || !http::percent_decode(escaped, false, bytes)) return std::nullopt;
  return bytes;
}

std::string random_bytes(int count) {
  std::array<unsigned char, 64> bytes{};
  if (RAND_bytes(bytes.data(), count) != 1) throw std::runtime_error("the system gives no random numbers");
  return std::string(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(count));
}

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL has no SHA-256");
  return std::string(reinterpret_cast<const char*>(digest.data()), size);
}

/// The parameters that its authors gave for logins, with 16 MiB.
std::string scrypt(std::string_view password, std::string_view salt) {
  std::string hash(hash_bytes, '\0');
  if (EVP_PBE_scrypt(password.data(), password.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                     salt.size(), 16384, 8, 1, std::uint64_t{64} << 20,
                     reinterpret_cast<unsigned char*>(hash.data()), hash.size()) != 1)
    throw std::runtime_error("OpenSSL cannot hash a password with scrypt");
  return hash;
}

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void check_name(const std::string& name) {
  const bool fine = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '@';
  });
  if (!fine) throw BadOptions("'" + name + "': a name has 1 to 64 letters, digits, or - _ . @");
}

std::string line_of(const std::string& name, Role role, const std::string& secret) {
  check_name(name);
  return name + " " + std::string(to_string(role)) + " " + secret;
}

}  // namespace

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::viewer:
      return "viewer";
    case Role::operator_:
      return "operator";
    case Role::admin:
      break;
  }
  return "admin";
}

std::optional<Role> parse_role(std::string_view text) noexcept {
  for (const Role role : {Role::viewer, Role::operator_, Role::admin})
    if (to_string(role) == text) return role;
  return std::nullopt;
}

NewToken make_token(const std::string& name, Role role) {
  NewToken made;
  made.token = "coterie_" + hex(random_bytes(32));
  made.line = line_of(name, role, "sha256:" + hex(sha256(made.token)));
  return made;
}

std::string make_account(const std::string& name, Role role, const std::string& password) {
  if (password.size() < least_password) throw BadOptions("a password has at least 8 bytes");
  const std::string salt = random_bytes(16);
  return line_of(name, role, "scrypt:" + hex(salt) + ":" + hex(scrypt(password, salt)));
}

Accounts Accounts::read(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0)
    throw BadOptions("the file of accounts '" + path +
                     "' is not there: `coterie dashboard --new-account NAME=admin` prints a line for it");
  if ((info.st_mode & (S_IRWXG | S_IRWXO) & ~S_IRGRP) != 0)
    throw BadOptions("others than its owner may read or write '" + path + "': chmod 600 it");
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) throw BadOptions("the file of accounts '" + path + "' cannot be read, or is empty");
  return parse(text.str());
}

Accounts Accounts::parse(std::string_view text) {
  Accounts accounts;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::string name;
    std::string role_name;
    std::string secret;
    if (!(words >> name) || name.starts_with('#')) continue;
    words >> role_name >> secret;
    const std::string where = "line " + std::to_string(number) + " of the accounts: ";
    const std::optional<Role> role = parse_role(role_name);
    if (!role)
      throw BadOptions(
          std::string(where).append("'").append(role_name).append("' is no role: viewer, operator or admin"));
    Account account;
    account.caller = Caller(name, *role);
    account.token = secret.starts_with("sha256:");
    const std::size_t colon = secret.rfind(':');
    const std::optional<std::string> hash = unhex(secret.substr(std::min(colon + 1, secret.size())));
    std::optional<std::string> salt{std::string()};
    if (!account.token)
      salt = secret.starts_with("scrypt:") && colon > 7 ? unhex(secret.substr(7, colon - 7)) : std::nullopt;
    if (!hash || !salt || hash->size() != hash_bytes)
      throw BadOptions(where +
                       "the third word is sha256:HASH or scrypt:SALT:HASH; `coterie dashboard --help` says "
                       "how to make one");
    account.hash = *hash;
    account.salt = *salt;
    accounts.accounts_.push_back(std::move(account));
  }
  if (accounts.accounts_.empty()) throw BadOptions("the file of accounts has none: nobody could look");
  return accounts;
}

std::optional<Caller> Accounts::by_token(std::string_view token) const {
  const std::string hash = sha256(token);
  std::optional<Caller> found;
  for (const Account& account : accounts_)
    if (account.token && equal(account.hash, hash)) found = account.caller;
  return found;
}

std::optional<Caller> Accounts::by_password(const std::string& name, const std::string& password) const {
  const Account* account = nullptr;
  for (const Account& each : accounts_)
    if (!each.token && each.caller.name == name) account = &each;
  const std::string hash = scrypt(password, account == nullptr ? "nobody" : account->salt);
  if (account == nullptr || !equal(account->hash, hash)) return std::nullopt;
  return account->caller;
}

std::string Sessions::open(const Caller& caller, TimePoint now) {
  std::erase_if(sessions_, [now](const auto& entry) { return entry.second.until <= now; });
  make_room_for(caller.name);
  if (sessions_.size() >= most)
    throw ApiError(ErrorCode::too_many_sessions, "1,000 people are logged in; try again later");
  std::string cookie = hex(random_bytes(32));
  sessions_.emplace(sha256(cookie), Session{caller, now + lifetime});
  return cookie;
}

void Sessions::make_room_for(const std::string& name) {
  std::size_t count = 0;
  auto oldest = sessions_.end();
  for (auto each = sessions_.begin(); each != sessions_.end(); ++each) {
    if (each->second.caller.name != name) continue;
    ++count;
    if (oldest == sessions_.end() || each->second.until < oldest->second.until) oldest = each;
  }
  if (count >= most_of_one) sessions_.erase(oldest);
}

std::optional<Caller> Sessions::find(std::string_view cookie, TimePoint now) const {
  if (cookie.empty()) return std::nullopt;
  const auto found = sessions_.find(sha256(cookie));
  if (found == sessions_.end() || found->second.until <= now) return std::nullopt;
  return found->second.caller;
}

void Sessions::close(std::string_view cookie) {
  sessions_.erase(sha256(cookie));
}

void LoginLimit::forget_before(TimePoint when) {
  std::erase_if(failures_, [when](const auto& failure) { return failure.first < when; });
}

bool LoginLimit::allows(const std::string& peer, TimePoint now) {
  forget_before(now - std::chrono::minutes(1));
  const auto of_peer = std::count_if(failures_.begin(), failures_.end(),
                                     [&](const auto& failure) { return failure.second == peer; });
  return failures_.size() < in_all && static_cast<std::size_t>(of_peer) < per_peer;
}

void LoginLimit::failed(const std::string& peer, TimePoint now) {
  failures_.emplace_back(now, peer);
}

void LoginLimit::forgive(const std::string& peer) {
  const auto newest = std::find_if(failures_.rbegin(), failures_.rend(),
                                   [&peer](const auto& failure) { return failure.second == peer; });
  if (newest != failures_.rend()) failures_.erase(std::prev(newest.base()));
}

}  // namespace coterie::dashboard
