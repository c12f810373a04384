// use_task with Beast: an HTTP request that comes in pieces over a pair of sockets.
#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include <string>

#include "coterie/io/asio.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"

namespace coterie::io_test {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Protocol = asio::local::stream_protocol;
using Socket = asio::basic_stream_socket<Protocol, asio::io_context::executor_type>;

Task<std::string> receive(Socket& socket) {
  boost::beast::flat_buffer buffer;
  http::request_parser<http::empty_body> parser;
  co_await http::async_read_header(socket, buffer, parser, use_task);
  co_return std::string(parser.get().target());
}

Task<void> request_in_pieces() {
  Socket client(io::asio_context());
  Socket server(io::asio_context());
  asio::local::connect_pair(client, server);
  auto receiving = spawn(receive, std::ref(server));
  for (const std::string& piece : {std::string("POST /echo HT"), std::string("TP/1.1\r\nHost: a\r\n\r\n")}) {
    EXPECT_EQ(::write(client.native_handle(), piece.data(), piece.size()),
              static_cast<ssize_t>(piece.size()));
    co_await yield();
  }
  EXPECT_EQ(co_await receiving, "/echo");
  auto waiting = spawn(receive, std::ref(server));  // for a second one, which does not come
  co_await yield();
  waiting.cancel();
  co_await waiting.wait();
  EXPECT_TRUE(waiting.cancelled());
}
TEST(UseTaskBeast, ReadsARequestAndCanBeCancelled) {
  run(request_in_pieces());
}

}  // namespace
}  // namespace coterie::io_test
