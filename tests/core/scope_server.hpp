#pragma once

// An object that has tasks of its own, for the tests of TaskScope.

#include <string>
#include <utility>
#include <vector>

#include "support/runtime.hpp"

namespace coterie::test {

/// An object whose tasks use it.
template <class How>
class Server {
 public:
  explicit Server(int& alive) : state_(alive, 5) {}
  JoinHandle<void> serve(std::string name, std::vector<int>& out) {
    auto session = [](Server* self, std::vector<int>& values) -> Task<void, How> {
      const Goodbye goodbye(*self, values);
      co_await sleep(1h);
    };
    return tasks_.spawn(named(std::move(name)), session, this, std::ref(out));
  }
  TaskScope& tasks() { return tasks_; }

 private:
  /// Reads the object when the task ends, however it does.
  class Goodbye {
   public:
    Goodbye(Server& server, std::vector<int>& values) : server_(&server), values_(&values) {}
    Goodbye(const Goodbye&) = delete;
    Goodbye& operator=(const Goodbye&) = delete;
    ~Goodbye() { values_->push_back(server_->state_.value()); }

   private:
    Server* server_;
    std::vector<int>* values_;
  };
  Probe state_;
  TaskScope tasks_{"sessions"};
};

}  // namespace coterie::test
