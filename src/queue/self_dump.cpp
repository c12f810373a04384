#include "src/queue/self_dump.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <csignal>
#include <optional>
#include <set>

#include "coterie/queue/id.hpp"
#include "coterie/threads/completion.hpp"
#include "src/debug/collect.hpp"
#include "src/debug/directory.hpp"
#include "src/debug/report.hpp"
#include "src/debug/server.hpp"

namespace coterie::queue {
namespace {

namespace json = boost::json;

/// The socket's thread answers one client after the other, each within seconds.
constexpr std::chrono::milliseconds patience{1500};
constexpr std::size_t longest_dump = std::size_t{64} << 20;

/// What the socket said, without its first line; nothing where that is not "ok <bytes>", or too late.
std::optional<std::string> ask_socket(const std::string& path, const std::string& line) {
  const int fd = debug::connect_to(path);
  if (fd < 0) return std::nullopt;
  (void)::send(fd, line.data(), line.size(), MSG_NOSIGNAL);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string text;
  char piece[16384];
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd readable{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left)) <= 0) break;
    const ssize_t got = ::recv(fd, piece, sizeof piece, 0);
    if (got <= 0 || text.size() > longest_dump) break;
    text.append(piece, static_cast<std::size_t>(got));
  }
  ::close(fd);
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::size_t size = 0;
  const bool whole = text.starts_with("ok ") &&
                     std::from_chars(text.data() + 3, text.data() + end, size).ec == std::errc() &&
                     text.size() == end + 1 + size;
  if (!whole) return std::nullopt;
  text.erase(0, end + 1);
  return text;
}

WorkerAnswer make_dump(const debug::Request& request) {
  try {
    std::optional<std::string> dump;
    if (const std::shared_ptr<debug::DebugServer> server = debug::serve_this_process(false, 0))
      dump = ask_socket(server->path(), debug::format_request(request) + "\n");
    if (!dump) {
      debug::Collector collector(false);
      dump = debug::answer(collector.collect(-1), request);
    }
    const bool is_json = request.json && request.what == debug::Request::What::dump;
    return is_json ? fit_dump(*std::move(dump), answer_bytes) : fit_text(*std::move(dump), answer_bytes);
  } catch (const std::exception& error) {
    return WorkerAnswer(Asked::refused, std::string("no dump could be made: ") + error.what());
  }
}

/// "resize 0190…", as the tasks of jobs are named.
bool runs_a_job(const json::object& task) {
  const json::value* const name = task.if_contains("name");
  if (name == nullptr || !name->is_string()) return false;
  const std::string_view text(name->get_string());
  return text.size() > 37 && text[text.size() - 37] == ' ' && parse_uuid(text.substr(text.size() - 36));
}

std::set<std::int64_t> deadlocked(const json::object& loop) {
  std::set<std::int64_t> tasks;
  for (const json::value& circle : loop.at("deadlocks").as_array())
    for (const json::value& link : circle.as_array())
      tasks.insert(link.as_object().at("task").to_number<std::int64_t>());
  return tasks;
}

/// A task, and what it takes.
struct Place {
  json::object* loop;
  std::size_t index;
  std::size_t bytes;
  int rank;  // the lowest are kept
};

std::vector<Place> places_of(json::array& loops) {
  std::vector<Place> places;
  for (json::value& value : loops) {
    json::object& loop = value.as_object();
    const std::set<std::int64_t> stuck = deadlocked(loop);
    const json::array& tasks = loop.at("tasks").as_array();
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const json::object& task = tasks[i].as_object();
      int rank = 2;
      if (task.at("running").as_bool() || runs_a_job(task)) rank = 1;
      if (stuck.contains(task.at("id").to_number<std::int64_t>())) rank = 0;
      places.push_back(Place{&loop, i, json::serialize(task).size() + 1, rank});
    }
  }
  std::ranges::stable_sort(places, {}, &Place::rank);
  return places;
}

}  // namespace

WorkerAnswer fit_dump(std::string text, std::size_t limit) {
  if (text.size() <= limit) return WorkerAnswer(Asked::answered, std::move(text));
  json::value document = json::parse(json::string_view(text.data(), text.size()));
  json::array& loops = document.as_object().at("loops").as_array();
  const std::vector<Place> places = places_of(loops);
  std::size_t all = 0;
  for (const Place& place : places) all += place.bytes;
  constexpr std::size_t for_the_marks = 64;
  std::size_t used = json::serialize(document).size() - all + for_the_marks * (loops.size() + 1);
  std::set<std::pair<const json::object*, std::size_t>> kept;
  for (const Place& place : places) {
    if (used + place.bytes > limit) break;
    used += place.bytes;
    kept.emplace(place.loop, place.index);
  }
  if (used > limit)
    return WorkerAnswer(Asked::refused, "the dump is longer than " + std::to_string(limit) +
                                            " bytes, also without its tasks");
  for (json::value& value : loops) {
    json::object& loop = value.as_object();
    json::array& tasks = loop.at("tasks").as_array();
    json::array some;
    for (std::size_t i = 0; i < tasks.size(); ++i)
      if (kept.contains({&loop, i})) some.push_back(std::move(tasks[i]));
    const std::size_t left_out = tasks.size() - some.size();
    tasks = std::move(some);
    loop["left_out"] = left_out;  // moves the members
  }
  return WorkerAnswer(Asked::cut, json::serialize(document) + "\n");
}

WorkerAnswer fit_text(std::string text, std::size_t limit) {
  if (text.size() <= limit) return WorkerAnswer(Asked::answered, std::move(text));
  constexpr std::size_t for_the_mark = 80;
  const std::size_t end = text.rfind('\n', limit - for_the_mark) + 1;
  const std::size_t left_out = text.size() - end;
  text.erase(end);
  text += "… cut here: " + std::to_string(left_out) + " bytes are left out\n";
  return WorkerAnswer(Asked::cut, std::move(text));
}

SelfDump::~SelfDump() {
  if (thread_.joinable()) thread_.join();
}

Task<WorkerAnswer> SelfDump::make(debug::Request request) {
  if (thread_.joinable()) thread_.join();  // its answer was given, or nobody waited for it
  const Completion<WorkerAnswer> done;
  // Signals of the process are for its own threads.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([done, request = std::move(request)] { done.set_value(make_dump(request)); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  WorkerAnswer answer = co_await done.wait();
  co_return answer;
}

}  // namespace coterie::queue
