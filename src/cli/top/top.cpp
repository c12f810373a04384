// coterie top: queues, what runs, what failed and who works, as it changes.
#include <csignal>

#include <algorithm>

#include "coterie/coterie.hpp"
#include "coterie/io/fd.hpp"
#include "coterie/io/signal.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/command.hpp"
#include "src/cli/fleet.hpp"
#include "src/cli/job_view.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"
#include "src/cli/top/collect.hpp"
#include "src/cli/top/terminal.hpp"

namespace coterie::cli {
namespace {

using namespace top;
using queue::JobState;

struct TopOptions {
  CommonOptions common;
  std::optional<queue::Milliseconds> interval;
  bool once = false;
  TopOptions() = default;
};

constexpr queue::Milliseconds default_interval{1000};
constexpr queue::Milliseconds least_interval{100};

std::string jobs_json(const std::vector<queue::JobInfo>& jobs) {
  std::string all = "[";
  for (const queue::JobInfo& job : jobs) all += (all.size() > 1 ? "," : "") + job_json(job, false);
  return all + "]";
}

std::string workers_json(const std::vector<queue::WorkerInfo>& workers) {
  std::string all = "[";
  for (const queue::WorkerInfo& worker : workers) all += (all.size() > 1 ? "," : "") + worker_json(worker);
  return all + "]";
}

std::string sample_json(const Sample& sample) {
  std::string queues = "[";
  for (const QueueRow& queue : sample.queues) {
    JsonObject counts;
    for (int i = 0; i < queue::job_state_count; ++i) {
      const auto state = static_cast<JobState>(i);
      counts.add(to_string(state), queue.count(state));
    }
    JsonObject object;
    object.add("queue", queue.info.name).raw("counts", counts.str()).add("paused", queue.paused);
    if (queue.info.oldest_ready_at == 0)
      object.null("oldest_ready_at_ms");
    else
      object.add("oldest_ready_at_ms", queue.info.oldest_ready_at);
    if (queue.rate() < 0)
      object.null("ended_per_s");
    else
      object.add("ended_per_s", queue.rate());
    queues += (queues.size() > 1 ? "," : "") + object.str();
  }
  JsonObject all;
  all.add("broker", sample.broker).add("now_ms", sample.now).raw("queues", queues + "]");
  all.raw("running", jobs_json(sample.running)).raw("failed", jobs_json(sample.failed));
  all.raw("workers", workers_json(sample.fleet.workers));
  if (sample.trouble.empty())
    all.null("trouble");
  else
    all.add("trouble", sample.trouble);
  return all.str();
}

Task<int> print_samples(std::shared_ptr<queue::Broker> broker, TopOptions options) {
  Collector collector(broker);
  Sample sample;
  Output& out = Output::standard();
  for (;;) {
    sample = co_await collector.look(sample, std::nullopt, !options.common.json);
    if (options.common.json) {
      out.line(sample_json(sample));
    } else {
      const Screen screen = render_all(sample, width_without_terminal());
      for (const Line& line : screen) out.line(line.text());
    }
    out.flush();
    if (options.once || !options.common.json) break;
    co_await sleep(*options.interval);
  }
  co_return exit_ok;
}

/// One screen and who looks at it. Its tasks share it; all run on one loop.
class Top {
 public:
  Top(std::shared_ptr<queue::Broker> broker, queue::Milliseconds interval)
      : collector_(std::move(broker)), interval_(interval) {}

  Task<int> show() {
    sample_ = co_await collector_.look(sample_, std::nullopt, false);
    terminal_.emplace();
    draw();
    co_await task_group([this](TaskGroup& group) -> Task<void> {
      group.spawn(&Top::follow_samples, this);
      group.spawn(&Top::follow_size, this);
      co_await follow_keys();
      group.cancel();
    });
    co_return exit_ok;
  }

 private:
  void draw() { terminal_->draw(render(sample_, view_, terminal_->look())); }
  Task<void> look() {
    Sample next = co_await collector_.look(sample_, view_.open, view_.page == Page::tasks);
    sample_ = std::move(next);
    draw();
  }
  Task<void> follow_samples() {
    for (;;) {
      co_await sleep(interval_);
      if (!view_.held) co_await look();
    }
  }
  Task<void> follow_size() {
    io::SignalSet changed(SIGWINCH);
    for (;;) {
      co_await changed.next();
      terminal_->resized();
      draw();
    }
  }
  Task<void> follow_keys() {
    for (;;) {
      while (const std::optional<Key> key = terminal_->key()) {
        const std::size_t height = terminal_->look().height;
        const Request request = press(view_, sample_, *key, height > 6 ? height - 6 : 1);
        if (request.kind == Request::Kind::quit) co_return;
        draw();
        const bool turned = std::exchange(shown_, view_.page) != view_.page;
        if (request.kind == Request::Kind::nothing && !(turned && view_.page == Page::tasks)) continue;
        if (request.kind != Request::Kind::look && request.kind != Request::Kind::nothing) {
          std::string said = co_await collector_.perform(request);
          view_.notice = std::move(said);
        }
        co_await look();
      }
      co_await io::readable(STDIN_FILENO);
    }
  }

  Collector collector_;
  queue::Milliseconds interval_;
  Sample sample_;
  View view_;
  Page shown_ = Page::queues;  // by the newest look
  std::optional<Terminal> terminal_;
};

Task<int> show_top(std::shared_ptr<queue::Broker> broker, queue::Milliseconds interval) {
  Top top(std::move(broker), interval);
  const int code = co_await top.show();
  co_return code;
}

}  // namespace

void add_top(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<TopOptions>();
  Flags(app, "top", "Watch queues, running jobs, failures and workers, and act on them")
      .common(options->common)
      .duration("--interval,-i", options->interval, "How often to look [default 1s, at least 100ms]")
      .flag("--once", options->once, "Print it once, as text; with --json as one object")
      .footer(
          "Keys: 1-5 pages, / filter, s sort, Enter open, c cancel, r retry, P pause a queue, ? all keys.\n"
          "With --json an object a line, one for each look, until you press Ctrl-C.\n"
          "Colours follow the terminal; NO_COLOR=1 does without.\n"
          "  coterie top --broker redis://127.0.0.1\n"
          "  coterie top --once --json | jq .queues")
      .chooses(chosen, [options] {
        if (!options->interval) options->interval = default_interval;
        if (*options->interval < least_interval)
          throw UsageError("--interval: at least 100ms, not " + human_time(options->interval->count()));
        std::shared_ptr<queue::Broker> broker = open_existing(options->common.broker);
        if (options->once) return run_briefly(print_samples(broker, *options));
        if (options->common.json) return run(print_samples(broker, *options));
        return run(show_top(broker, *options->interval));
      });
}

}  // namespace coterie::cli
