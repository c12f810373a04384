#include "coterie/otlp/exporter.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "coterie/runtime.hpp"
#include "coterie/sync/event.hpp"
#include "coterie/timeout.hpp"
#include "src/otlp/json.hpp"

namespace coterie::otlp {
namespace {

using trace::SpanData;

constexpr Duration longest_pause = std::chrono::seconds(30);
constexpr std::string_view standard_path = "/v1/traces";

constexpr metrics::Family exported_family{"coterie_traces_exported_total", metrics::Type::counter,
                                          "Spans that the collector has taken"};
constexpr metrics::Family dropped_family{
    "coterie_traces_dropped_total", metrics::Type::counter,
    "Spans that nobody will see, by why: queue_full (they came faster than they went), refused (the "
    "collector "
    "said so), unreachable (nobody took them, however often they were sent)"};

void require(bool sane, const std::string& problem) {
  if (!sane) throw std::invalid_argument("the exporter of traces: " + problem);
}

void check(const ExporterOptions& options) {
  require(options.queue_spans >= 1, "queue_spans 0 would drop every span, give at least 1");
  require(options.batch_spans >= 1, "batch_spans 0 would send nothing, give at least 1");
  require(options.delay >= Duration::zero(), "the delay is negative");
  require(options.timeout > Duration::zero(), "the timeout must be more than 0");
  require(options.retries >= 0, "the number of retries is negative");
  require(options.retry_after > Duration::zero(), "retry_after must be more than 0");
  require(options.shutdown_timeout >= Duration::zero(), "the shutdown timeout is negative");
}

http::Url url_of(const std::string& text) {
  http::Url url;
  try {
    url = http::Url::parse(text);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("the collector's URL " + std::string(error.what()));
  }
  if (url.target == "/") url.target = standard_path;
  return url;
}

trace::Attributes resource_of(const ExporterOptions& options) {
  trace::Attributes resource;
  resource.emplace_back("service.name", options.service);
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) == 0) resource.emplace_back("host.name", host);
  resource.emplace_back("process.pid", std::int64_t{::getpid()});
  resource.emplace_back("telemetry.sdk.name", "coterie");
  resource.emplace_back("telemetry.sdk.language", "cpp");
  resource.insert(resource.end(), options.resource.begin(), options.resource.end());
  return resource;
}

RuntimeOptions one_loop() {
  RuntimeOptions options;
  options.loops = 1;
  options.name = "coterie-traces";
  options.stack_bytes = std::size_t{1} << 20;
  options.shutdown_timeout = std::chrono::seconds(1);
  return options;
}

Task<void> set(Event& event) {
  co_await event.wait();
}

/// Seconds, or a date; nothing where it says neither.
std::optional<Duration> read_retry_after(const std::string& text) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && !text.empty())
    return std::chrono::seconds(seconds);
  std::tm date{};
  const char* const rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  return std::max<Duration>(Duration::zero(), std::chrono::seconds(::timegm(&date) - std::time(nullptr)));
}

/// What an answer, or none, means for the spans that were sent.
struct Judgement {
  enum class Kind : std::uint8_t { taken, refused, again } kind = Kind::again;
  std::string why;
  std::uint64_t rejected = 0;     ///< of those that were taken
  std::optional<Duration> pause;  ///< the collector's own wish
  Judgement() = default;
};

Judgement judge(Outcome<http::Response>& answer) {
  Judgement judgement;
  try {
    const http::Response& response = answer.get();
    const int status = response.status;
    judgement.why = "it answers " + std::to_string(status) + " " + std::string(http::reason(status));
    if (status >= 200 && status < 300) {
      judgement.kind = Judgement::Kind::taken;
      judgement.rejected = read_rejected(response.body);
    } else if (status != 429 && status != 502 && status != 503 && status != 504) {
      judgement.kind = Judgement::Kind::refused;
    }
    judgement.pause = read_retry_after(std::string(response.headers.get("retry-after")));
  } catch (const TimeoutError&) {
    judgement.why = "it does not answer in time";
  } catch (const std::exception& error) {
    judgement.why = error.what();
  }
  return judgement;
}

}  // namespace

struct Exporter::State {
  explicit State(ExporterOptions given)
      : options(std::move(given)), url(url_of(options.url)), resource(write_resource(resource_of(options))) {
    client.timeout = options.timeout;
    if (url.tls) client.tls = io::TlsContext();
    headers = options.headers;
    headers.set("Content-Type", "application/json");
    headers.set("User-Agent", "OTel-OTLP-Exporter-coterie");
  }

  // --- any thread
  void add(SpanData&& span) noexcept;
  void wake() noexcept;
  bool flush(Duration at_most);
  void stop() noexcept;

  // --- the exporter's loop
  Task<void> work();
  Task<std::vector<SpanData>> next_batch();
  Task<void> woken_by(TimePoint time);
  Task<void> send(std::vector<SpanData> batch);
  void settle(std::uint64_t taken, std::uint64_t ExporterCounts::* reason, std::uint64_t dropped);
  void note(const Judgement& judgement);

  const ExporterOptions options;
  const http::Url url;
  const std::string resource;
  http::Headers headers;
  http::ClientOptions client;

  mutable std::mutex mutex;
  std::condition_variable settled_some;
  std::deque<SpanData> waiting;
  std::uint64_t added = 0;    // to `waiting`, ever
  std::uint64_t settled = 0;  // of these, exported or dropped
  ExporterCounts counts;
  bool hurry = false;
  bool stopping = false;

  Event woken;                  // the loop's
  bool answers = true;          // the loop's: as far as was said
  Runtime runtime{one_loop()};  // last: its task uses the others
};

void Exporter::State::add(SpanData&& span) noexcept {
  bool worth_a_call = false;
  {
    const std::lock_guard lock(mutex);
    if (stopping || waiting.size() >= options.queue_spans) {
      ++counts.queue_full;
      return;
    }
    try {
      waiting.push_back(std::move(span));
    } catch (...) {  // no memory is no room either
      ++counts.queue_full;
      return;
    }
    ++added;
    worth_a_call = waiting.size() == 1 || waiting.size() == options.batch_spans;
  }
  if (worth_a_call) wake();
}

void Exporter::State::wake() noexcept {
  try {
    (void)runtime.loop(0).post(make_posted([this] { woken.set(); }));
  } catch (...) {
    // No memory: the next one wakes it.
  }
}

bool Exporter::State::flush(Duration at_most) {
  std::unique_lock lock(mutex);
  const std::uint64_t until = added;
  hurry = true;
  lock.unlock();
  wake();
  lock.lock();
  return settled_some.wait_for(lock, at_most, [&] { return settled >= until; });
}

void Exporter::State::stop() noexcept {
  try {
    (void)flush(options.shutdown_timeout);
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    (void)runtime.stop();
  } catch (...) {
    // Its thread is gone in any case when the runtime is.
  }
}

Task<void> Exporter::State::work() {
  for (;;) {
    Task<std::vector<SpanData>> gathering = next_batch();
    std::vector<SpanData> batch = co_await std::move(gathering);
    Task<void> sending = send(std::move(batch));
    co_await std::move(sending);
  }
}

/// As many as go together, once there are so many or the first has waited long enough.
Task<std::vector<SpanData>> Exporter::State::next_batch() {
  std::vector<SpanData> batch;
  TimePoint due = TimePoint::max();
  for (;;) {
    woken.clear();
    const TimePoint now = EventLoop::current().now();
    {
      const std::lock_guard lock(mutex);
      if (waiting.empty()) {
        hurry = false;
      } else if (hurry || waiting.size() >= options.batch_spans || now >= due) {
        const auto count = static_cast<std::ptrdiff_t>(std::min(waiting.size(), options.batch_spans));
        batch.assign(std::make_move_iterator(waiting.begin()),
                     std::make_move_iterator(waiting.begin() + count));
        waiting.erase(waiting.begin(), waiting.begin() + count);
      } else if (due == TimePoint::max()) {
        due = now + options.delay;
      }
    }
    if (!batch.empty()) co_return batch;
    Task<void> sleeping = woken_by(due);
    co_await std::move(sleeping);
  }
}

Task<void> Exporter::State::woken_by(TimePoint time) {
  Task<void> waiting_for_it = set(woken);
  if (time == TimePoint::max()) {
    co_await std::move(waiting_for_it);
    co_return;
  }
  Task<void> waking = wait_for(time - EventLoop::current().now(), std::move(waiting_for_it));
  const Outcome<void> end = co_await outcome(std::move(waking));
  if (end.cancelled()) end.get();
}

Task<void> Exporter::State::send(std::vector<SpanData> batch) {
  const std::string body = write_request(resource, batch);
  const std::uint64_t count = batch.size();
  batch.clear();
  Duration pause = options.retry_after;
  for (int left = options.retries;; --left) {
    Task<http::Response> posting = http::request("POST", url, headers, body, client);
    Outcome<http::Response> answer = co_await outcome(std::move(posting));
    if (answer.cancelled()) (void)answer.get();
    const Judgement judgement = judge(answer);
    note(judgement);
    if (judgement.kind == Judgement::Kind::taken) {
      const std::uint64_t rejected = std::min(judgement.rejected, count);
      settle(count - rejected, &ExporterCounts::refused, rejected);
      co_return;
    }
    if (judgement.kind == Judgement::Kind::refused) {
      settle(0, &ExporterCounts::refused, count);
      co_return;
    }
    if (left == 0) break;
    co_await sleep(std::min(judgement.pause.value_or(pause), longest_pause));
    pause = std::min(2 * pause, longest_pause);
  }
  settle(0, &ExporterCounts::unreachable, count);
}

void Exporter::State::settle(std::uint64_t taken, std::uint64_t ExporterCounts::* reason,
                             std::uint64_t dropped) {
  {
    const std::lock_guard lock(mutex);
    counts.exported += taken;
    counts.*reason += dropped;
    settled += taken + dropped;
  }
  settled_some.notify_all();
}

/// One line when it begins to go wrong, and one when it is well again.
void Exporter::State::note(const Judgement& judgement) {
  const bool well = judgement.kind == Judgement::Kind::taken;
  if (well == std::exchange(answers, well) || !options.log) return;
  if (well)
    options.log->info("traces: " + url.str() + " takes spans again");
  else
    options.log->warning("traces: " + url.str() + ": " + judgement.why +
                         "; jobs go on, and spans for which there is no room are dropped and counted");
}

Exporter::Exporter(ExporterOptions options) {
  check(options);
  state_ = std::make_shared<State>(std::move(options));
  (void)spawn_on(
      state_->runtime.loop(0), named("traces"), [](State* state) { return state->work(); }, state_.get());
}

Exporter::~Exporter() {
  state_->stop();
}

void Exporter::add(SpanData span) noexcept {
  state_->add(std::move(span));
}

bool Exporter::flush(Duration at_most) {
  return state_->flush(at_most);
}

ExporterCounts Exporter::counts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

void Exporter::collect(metrics::Snapshot& into) const {
  const ExporterCounts now = counts();
  const auto dropped = [&](std::string_view reason, std::uint64_t count) {
    into.add(dropped_family, {{"reason", reason}}, static_cast<double>(count));
  };
  into.add(exported_family, {}, static_cast<double>(now.exported));
  dropped("queue_full", now.queue_full);
  dropped("refused", now.refused);
  dropped("unreachable", now.unreachable);
}

std::string Exporter::url() const {
  return state_->url.str();
}

}  // namespace coterie::otlp
