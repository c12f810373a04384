#pragma once
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace coterie::http {

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
