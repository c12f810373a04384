#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "coterie/dashboard/dashboard.hpp"
#include "src/dashboard/accounts.hpp"
#include "src/dashboard/bulk.hpp"
#include "src/dashboard/guard.hpp"
#include "src/dashboard/monitor.hpp"
#include "src/dashboard/questions.hpp"
#include "src/dashboard/redactions.hpp"
#include "src/dashboard/router.hpp"

namespace coterie::dashboard {

/// Everything between a request and the broker: who asks, what may be asked, and the answers.
class Service {
 public:
  /// BadOptions.
  Service(std::shared_ptr<queue::Broker> broker, DashboardOptions options);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() = default;

  [[nodiscard]] Task<http::Response> answer(http::Request request);
  [[nodiscard]] Monitor& monitor() noexcept { return monitor_; }
  [[nodiscard]] const Router& router() const noexcept { return router_; }

  /// Streams at a time; the next is a 503.
  static constexpr std::size_t most_streams = 64;

 private:
  using Reply = Task<http::Response>;
  void add_routes();
  Reply dispatch(http::Request request);
  /// What no route answers: a page, or why not.
  [[nodiscard]] http::Response unrouted(const http::Request& request) const;
  /// Nothing where nobody is known.
  [[nodiscard]] std::optional<Caller> caller_of(const http::Request& request) const;
  /// 401 where nobody is known.
  [[nodiscard]] Caller authenticate(const http::Request& request) const;
  void require(const Route& route, const Caller& caller) const;

  // api_read.cpp
  Reply overview(Call call);
  Reply history(Call call);
  Reply jobs(Call call);
  Reply count_jobs(Call call);
  Reply job(Call call);
  Reply body(Call call, bool result);
  Reply metrics(Call call);
  Reply health(Call call);
  Reply ready(Call call);
  Reply openapi(Call call);
  // api_workers.cpp
  Reply workers(Call call);
  Reply worker_tasks(Call call);
  void audit_look(const Caller& caller, const queue::Uuid& worker);
  // api_change.cpp
  Reply retry_one(Call call);
  Reply cancel_one(Call call);
  Reply clone(Call call);
  Reply drain_queue(Call call);
  Reply bulk(Call call, Change what);
  Reply purge(Call call);
  Reply change_each(Caller caller, std::vector<queue::JobId> ids, Change what);
  Reply finish(Task<void> work, const Step* step, Caller caller, Deed deed);
  class Written;
  Reply set_paused(Call call, bool paused);
  // api_session.cpp
  Reply session(Call call);
  Reply login(Call call);
  Reply logout(Call call);
  // events.cpp
  Reply events(Call call);
  Task<void> follow(http::Writer& writer, std::shared_ptr<const http::Request> asked,
                    std::vector<std::string> topics);
  // pages.cpp
  [[nodiscard]] http::Response page(const http::Request& request) const;

  void audit(const Caller& caller, const Deed& deed, std::uint64_t count) const;

  std::shared_ptr<queue::Broker> broker_;
  DashboardOptions options_;
  Guard guard_;
  bool open_;                                 ///< nobody has to say who they are
  std::shared_ptr<const Accounts> accounts_;  ///< shared with a thread that checks a password; null: open_
  Sessions sessions_;
  LoginLimit logins_;
  Monitor monitor_;
  Questions questions_;
  Redactions redactions_;
  std::map<std::pair<std::string, queue::Uuid>, TimePoint>
      looks_;  ///< that stand in the audit log, and since when
  Router router_;
  std::size_t streams_ = 0;
};

}  // namespace coterie::dashboard
