#pragma once
#include <memory>
#include <string>

#include "coterie/io/stream.hpp"

namespace coterie::io::detail {

/// What a Stream is made of, taken out of it: for another one on top.
struct StreamParts {
  /// InvalidState while a call reads or writes; ECONNRESET when it is closed, or a write was cut off.
  explicit StreamParts(Stream&& stream);
  std::unique_ptr<Transport> transport;
  std::string buffered;
  bool ended = false;
  StreamOptions options;
};

}  // namespace coterie::io::detail
