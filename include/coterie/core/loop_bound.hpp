#pragma once
#include "coterie/core/leaf.hpp"

namespace coterie {

class ListedWaiter;

/// The base of everything that tasks wait at: it belongs to the loop of the first task that had to wait, for
/// good. A task of another loop that would have to wait gets InvalidState. (asyncio.mixins)
class LoopBound {
 public:
  LoopBound(const LoopBound&) = delete;
  LoopBound& operator=(const LoopBound&) = delete;

 protected:
  LoopBound() = default;
  ~LoopBound() = default;
  /// InvalidState where another loop than its own runs.
  void bind(WaitKind kind);

 private:
  friend class ListedWaiter;
  EventLoop* loop_ = nullptr;
};

}  // namespace coterie
