#pragma once
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "coterie/http/message.hpp"

namespace coterie::http {

/// A parser of Beast's that keeps the fields itself: Beast adds those of a trailer to them, which nobody
/// between both ends has looked at (RFC 9110, 6.5.1), and its limit holds for what comes at once, not for
/// all.
template <class BeastParser>
class FieldsOf final : public BeastParser {
 public:
  explicit FieldsOf(std::size_t most_bytes) : most_(most_bytes) {}
  Headers fields;
  /// Of all together, with what stands between them.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  void on_field_impl(boost::beast::http::field /*known*/, boost::beast::string_view name,
                     boost::beast::string_view value, boost::system::error_code& error) override {
    if (this->is_header_done()) return;
    bytes_ += name.size() + value.size() + 4;
    if (bytes_ > most_) {
      error = boost::beast::http::error::header_limit;
      return;
    }
    fields.add(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  }

  const std::size_t most_;
  std::size_t bytes_ = 0;
};

/// Gives `bytes` to a parser of Beast's and says how many it took. What it left is to come again, with more
/// behind it. `least`: what the parser waits for, 0 at first; kept from call to call. `most`: what it may
/// leave of a message's body, for Beast limits neither the extensions of a chunk nor the trailer.
template <class BeastParser>
std::size_t feed_to(BeastParser& parser, std::string_view bytes, std::size_t& least, std::size_t most,
                    boost::system::error_code& error) {
  std::size_t taken = 0;
  while (taken < bytes.size() && bytes.size() - taken >= least && !parser.is_done() && !error) {
    const boost::asio::const_buffer rest(bytes.data() + taken, bytes.size() - taken);
    const std::size_t some = parser.put(rest, error);
    taken += some;
    least = 0;
    if (error != boost::beast::http::error::need_more) continue;
    error.clear();
    // Once Beast has seen the zero of the last chunk it asserts that all of "0\r\n\r\n" is there, and aborts
    // where it came in two pieces. No other end of a chunk is shorter.
    if (parser.is_header_done())
      least = std::max<std::size_t>(5, bytes.size() - taken + 1);
    else if (some == 0)
      break;
  }
  if (!error && parser.is_header_done() && !parser.is_done() && bytes.size() - taken > most)
    error = boost::beast::http::error::header_limit;
  return taken;
}

}  // namespace coterie::http
