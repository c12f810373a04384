// use_task with Beast: an HTTP request that comes in pieces over a pair of sockets.
#include <gtest/gtest.h>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <string>

#include "coterie/await_outcome.hpp"
#include "coterie/io/asio.hpp"
#include "coterie/run.hpp"
#include "coterie/spawn.hpp"
#include "coterie/timeout.hpp"

namespace coterie::io_test {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace http = boost::beast::http;
using Protocol = asio::local::stream_protocol;
using Socket = asio::basic_stream_socket<Protocol, asio::io_context::executor_type>;

Task<std::string> receive(Socket& socket) {
  boost::beast::flat_buffer buffer;
  http::request_parser<http::string_body> parser;
  co_await http::async_read(socket, buffer, parser, use_task);
  co_return std::string(parser.get().target()) + ": " + parser.get().body();
}

Task<void> request_in_pieces() {
  Socket client(io::asio_context());
  Socket server(io::asio_context());
  asio::local::connect_pair(client, server);
  auto receiving = spawn(receive, std::ref(server));
  const std::string body(100'000, 'x');
  for (const std::string& piece :
       {std::string("POST /echo HT"), std::string("TP/1.1\r\nContent-Length: 100000\r\n\r\n"), body}) {
    co_await asio::async_write(client, asio::buffer(piece), use_task);
    co_await yield();
  }
  EXPECT_EQ(co_await receiving, "/echo: " + body);
  Outcome<std::string> end = co_await outcome(wait_for(1ms, receive(server)));  // no second one comes
  EXPECT_THROW(end.get(), TimeoutError);
}
TEST(UseTaskBeast, ReadsARequestAndCanBeCancelled) {
  run(request_in_pieces());
}

}  // namespace
}  // namespace coterie::io_test
