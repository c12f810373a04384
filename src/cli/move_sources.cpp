#include "src/cli/move_sources.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "coterie/queue/json.hpp"
#include "src/cli/command.hpp"

namespace coterie::cli {
namespace {

const std::string key = "coterie.move.sources";

std::vector<std::string> read(const std::optional<std::string>& note) {
  if (!note || note->empty()) return {};
  try {
    return queue::from_json<std::vector<std::string>>(*note);
  } catch (const queue::JsonError&) {
    throw UsageError("moves to this broker were begun by a newer version of coterie: use that");
  }
}

/// With `source` or without it, as others change the same note.
Task<void> change(queue::Broker& target, std::string source, bool is_to_stand_there) {
  for (bool written = false; !written;) {
    const std::optional<std::string> note = co_await target.get_note(key);
    std::vector<std::string> sources = read(note);
    const auto found = std::find(sources.begin(), sources.end(), source);
    if ((found != sources.end()) == is_to_stand_there) co_return;
    if (is_to_stand_there)
      sources.push_back(source);
    else
      sources.erase(found);
    std::string text = sources.empty() ? std::string() : queue::to_json(sources);
    written = co_await target.put_note(key, note, std::move(text));
  }
}

}  // namespace

Task<std::vector<std::string>> move_sources(queue::Broker& target) {
  const std::optional<std::string> note = co_await target.get_note(key);
  co_return read(note);
}

Task<void> add_move_source(queue::Broker& target, std::string source) {
  return change(target, place_of(source), true);
}

Task<void> drop_move_source(queue::Broker& target, std::string source) {
  return change(target, place_of(source), false);
}

Task<void> drop_move_sources(queue::Broker& target) {
  const std::vector<std::string> sources = co_await move_sources(target);
  for (const std::string& source : sources) co_await change(target, source, false);
}

std::string place_of(const std::string& url) {
  const std::string_view file = "sqlite://";
  if (url.compare(0, file.size(), file) != 0) return url;
  const std::size_t end = std::min(url.find('?'), url.size());
  std::error_code none;
  const std::filesystem::path path =
      std::filesystem::weakly_canonical(url.substr(file.size(), end - file.size()), none);
  return none ? url : std::string(file) + path.string() + url.substr(end);
}

}  // namespace coterie::cli
