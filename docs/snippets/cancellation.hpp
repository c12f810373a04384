// What the fragments of docs/cancellation.md stand on. Compiled in front of them by scripts/check-docs.
#include <coterie/coterie.hpp>

#include <exception>
#include <string>

using namespace coterie;
using namespace std::chrono_literals;

struct Connection {
  Task<std::string> read_line() {
    co_await sleep(1s);
    co_return "line";
  }
  Task<void> say_goodbye() { co_await sleep(1s); }
  void commit() {}
  void roll_back() {}
};
inline Task<void> talk(Connection&) {
  co_await sleep(1s);
}
inline Task<void> send(std::string line) {
  co_await sleep(1s);
  (void)line;
}

/// Commits unless an exception flies.
class CommitOnSuccess {
 public:
  explicit CommitOnSuccess(Connection& connection) : connection_(&connection) {}
  CommitOnSuccess(const CommitOnSuccess&) = delete;
  CommitOnSuccess& operator=(const CommitOnSuccess&) = delete;
  ~CommitOnSuccess() {
    if (std::uncaught_exceptions() == before_)
      connection_->commit();
    else
      connection_->roll_back();
  }

 private:
  Connection* connection_;
  int before_ = std::uncaught_exceptions();
};

/// Rolls back unless it was told that all is done.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void done() { done_ = true; }
  ~Transaction() {
    if (done_)
      connection_->commit();
    else
      connection_->roll_back();
  }

 private:
  Connection* connection_;
  bool done_ = false;
};

inline Connection connection;
