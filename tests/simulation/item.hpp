#pragma once
#include <memory>
#include <set>

#include "simulation/support.hpp"

namespace coterie::simulation {

/// Move-only, so that an item is in one place; counts what is alive.
class Item {
 public:
  Item(int number, int& alive) : number_(std::make_unique<int>(number)), alive_(&alive) { ++alive; }
  Item(Item&&) noexcept = default;
  Item& operator=(Item&&) noexcept = default;
  ~Item() {
    if (number_) --*alive_;
  }
  [[nodiscard]] int number() const { return *number_; }

 private:
  std::unique_ptr<int> number_;
  int* alive_;
};

/// The account of what was handed in and out.
struct Account {
  int alive = 0;
  int next = 0;
  std::set<int> in;  // handed in, and not out yet

  void handed_out(const Item& item) {
    EXPECT_EQ(in.count(item.number()), 1U) << "an item that was never handed in, or came out twice";
    in.erase(item.number());
  }
};

}  // namespace coterie::simulation
