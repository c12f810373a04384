#pragma once
#include <cstddef>
#include <memory>
#include <string_view>

#include "coterie/http/message.hpp"
#include "coterie/http/server.hpp"

namespace coterie::http {

/// Reads one request out of bytes as they come. No I/O; only its .cpp knows Beast.
class Parser {
 public:
  explicit Parser(const ServerLimits& limits);
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser();

  /// Takes bytes and says how many; what is left belongs to the next request, or is too little to go on with.
  /// After an error it takes no more.
  std::size_t feed(std::string_view bytes);
  [[nodiscard]] bool started() const noexcept;
  /// All fields are there, if not the body.
  [[nodiscard]] bool has_header() const noexcept;
  [[nodiscard]] bool done() const noexcept;
  /// The client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool wants_continue() const;
  /// The status that says what was wrong; 0: nothing.
  [[nodiscard]] int error() const noexcept;
  /// The request, once done(). Where its target will not do it gives nothing, and error() says why.
  [[nodiscard]] bool take(Request& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coterie::http
