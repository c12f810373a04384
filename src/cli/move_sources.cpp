#include "src/cli/move_sources.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "coterie/queue/id.hpp"
#include "src/cli/command.hpp"

namespace coterie::cli {
namespace {

const std::string key(brokers::move_sources_key);
const std::string id_key(brokers::move_id_key);

std::vector<MovePlace> read(const std::optional<std::string>& note) {
  std::optional<std::vector<MovePlace>> sources = brokers::read_move_sources(note.value_or(""));
  if (!sources) throw UsageError("moves to this broker were begun by a newer version of coterie: use that");
  return *std::move(sources);
}

/// With `source` or without it, as others change the same note.
Task<void> change(queue::Broker& target, MovePlace source, bool is_to_stand_there) {
  for (bool written = false; !written;) {
    const std::optional<std::string> note = co_await target.get_note(key);
    std::vector<MovePlace> sources = read(note);
    const auto found = std::find_if(sources.begin(), sources.end(),
                                    [&source](const MovePlace& each) { return each.is(source); });
    if ((found != sources.end()) == is_to_stand_there) co_return;
    if (is_to_stand_there)
      sources.push_back(source);
    else
      sources.erase(found);
    std::string text = sources.empty() ? std::string() : queue::to_json(sources);
    written = co_await target.put_note(key, note, std::move(text));
  }
}

/// With the whole path of a file, so that it is the same from each folder.
std::string whole(const std::string& url) {
  const std::string_view file = "sqlite://";
  if (url.compare(0, file.size(), file) != 0) return url;
  const std::size_t end = std::min(url.find('?'), url.size());
  std::error_code none;
  const std::filesystem::path path =
      std::filesystem::weakly_canonical(url.substr(file.size(), end - file.size()), none);
  return none ? url : std::string(file) + path.string() + url.substr(end);
}

}  // namespace

Task<MovePlace> place_of(queue::Broker& broker) {
  MovePlace place;
  place.url = whole(broker.url());
  place.host = brokers::this_host();
  for (;;) {
    const std::optional<std::string> known = co_await broker.get_note(id_key);
    place.id = known.value_or("");
    if (!place.id.empty()) co_return place;
    const bool written = co_await broker.put_note(id_key, known, queue::new_uuid().str());
    (void)written;  // or somebody else has: look
  }
}

std::string told_apart(const MovePlace& noted, const MovePlace& named) {
  std::string where = noted.elsewhere();
  if (!where.empty() || noted.url != named.url) return where;
  return " (another broker than now: its id was " + noted.id + " and is " + named.id + ")";
}

Task<std::vector<MovePlace>> move_sources(queue::Broker& target) {
  const std::optional<std::string> note = co_await target.get_note(key);
  co_return read(note);
}

Task<void> add_move_source(queue::Broker& target, MovePlace source) {
  return change(target, std::move(source), true);
}

Task<void> drop_move_source(queue::Broker& target, MovePlace source) {
  return change(target, std::move(source), false);
}

Task<void> drop_move_sources(queue::Broker& target) {
  const std::vector<MovePlace> sources = co_await move_sources(target);
  for (const MovePlace& source : sources) co_await change(target, source, false);
}

}  // namespace coterie::cli
