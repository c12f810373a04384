#include "coterie/core/loop_bound.hpp"

#include <string>

#include "coterie/loop.hpp"
#include "coterie/spawn.hpp"

namespace coterie {

void LoopBound::bind(WaitKind kind) {
  EventLoop& current = EventLoop::current();
  if (loop_ == nullptr) loop_ = &current;
  if (loop_ != &current)
    throw InvalidState("cannot wait for " + std::string(to_string(kind)) +
                       " here: the object is bound to a different event loop");
  watched_ = current.debug();
}

void LoopBound::check_loop() const {
  loop_->check_usable();
}

}  // namespace coterie
