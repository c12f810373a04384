#pragma once
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>

#include <functional>
#include <memory>
#include <utility>

#include "coterie/io/asio.hpp"

namespace coterie::io_test {

namespace asio = boost::asio;

/// An operation in the test's hand: what it was begun with, and how it ends.
template <class... Args>
class Manual {
 public:
  template <class Token = use_task_t>
  auto begin(Token token = use_task) {
    return asio::async_initiate<Token, void(Args...)>(
        [this](auto handler) {
          auto slot = asio::get_associated_cancellation_slot(handler);
          if (slot.is_connected()) slot.assign([this](asio::cancellation_type) { ++cancels; });
          auto kept = std::make_shared<decltype(handler)>(std::move(handler));
          end = [kept](Args... args) { std::move (*kept)(std::move(args)...); };
        },
        token);
  }
  [[nodiscard]] bool begun() const { return static_cast<bool>(end); }

  std::function<void(Args...)> end;
  int cancels = 0;
};

}  // namespace coterie::io_test
