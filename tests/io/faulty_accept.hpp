#pragma once
#include <deque>

namespace coterie::io_test {

/// While it lives, accept4(2) in this process fails with these errors first, one a call: as of a kernel that
/// has no more descriptors. (A limit that is really reached disturbs UndefinedBehaviorSanitizer, which needs
/// some itself.)
class FaultyAccept {
 public:
  explicit FaultyAccept(std::deque<int> errors);
  FaultyAccept(const FaultyAccept&) = delete;
  FaultyAccept& operator=(const FaultyAccept&) = delete;
  ~FaultyAccept();
  /// How many are left.
  [[nodiscard]] static std::size_t left();
};

}  // namespace coterie::io_test
