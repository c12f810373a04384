#include "coterie/io/server.hpp"

#include <stdexcept>
#include <system_error>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/core/linked_list.hpp"
#include "coterie/loop.hpp"
#include "coterie/scope.hpp"
#include "coterie/sync/semaphore.hpp"
#include "coterie/timeout.hpp"
#include "src/io/listener_state.hpp"
#include "src/io/socket_transport.hpp"

namespace coterie::io {

struct detail::ServerState {
  /// In the server's list as long as its handler runs.
  class Connection : public ListNode {
   public:
    explicit Connection(std::shared_ptr<DescriptorState> socket) : socket_(std::move(socket)) {}
    void abort() noexcept {
      aborted_ = true;
      socket_->close();
    }
    [[nodiscard]] bool aborted() const noexcept { return aborted_; }

   private:
    const std::shared_ptr<DescriptorState> socket_;
    bool aborted_ = false;
  };

  ServerState(Listener at, std::unique_ptr<ConnectionHandler> with, ServerOptions chosen)
      : listener(std::move(at)),
        handler(std::move(with)),
        options(std::move(chosen)),
        permits(options.max_connections) {}

  Task<void> accept_all();
  Task<void> serve(Accepted accepted, Permit permit);
  Task<Stream> open(Accepted accepted);
  void close() noexcept;

  Listener listener;
  const std::unique_ptr<ConnectionHandler> handler;
  const ServerOptions options;
  Semaphore permits;
  LinkedList<Connection> list;
  TaskScope handlers{"connections"};
  TaskScope accepting{"server"};
};

namespace {

using detail::Accepted;
using detail::ServerState;

void report(const char* what, std::exception_ptr error) {
  TaskRec& task = EventLoop::require_task();
  task.loop().report(task, what, std::move(error));
}

Task<void> accept_all(ServerState* server) {
  Task<void> accepting = server->accept_all();
  const Outcome<void> end = co_await outcome(std::move(accepting));
  if (end.cancelled()) (void)end.get();
  report("A server has to stop listening", end.error());
  server->close();
}

Task<void> serve_one(ServerState* server, Accepted accepted, Permit permit) {
  return server->serve(std::move(accepted), std::move(permit));
}

}  // namespace

Task<void> detail::ServerState::accept_all() {
  for (;;) {
    Permit permit = co_await permits.scoped();  // first: what cannot be served stays in the kernel
    Accepted accepted = co_await listener.accept_socket();
    SpawnOptions named("connection from " + accepted.peer);
    handlers.spawn(std::move(named), serve_one, this, std::move(accepted), std::move(permit));
    co_await yield();  // where many come at once, their handlers run, too
  }
}

Task<Stream> detail::ServerState::open(Accepted accepted) {
  Stream stream(std::make_unique<SocketTransport>(std::move(accepted.socket), std::move(accepted.peer)),
                accepted.options);
  if (!options.tls) co_return stream;
  co_return co_await start_tls(std::move(stream), *options.tls);
}

Task<void> detail::ServerState::serve(Accepted accepted, Permit permit) {
  const Permit held = std::move(permit);
  Connection connection(accepted.socket.state());
  list.push_back(connection);
  Task<Stream> opening = open(std::move(accepted));
  Outcome<Stream> opened = co_await outcome(std::move(opening));
  if (opened.has_exception()) {  // the client's business, see ServerOptions::tls
    if (EventLoop::current().debug()) report("A client failed to begin TLS", opened.error());
    co_return;
  }
  Task<void> handling = handler->handle(std::move(opened).get());
  const Outcome<void> end = co_await outcome(std::move(handling));
  if (end.cancelled()) (void)end.get();
  if (end.has_exception() && !connection.aborted())
    report("Unhandled exception in the handler of a connection", end.error());
}

void detail::ServerState::close() noexcept {
  accepting.cancel();
  listener.close();
}

Server::Server(Listener listener, std::unique_ptr<detail::ConnectionHandler> handler, ServerOptions options) {
  if (options.max_connections == 0)
    throw std::invalid_argument("ServerOptions::max_connections is 0: this server could serve nobody");
  state_ = std::make_unique<ServerState>(std::move(listener), std::move(handler), std::move(options));
  SpawnOptions named("server at " + state_->listener.str());
  state_->accepting.spawn(std::move(named), accept_all, state_.get());
}

Server::~Server() {
  close();
}

void Server::close() noexcept {
  state_->close();
}

Task<void> Server::wait_closed() {
  // It accepts until it is closed; from then on handlers only become fewer.
  co_await state_->accepting.join();
  co_await state_->handlers.join();
}

Task<void> Server::serve_forever() {
  Task<void> waiting = wait_closed();
  const Outcome<void> end = co_await outcome(std::move(waiting));
  if (end.cancelled()) co_await stop(Duration::zero());
  end.get();
}

Task<void> Server::stop(Duration grace) {
  close();
  Task<void> waiting = wait_closed();
  if (grace != Duration::max()) waiting = wait_for(grace, std::move(waiting));
  const Outcome<void> end = co_await outcome(std::move(waiting));
  co_await state_->accepting.close();
  co_await state_->handlers.close();
  if (end.cancelled()) end.get();
}

void Server::close_clients() {
  state_->handlers.cancel();
}

void Server::abort_clients() noexcept {
  auto& list = state_->list;
  for (auto* each = list.first(); each != nullptr; each = list.next(*each)) each->abort();
}

bool Server::is_serving() const noexcept {
  return !state_->listener.closed();
}
std::size_t Server::connections() const noexcept {
  return state_->handlers.size();
}
const Listener& Server::listener() const noexcept {
  return state_->listener;
}

}  // namespace coterie::io
