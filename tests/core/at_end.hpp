#pragma once

#include <utility>

namespace coterie::test {

/// Calls `fn` when the frame goes in which it stands.
template <class Fn>
class AtEnd {
 public:
  explicit AtEnd(Fn fn) : fn_(std::move(fn)) {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { fn_(); }

 private:
  Fn fn_;
};

}  // namespace coterie::test
