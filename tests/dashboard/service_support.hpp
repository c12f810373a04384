#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "src/dashboard/service.hpp"
#include "src/http/target.hpp"

namespace coterie::dashboard_test {

/// A request as a program sends it.
inline http::Request request(const std::string& method, const std::string& target,
                             const std::string& body = {}) {
  http::Request made;
  made.method = method;
  if (!http::read_target(target, made)) throw std::invalid_argument("no target of a request: " + target);
  made.headers.add("Host", "localhost:8420");
  if (method == "POST") made.headers.add("Content-Type", "application/json");
  made.body = body;
  made.peer = "127.0.0.1:4711";
  return made;
}

/// A dashboard of a broker in memory, without a network.
struct World {
  explicit World(dashboard::DashboardOptions options = {},
                 std::shared_ptr<queue::Broker> at = queue::open_broker("memory://"))
      : broker(std::move(at)), client(broker), service(broker, audited(std::move(options))) {}

  Task<http::Response> ask(http::Request what) { return service.answer(std::move(what)); }
  Task<std::string> text(std::string method, std::string target, std::string body = {}) {
    Task<std::string> asking = text(request(method, target, body));
    co_return co_await std::move(asking);
  }
  Task<std::string> text(http::Request what) {
    Task<http::Response> asking = ask(std::move(what));
    const http::Response response = co_await std::move(asking);
    co_return std::to_string(response.status) + " " + response.body;
  }
  Task<int> status(http::Request what) {
    Task<http::Response> asking = ask(std::move(what));
    const http::Response response = co_await std::move(asking);
    co_return response.status;
  }
  /// Enqueues and gives the id.
  Task<std::string> add(std::string name, std::string payload = "null", std::string queue = "default") {
    queue::JobSpec spec(std::move(name), std::move(payload));
    spec.queue = std::move(queue);
    Task<queue::JobId> adding = client.enqueue(std::move(spec));
    const queue::JobId id = co_await std::move(adding);
    co_return id.str();
  }

  /// A worker takes so many jobs and holds them.
  Task<queue::CycleReply> take(std::string worker, std::uint32_t jobs = 1) {
    taker = queue::CycleRequest();
    taker.worker.name = std::move(worker);
    taker.worker.incarnation = queue::new_uuid();
    taker.seq = 1;
    taker.queues = {"default"};
    taker.want = jobs;
    return broker->cycle(taker);
  }
  /// A worker takes the next job, which fails.
  Task<void> fail_next(std::string worker, queue::JobError error,
                       queue::FailKind kind = queue::FailKind::dead) {
    Task<queue::CycleReply> taking = take(std::move(worker));
    const queue::CycleReply taken = co_await std::move(taking);
    ++taker.seq;
    taker.want = 0;
    taker.failed.emplace_back(taken.leases.at(0).ref, kind, std::move(error));
    Task<queue::CycleReply> failing = broker->cycle(taker);
    (void)co_await std::move(failing);
  }

  dashboard::DashboardOptions audited(dashboard::DashboardOptions options) {
    options.audit = [this](std::string_view line) { audit.emplace_back(line); };
    return options;
  }
  std::vector<std::string> audit;
  std::shared_ptr<queue::Broker> broker;
  queue::Client client;
  queue::CycleRequest taker;  // the newest worker's last call
  dashboard::Service service;
};

}  // namespace coterie::dashboard_test
