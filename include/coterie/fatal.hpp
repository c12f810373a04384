#pragma once
#include <exception>
#include <string>
#include <utility>

namespace coterie {

/// Thrown to end the program in good order, from whatever depth: what KeyboardInterrupt and SystemExit are in
/// asyncio. A task or a callback that ends with it ends the loop's run: the tick that runs is the last one,
/// and `Fatal` comes out of run(), after the other tasks were cancelled and have ended.
///
/// No `std::exception`, so that handlers of ordinary errors let it pass. A task_group() whose body or child
/// ends with it throws it bare, not in an ExceptionGroup.
class Fatal final {
 public:
  explicit Fatal(std::string reason) : reason_(std::move(reason)) {}
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  std::string reason_;
};

namespace detail {
/// Asked without throwing it again.
[[nodiscard]] bool is_fatal(const std::exception_ptr& error) noexcept;
}  // namespace detail

}  // namespace coterie
