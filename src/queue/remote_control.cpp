#include "src/queue/remote_control.hpp"

#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "coterie/group.hpp"
#include "coterie/loop.hpp"
#include "coterie/sleep.hpp"
#include "coterie/timeout.hpp"
#include "src/queue/redaction.hpp"

namespace coterie::queue {
namespace {

/// A broker that is away is the session's to complain of; here it is asked again.
constexpr Duration again_after = std::chrono::seconds(1);
/// In one call: it hears of questions at once, and looks by itself only when it begins to listen.
constexpr Milliseconds listens_for = std::chrono::hours(1);
/// Nothing depends on it.
constexpr Duration goodbye_at_most = std::chrono::seconds(1);

}  // namespace

RemoteControl::RemoteControl(std::shared_ptr<Broker> broker, const WorkerOptions& options, WorkerRef worker,
                             std::size_t handlers, std::shared_ptr<Pulse> pulse,
                             std::shared_ptr<const Redaction> redaction, Janitor::Warn warn)
    : broker_(std::move(broker)),
      pulse_(std::move(pulse)),
      redaction_(std::move(redaction)),
      janitor_(broker_, options, pulse_, std::move(warn)) {
  report_.worker = std::move(worker);
  report_.version = COTERIE_VERSION;
  report_.queues = options.queues();
  report_.handlers = static_cast<std::uint32_t>(handlers);
  report_.concurrency = options.concurrency();
  report_.lease = options.lease();
  report_.answers = options.remote_debug();
}

Task<void> RemoteControl::serve(std::shared_ptr<RemoteControl> self) {
  Task<void> working = self->work();
  Outcome<void> end = co_await outcome(std::move(working));
  if (self->announced_) {
    Task<void> goodbye = self->announce(true);
    Task<void> limited = wait_for(goodbye_at_most, std::move(goodbye));
    (void)co_await outcome(std::move(limited));
  }
  end.get();
}

Task<void> RemoteControl::work() {
  co_await declare_redaction();
  co_await announce(false);
  auto both = [this](TaskGroup& group) -> Task<void> {
    group.spawn(&RemoteControl::go_on_announcing, this);
    if (report_.answers) group.spawn(&RemoteControl::go_on_answering, this);
    co_return;
  };
  co_await task_group(std::move(both));
}

/// As often as a worker does that holds jobs it looks whether there is something to say.
Task<void> RemoteControl::go_on_announcing() {
  const Duration beat = announce_every(report_.lease, 1);
  for (;;) {
    co_await janitor_.tidy();
    co_await sleep(beat);
    co_await declare_redaction();
    const bool is_news = !announced_ || report_.holds > 0 || !pulse_->held().empty();
    const TimePoint late = announced_at_ + report_.every;
    if (is_news || EventLoop::current().now() + beat / 2 > late) co_await announce(false);
  }
}

/// Until it has worked once: without it others would show what they should not.
Task<void> RemoteControl::declare_redaction() {
  if (declared_ || !redaction_->declares_anything()) co_return;
  Task<void> declaring = declare(broker_, redaction_);
  Outcome<void> end = co_await outcome(std::move(declaring));
  declared_ = end.has_value();
  if (end.cancelled()) end.get();
}

Task<void> RemoteControl::announce(bool ends) {
  report_.holds = static_cast<std::uint32_t>(pulse_->held().size());
  report_.every = announce_every(report_.lease, report_.holds);
  report_.ends = ends;
  Task<void> call = broker_->announce(report_);
  Outcome<void> end = co_await outcome(std::move(call));
  announced_ = end.has_value();
  announced_at_ = EventLoop::current().now();
  if (end.cancelled()) end.get();
}

Task<void> RemoteControl::go_on_answering() {
  for (;;) {
    Task<std::vector<Question>> asking = broker_->questions(report_.worker.incarnation, listens_for);
    Outcome<std::vector<Question>> asked = co_await outcome(std::move(asking));
    if (asked.cancelled()) (void)asked.get();
    if (!asked.has_value()) {
      co_await sleep(again_after);
      continue;
    }
    for (const Question& question : asked.get()) co_await answer(&question);
  }
}

Task<void> RemoteControl::answer(const Question* question) {
  Task<WorkerAnswer> answering = answer_to(question->text);
  WorkerAnswer said = co_await std::move(answering);
  Task<void> call = broker_->answer(report_.worker.incarnation, question->id, std::move(said));
  Outcome<void> end = co_await outcome(std::move(call));
  if (end.cancelled()) end.get();
}

Task<WorkerAnswer> RemoteControl::answer_to(std::string text) {
  if (text == "ping") co_return WorkerAnswer(Asked::answered, "pong");
  std::optional<debug::Request> request;
  std::string why;
  try {
    request = debug::parse_request(text);
  } catch (const std::invalid_argument& error) {
    why = error.what();
  }
  if (!request)
    co_return WorkerAnswer(Asked::refused,
                           "coterie " + report_.version + " does not know this question: " + why);
  const bool is_json = request->json;
  Task<WorkerAnswer> making = dump_.make(*std::move(request));
  WorkerAnswer answer = co_await std::move(making);
  // Names of tasks and of what they wait for are a program's own texts.
  for (const std::shared_ptr<const Secrets>& secrets : pulse_->secrets())
    answer.text = is_json ? secrets->scrub_json(answer.text) : secrets->scrub(answer.text);
  co_return answer;
}

}  // namespace coterie::queue
