#pragma once
#include <bitset>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coterie::queue {

/// What stands where something is not for eyes.
inline constexpr std::string_view redacted = "[redacted]";

/// The values of a job's hidden fields: what a text about that job must not repeat.
class Secrets {
 public:
  /// Shorter ones are left in texts: taken out they would make holes in everything, and tell little.
  static constexpr std::size_t least_bytes = 4;
  /// Of more, a text is hidden as a whole.
  static constexpr std::size_t most = 100;

  void add(std::string value);
  [[nodiscard]] bool empty() const noexcept { return values_.empty() && !too_many_; }
  /// `text` with each of them replaced.
  [[nodiscard]] std::string scrub(std::string_view text) const;
  /// The same within the strings of JSON, but its names: it stays JSON.
  [[nodiscard]] std::string scrub_json(std::string_view json) const;

 private:
  std::vector<std::string> values_;  // the longest first, none twice
  bool too_many_ = false;
};

/// Which fields of a job are not for eyes: members of its arguments and of its result, however deep they
/// stand, and headers, by name. `api_key`, `apiKey` and `API-Key` are one name. The queue itself stores and
/// delivers all as it was enqueued; this is for what is shown.
class Redaction {
 public:
  /// Hides the usual ones, see usual_names().
  Redaction();
  /// Hides nothing.
  [[nodiscard]] static Redaction none();
  /// password, token, secret and their like.
  [[nodiscard]] static const std::vector<std::string>& usual_names();

  /// Of all jobs. "*": all fields. BadRequest for a name that is empty or longer than 255 bytes.
  Redaction& hide(std::string_view field);
  /// Of one handler's jobs.
  Redaction& hide(const std::string& handler, std::string_view field);
  void merge(const Redaction& other);

  [[nodiscard]] bool hides(std::string_view handler, std::string_view field) const;
  /// Of the jobs of any handler.
  [[nodiscard]] bool hides_anywhere(std::string_view field) const;

  /// Arguments or a result with the hidden fields' values replaced, and all else to the letter. Text that is
  /// no JSON is replaced as a whole where it has the name of a hidden field.
  [[nodiscard]] std::string apply(std::string_view handler, std::string_view json) const;
  /// The values that apply() hides. Costs one pass over the text.
  [[nodiscard]] Secrets secrets(std::string_view handler, std::string_view json) const;

  /// All names but the usual ones, for whoever shows jobs of this broker: JSON, handler → names, "" for all.
  [[nodiscard]] std::string declaration() const;
  /// Adds those of a declaration; what cannot be read adds nothing.
  void add_declaration(std::string_view json);
  [[nodiscard]] bool declares_anything() const noexcept;

 private:
  using Names = std::set<std::string, std::less<>>;  // as plain() has them
  class Rules;
  void add(Names& names, std::string name);
  Names usual_;
  Names all_;
  std::map<std::string, Names, std::less<>> by_handler_;
  std::bitset<256> marks_;  // where a name of any of them falls: most fields are told apart by a look at it
};

}  // namespace coterie::queue
