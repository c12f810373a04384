#include "src/brokers/sqlite/sqlite_broker.hpp"

#include <filesystem>
#include <type_traits>

#include "coterie/loop.hpp"
#include "coterie/threads/completion.hpp"
#include "src/brokers/builtin.hpp"
#include "src/brokers/sqlite/call.hpp"
#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/error.hpp"
#include "src/brokers/sqlite/query.hpp"
#include "src/brokers/sqlite/watch.hpp"
#include "src/brokers/sqlite/writer.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers {
namespace {

using namespace coterie::queue;  // NOLINT: the words of the contract
using namespace sqlite;          // NOLINT

class SqliteBroker final : public Broker {
 public:
  SqliteBroker(std::string url, const Settings& settings, const Limits& limits, ClockSource clock,
               std::shared_ptr<SyncCounter> vfs)
      : url_(std::move(url)), path_(settings.path), limits_(limits), vfs_(std::move(vfs)) {
    auto engine = std::make_unique<Engine>(open_for_writing(settings, *vfs_), limits, std::move(clock));
    watch_ = std::make_unique<Watch>(open_for_reading(settings, *vfs_), settings.path);
    reader_ = std::make_unique<Reader>(open_for_reading(settings, *vfs_));
    writer_ = std::make_unique<Writer>(std::move(engine), settings.path,
                                       [this](const News& news) { watch_->committed(news); });
    writer_->post(std::make_unique<Opening>());
  }
  ~SqliteBroker() override {
    // The readers first, so that the writer's connection is the last one and leaves an empty log.
    reader_.reset();
    writer_.reset();
    watch_.reset();
  }

  std::string url() const override { return url_; }
  const Limits& limits() const noexcept override { return limits_; }
  std::uint64_t sync_count() const noexcept override { return vfs_->syncs(); }

  Task<std::vector<Enqueued>> enqueue(std::vector<JobSpec> jobs) override {
    validate_enqueue(jobs, limits_);
    const auto done = write<std::vector<Enqueued>>(
        [](Engine& engine, const std::vector<JobSpec>& specs) { return engine.enqueue(specs); },
        std::move(jobs));
    Answer<std::vector<Enqueued>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<CycleReply> cycle(CycleRequest request) override {
    validate_cycle(request, limits_);
    const auto done = write<CycleReply>(
        [](Engine& engine, const CycleRequest& asked) { return engine.cycle(asked); }, std::move(request));
    Answer<CycleReply> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::vector<Verdict>> extend(Uuid worker, std::vector<LeaseRef> leases, Milliseconds lease) override {
    validate_extend(worker, leases, lease, limits_);
    ExtendRequest request(worker, std::move(leases), lease);
    const auto done = write<std::vector<Verdict>>(
        [](Engine& engine, const ExtendRequest& asked) {
          return engine.extend(asked.worker, asked.leases, asked.lease);
        },
        std::move(request));
    Answer<std::vector<Verdict>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::vector<CancelResult>> cancel(std::vector<JobId> ids) override {
    validate_ids(ids, limits_);
    const auto done = write<std::vector<CancelResult>>(
        [](Engine& engine, const std::vector<JobId>& named) { return engine.cancel(named); }, std::move(ids));
    Answer<std::vector<CancelResult>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::vector<bool>> retry(std::vector<JobId> ids) override {
    validate_ids(ids, limits_);
    const auto done = write<std::vector<bool>>(
        [](Engine& engine, const std::vector<JobId>& named) { return engine.retry(named); }, std::move(ids));
    Answer<std::vector<bool>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::uint64_t> purge(JobFilter filter) override {
    validate_filter(filter, limits_);
    const auto done = write<std::uint64_t>(
        [](Engine& engine, const JobFilter& matching) { return engine.purge(matching); }, std::move(filter));
    Answer<std::uint64_t> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<void> pause(std::string queue) override { return set_paused(std::move(queue), true); }
  Task<void> resume(std::string queue) override { return set_paused(std::move(queue), false); }
  Task<std::vector<std::string>> paused() override {
    const auto done = read<std::vector<std::string>>([](Query& query) { return query.paused(); });
    Answer<std::vector<std::string>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<JobLinks> links(JobId id, std::uint32_t most) override {
    validate_ids({id}, limits_);
    const auto done = read<JobLinks>([id, most](Query& query) { return query.links(id, most); });
    Answer<JobLinks> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::vector<std::optional<JobExport>>> export_jobs(std::vector<JobId> ids, bool payloads) override {
    validate_ids(ids, limits_);
    auto question = [ids = std::move(ids), payloads](Query& query) {
      return query.export_jobs(ids, payloads);
    };
    const auto done = read<std::vector<std::optional<JobExport>>>(std::move(question));
    Answer<std::vector<std::optional<JobExport>>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::vector<Withdrawn>> withdraw(std::vector<JobId> ids) override {
    validate_ids(ids, limits_);
    const auto done = write<std::vector<Withdrawn>>(
        [](Engine& engine, const std::vector<JobId>& named) { return engine.withdraw(named); },
        std::move(ids));
    Answer<std::vector<Withdrawn>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<void> readmit(std::vector<JobId> ids) override {
    validate_ids(ids, limits_);
    const auto done = write<bool>(
        [](Engine& engine, const std::vector<JobId>& named) { return engine.readmit(named), true; },
        std::move(ids));
    Answer<bool> answer = co_await done.wait();
    answer.take();
  }
  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value) override {
    validate_note(key, expected, value);
    NoteRequest request(std::move(key), std::move(expected), std::move(value));
    const auto done = write<bool>(
        [](Engine& engine, const NoteRequest& note) {
          return engine.put_note(note.key, note.expected, note.value);
        },
        std::move(request));
    Answer<bool> answer = co_await done.wait();
    co_return answer.take();
  }

  Task<std::vector<std::optional<JobInfo>>> get(std::vector<JobId> ids, bool bodies) override {
    validate_ids(ids, limits_);
    auto question = [ids = std::move(ids), bodies](Query& query) { return query.get(ids, bodies); };
    const auto done = read<std::vector<std::optional<JobInfo>>>(std::move(question));
    Answer<std::vector<std::optional<JobInfo>>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<JobPage> list(JobFilter filter) override {
    validate_filter(filter, limits_);
    auto question = [filter = std::move(filter)](Query& query) { return query.list(filter); };
    const auto done = read<JobPage>(std::move(question));
    Answer<JobPage> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::vector<JobInfo>> recently_ended(std::uint32_t limit) override {
    validate_sample(limit);
    const auto done =
        read<std::vector<JobInfo>>([limit](Query& query) { return query.recently_ended(limit); });
    Answer<std::vector<JobInfo>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::vector<QueueInfo>> queues() override {
    const auto done = read<std::vector<QueueInfo>>([](Query& query) { return query.queues(); });
    Answer<std::vector<QueueInfo>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::optional<std::string>> get_note(std::string key) override {
    validate_note_key(key);
    auto question = [key = std::move(key)](Query& query) { return query.note(key); };
    const auto done = read<std::optional<std::string>>(std::move(question));
    Answer<std::optional<std::string>> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::uint64_t> version() override {
    const auto done = read<std::uint64_t>([](Query& query) { return query.version(); });
    Answer<std::uint64_t> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<std::uint64_t> changed(std::uint64_t known, Milliseconds at_most) override {
    const Completion<std::uint64_t> done = watch_->wait(&News::version, known, at_most);
    const std::uint64_t reply = co_await done.wait(WaitKind::wakeup);
    co_return reply;
  }

  Task<void> announce(WorkerReport report) override {
    validate_report(report, limits_);
    const auto done =
        write<bool>([](Engine& engine, const WorkerReport& said) { return engine.announce(said), true; },
                    std::move(report));
    Answer<bool> answer = co_await done.wait();
    answer.take();
  }
  // The engine has the clock by which somebody is lost.
  Task<Fleet> workers() override {
    const auto done =
        write<Fleet>([](Engine& engine, const bool& /*nothing*/) { return engine.workers(); }, true);
    Answer<Fleet> answer = co_await done.wait();
    co_return answer.take();
  }
  Task<WorkerAnswer> ask(Uuid worker, std::string question, Milliseconds at_most) override {
    validate_question(worker, question, at_most);
    const TimePoint until = EventLoop::current().now() + at_most;
    const Uuid id = new_uuid();
    AskRequest request(worker, Question(id, std::move(question)), at_most);
    const auto asked = write<std::optional<WorkerAnswer>>(
        [](Engine& engine, const AskRequest& what) {
          return engine.ask(what.worker, what.question, what.at_most);
        },
        std::move(request));
    Answer<std::optional<WorkerAnswer>> given = co_await asked.wait();
    std::optional<WorkerAnswer> none = given.take();
    if (none) co_return *std::move(none);
    const Withdrawal afterwards(*this, id);
    using Seen = Heard<std::optional<WorkerAnswer>>;
    auto look = [id](Query& query) {
      const std::uint64_t rung = query.rung();
      return Seen(rung, query.answer_to(id));
    };
    Task<Seen> waiting = until_heard<Seen>(look, until);
    Seen seen = co_await std::move(waiting);
    co_return std::move(seen.what).value_or(WorkerAnswer(Asked::silent));
  }
  Task<std::vector<Question>> questions(Uuid worker, Milliseconds at_most) override {
    const TimePoint until = EventLoop::current().now() + std::min(at_most, duration_max);
    using Seen = Heard<std::vector<Question>>;
    auto look = [worker](Query& query) {
      const std::uint64_t rung = query.rung();
      return Seen(rung, query.questions(worker));
    };
    Task<Seen> waiting = until_heard<Seen>(look, until);
    Seen seen = co_await std::move(waiting);
    co_return std::move(seen.what);
  }
  Task<void> answer(Uuid worker, Uuid question, WorkerAnswer said) override {
    validate_answer(worker, question, said);
    AnswerRequest request(worker, question, std::move(said));
    const auto done = write<bool>(
        [](Engine& engine, const AnswerRequest& what) {
          return engine.answer(what.worker, what.question, what.answer), true;
        },
        std::move(request));
    Answer<bool> written = co_await done.wait();
    written.take();
  }

 private:
  /// Takes a question back when nobody waits for its answer any more.
  class Withdrawal {
   public:
    Withdrawal(SqliteBroker& broker, const Uuid& question) : broker_(broker), question_(question) {}
    Withdrawal(const Withdrawal&) = delete;
    Withdrawal& operator=(const Withdrawal&) = delete;
    ~Withdrawal() {
      try {
        const auto gone = broker_.write<bool>(
            [](Engine& engine, const Uuid& id) { return engine.withdraw_question(id), true; }, question_);
      } catch (const std::bad_alloc&) {  // others take it back when its time is over
      }
    }

   private:
    SqliteBroker& broker_;
    Uuid question_;
  };
  /// Looks again whenever the bell rings, until there is something or the time is over.
  template <class Seen, class Look>
  Task<Seen> until_heard(Look look, TimePoint until) {
    for (;;) {
      const auto done = read<Seen>(look);
      Answer<Seen> answer = co_await done.wait();
      Seen seen = answer.take();
      const auto left = std::chrono::ceil<Milliseconds>(until - EventLoop::current().now());
      if (is_something(seen.what) || left <= Milliseconds{0}) co_return seen;
      const Completion<std::uint64_t> rings = watch_->wait(&News::rung, seen.rung, left);
      (void)co_await rings.wait(WaitKind::wakeup);
    }
  }
  static bool is_something(const std::optional<WorkerAnswer>& answer) { return answer.has_value(); }
  static bool is_something(const std::vector<Question>& questions) { return !questions.empty(); }

  Task<void> set_paused(std::string queue, bool paused) {
    validate_queue(queue, limits_);
    const auto done = write<bool>(
        paused ? +[](Engine& engine, const std::string& name) { return engine.pause(name, true), true; }
               : +[](Engine& engine, const std::string& name) { return engine.pause(name, false), true; },
        std::move(queue));
    Answer<bool> answer = co_await done.wait();
    answer.take();
  }
  template <class Result, class Request>
  Completion<Answer<Result>> write(std::type_identity_t<Result (*)(Engine&, const Request&)> function,
                                   Request request) {
    auto call = std::make_unique<Call<Result, Request>>(function, std::move(request));
    Completion<Answer<Result>> done = call->done;
    writer_->post(std::move(call));
    return done;
  }
  template <class Result, class Question>
  Completion<Answer<Result>> read(Question question) {
    Completion<Answer<Result>> done;
    reader_->post([done, question = std::move(question), path = path_](Query& query) {
      try {
        done.set_value(question(query));
      } catch (...) {
        done.set_value(current_failure(path));
      }
    });
    return done;
  }

  std::string url_;
  std::string path_;
  Limits limits_;
  std::shared_ptr<SyncCounter> vfs_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace

sqlite::Settings sqlite::settings_of(const BrokerUrl& url) {
  url.require_known({"synchronous", "busy_timeout_ms"});
  Settings settings;
  if (url.path.empty())
    throw BadBroker("broker URL '" + url.text +
                    "' names no file: write sqlite://jobs.db or sqlite:///var/lib/jobs.db");
  if (url.path == ":memory:")
    throw BadBroker(
        "broker URL '" + url.text +
        "': SQLite's :memory: would be a file of that name here; a queue that ends with the process "
        "is memory://, a file named so sqlite://./:memory:");
  settings.path = std::filesystem::absolute(url.path).lexically_normal().string();
  if (const auto level = url.option("synchronous")) {
    if (*level != "full" && *level != "normal" && *level != "off")
      throw BadBroker("broker URL '" + url.text + "': synchronous=" + *level + " is not full, normal or off");
    settings.synchronous = *level;
  }
  if (const auto timeout = url.number("busy_timeout_ms", 0, 3'600'000))
    settings.busy_timeout_ms = static_cast<int>(*timeout);
  return settings;
}

std::shared_ptr<Broker> open_sqlite_broker(const BrokerUrl& url, const BrokerOptions& options,
                                           ClockSource clock, std::shared_ptr<SyncCounter> vfs) {
  const Settings settings = settings_of(url);
  try {
    return std::make_shared<SqliteBroker>(url.text, settings, options.limits, std::move(clock),
                                          std::move(vfs));
  } catch (const SqliteError& error) {
    throw_bad_broker(error, settings.path);
  }
}

std::shared_ptr<Broker> open_sqlite_broker(const BrokerUrl& url, const BrokerOptions& options) {
  return open_sqlite_broker(url, options, read_system_clock, std::make_shared<SyncCounter>());
}

}  // namespace coterie::brokers
