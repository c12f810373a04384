#pragma once
#include <cstddef>
#include <memory>
#include <string_view>

#include "coterie/http/client.hpp"

namespace coterie::http {

/// Reads one response out of bytes as they come. No I/O; only its .cpp knows Beast. Throws BadResponse.
class ResponseParser {
 public:
  explicit ResponseParser(const ClientOptions& options);
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;
  ~ResponseParser();

  /// Takes bytes and says how many.
  std::size_t feed(std::string_view bytes);
  /// Nothing more comes: where that is the response's end, it is done.
  void feed_end();
  [[nodiscard]] bool done() const noexcept;
  /// Once done().
  [[nodiscard]] Response take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coterie::http
