#pragma once
#include <utility>

namespace coterie::detail {

/// What every guard is: holds something of `owner`, and gives it back at the end of its scope. Movable; one
/// that was moved from, or given up, holds nothing.
template <class Owner, void (Owner::*give_back)() noexcept>
class Hold {
 public:
  explicit Hold(Owner& owner) noexcept : owner_(&owner) {}
  Hold(Hold&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
  /// Gives back what it held before.
  Hold& operator=(Hold&& other) noexcept {
    Hold moved(std::move(other));
    std::swap(owner_, moved.owner_);
    return *this;
  }
  ~Hold() { give_up(); }
  [[nodiscard]] bool holds() const noexcept { return owner_ != nullptr; }

 protected:
  void give_up() noexcept {
    if (owner_ != nullptr) (std::exchange(owner_, nullptr)->*give_back)();
  }

 private:
  Owner* owner_;
};

}  // namespace coterie::detail
