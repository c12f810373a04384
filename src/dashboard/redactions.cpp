#include "src/dashboard/redactions.hpp"

#include "coterie/dashboard/dashboard.hpp"
#include "src/queue/redaction.hpp"

namespace coterie::dashboard {
namespace {

constexpr Duration holds_for = std::chrono::seconds(1);

}  // namespace

Redactions::Redactions(std::shared_ptr<queue::Broker> broker, const std::vector<std::string>& fields)
    : broker_(std::move(broker)) {
  try {
    for (const std::string& field : fields) own_.hide(field);
  } catch (const queue::BadRequest& bad) {
    throw BadOptions(bad.what());
  }
}

Task<std::shared_ptr<const queue::Redaction>> Redactions::now() {
  const TimePoint now = EventLoop::current().now();
  if (newest_ && now < at_ + holds_for) co_return newest_;
  const std::optional<std::string> declared = co_await broker_->get_note(queue::redaction_note);
  if (!newest_ || declared.value_or("") != declared_) {
    declared_ = declared.value_or("");
    auto all = std::make_shared<queue::Redaction>(own_);
    all->add_declaration(declared_);
    newest_ = std::move(all);
  }
  at_ = now;
  co_return newest_;
}

}  // namespace coterie::dashboard
