// GET /api/v1/events: one stream for a page, with the topics that it shows. Server-Sent Events and not
// WebSocket: a plain response, that a browser reopens by itself, with a cookie, and without a second
// protocol.
#include <algorithm>
#include <charconv>

#include "coterie/sleep.hpp"
#include "src/core/json_writer.hpp"
#include "src/dashboard/service.hpp"
#include "src/dashboard/views.hpp"
#include "src/queue/redaction.hpp"

namespace coterie::dashboard {
namespace {

constexpr std::size_t most_topics = 8;
constexpr auto pause = std::chrono::seconds(1);
/// Proxies close what is silent.
constexpr int pauses_until_ping = 15;

std::vector<std::string> read_topics(std::string_view text) {
  std::vector<std::string> topics;
  while (!text.empty()) {
    const std::string topic(text.substr(0, text.find(',')));
    text.remove_prefix(std::min(text.size(), topic.size() + 1));
    const bool job = topic.starts_with("job:") && queue::parse_uuid(topic.substr(4));
    if (topic != "overview" && topic != "jobs" && !job)
      throw ApiError(ErrorCode::bad_topic,
                     "'" + topic + "' is no topic: there are overview, jobs and job:ID");
    topics.push_back(topic);
  }
  if (topics.empty() || topics.size() > most_topics)
    throw ApiError(ErrorCode::bad_topic, "say 1 to 8 topics: overview, jobs, job:ID");
  return topics;
}

std::uint64_t read_last(const http::Request& request) {
  std::string_view text = request.headers.get("last-event-id");
  if (text.empty()) text = request.parameter("last_event_id");
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string event(std::uint64_t id, std::string_view name, std::string_view data) {
  std::string text = "id: " + std::to_string(id) + "\nevent: ";
  text.append(name).append("\ndata: ").append(data).append("\n\n");
  return text;
}

struct Place {
  explicit Place(std::size_t& taken) : count(&taken) { ++taken; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { --*count; }
  std::size_t* count;
};

}  // namespace

Task<http::Response> Service::events(Call call) {
  std::vector<std::string> topics = read_topics(call.request.parameter("topics"));
  if (streams_ >= most_streams) throw ApiError(ErrorCode::too_many_streams, "64 pages are followed already");
  http::Response response(200, "text/event-stream");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Accel-Buffering", "no");
  // The place is taken now, and held by the response, so that many at once cannot slip through.
  auto place = std::make_shared<Place>(streams_);
  const auto asked = std::make_shared<const http::Request>(std::move(call.request));
  response.stream = [this, place, topics, asked](http::Writer& writer) {
    return follow(writer, asked, topics);
  };
  co_return response;
}

/// What is sent is always the newest state, so that whoever was away needs only that; one that has it already
/// (Last-Event-ID) is sent nothing, and so is everybody while the broker is away. It ends with the session of
/// whoever asked.
Task<void> Service::follow(http::Writer& writer, std::shared_ptr<const http::Request> asked,
                           std::vector<std::string> topics) {
  co_await writer.write("retry: 2000\n: this stream tells what changes, at most once a second\n\n");
  // A number of another process, before this one was started again, says nothing.
  const std::uint64_t last = read_last(*asked);
  std::uint64_t sent = last > monitor_.sequence() ? 0 : last;
  std::vector<std::string> newest(topics.size());
  std::uint64_t version = 0;
  int silent = 0;
  for (;;) {
    std::string text;
    const std::uint64_t sequence = monitor_.is_away() ? sent : monitor_.sequence();
    for (std::size_t i = 0; i < topics.size() && sequence > sent; ++i) {
      std::string data;
      if (topics[i] == "overview") {
        data = monitor_.overview();
      } else if (topics[i] == "jobs") {
        if (monitor_.changes() != version) data = JsonObject().add("changes", monitor_.changes()).str();
        version = monitor_.changes();
      } else {
        std::vector<queue::JobId> ids{*queue::parse_uuid(topics[i].substr(4))};
        std::vector<std::optional<queue::JobInfo>> found = co_await broker_->get(std::move(ids), true);
        const std::shared_ptr<const queue::Redaction> redaction = co_await redactions_.now();
        if (found.at(0)) queue::redact(*found[0], *redaction);
        data = found[0] ? job_row(*found[0]) : "null";
      }
      if (data.empty() || data == newest[i]) continue;
      text += event(sequence, topics[i], data);
      newest[i] = std::move(data);
    }
    sent = sequence;
    silent = text.empty() ? silent + 1 : 0;
    if (silent == pauses_until_ping) {
      text = ": still here\n\n";
      silent = 0;
    }
    if (!text.empty()) co_await writer.write(std::move(text));
    co_await sleep(pause);
    if (!caller_of(*asked)) co_return;
  }
}

}  // namespace coterie::dashboard
