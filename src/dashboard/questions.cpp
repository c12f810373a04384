#include "src/dashboard/questions.hpp"

#include <boost/json.hpp>
#include <utility>

#include "coterie/loop.hpp"
#include "src/dashboard/call.hpp"
#include "src/dashboard/views.hpp"

namespace coterie::dashboard {
namespace {

/// Answers are long: those that nobody asks for any more go.
constexpr std::size_t lines_kept = 32;
constexpr Duration kept_for = std::chrono::seconds(10);

bool is_json(const std::string& text) {
  boost::system::error_code broken;
  (void)boost::json::parse(boost::json::string_view(text.data(), text.size()), broken);
  return !broken;
}

}  // namespace

/// A question on its way; whatever ends it, the next one may be asked.
class Questions::Asking {
 public:
  Asking(Questions& questions, std::shared_ptr<Line> line) : questions_(questions), line_(std::move(line)) {
    ++questions_.asking_;
    line_->asking = true;
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    --questions_.asking_;
    line_->asking = false;
    line_->answered.set();
    line_->answered.clear();
  }

 private:
  Questions& questions_;
  std::shared_ptr<Line> line_;
};

void Questions::forget_the_old(TimePoint now) {
  if (lines_.size() < lines_kept) return;
  std::erase_if(lines_, [now](const auto& each) {
    return each.second.use_count() == 1 && !each.second->asking && each.second->at + kept_for < now;
  });
}

Task<std::shared_ptr<const Questions::Seen>> Questions::tasks_of(queue::Uuid worker) {
  EventLoop& loop = EventLoop::current();
  forget_the_old(loop.now());
  std::shared_ptr<Line>& place = lines_[worker];
  if (!place) place = std::make_shared<Line>();
  const std::shared_ptr<Line> line = place;
  for (;;) {
    if (line->newest && loop.now() - line->at < fresh_for) co_return line->newest;
    if (!line->asking) break;
    co_await line->answered.wait();
  }
  if (asking_ >= most_at_once)
    throw ApiError(ErrorCode::too_many_questions,
                   "so many workers are being asked at this moment: try again in a second");
  const Asking asking(*this, line);
  Task<queue::WorkerAnswer> call = broker_->ask(worker, "dump json", patience);
  auto seen = std::make_shared<Seen>();
  seen->answer = co_await std::move(call);
  seen->at = wall_clock();
  const bool said =
      seen->answer.outcome == queue::Asked::answered || seen->answer.outcome == queue::Asked::cut;
  if (said && !is_json(seen->answer.text))
    seen->answer = queue::WorkerAnswer(queue::Asked::refused, "what it answered is no JSON");
  line->newest = seen;
  line->at = loop.now();
  co_return line->newest;
}

}  // namespace coterie::dashboard
