#include "src/http/response_parser.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <string>

#include "src/http/feed.hpp"

namespace coterie::http {
namespace {

namespace beast = boost::beast::http;

void check(const boost::system::error_code& error) {
  if (!error) return;
  if (error == beast::error::header_limit) throw BadResponse("its header is longer than the limit");
  if (error == beast::error::body_limit) throw BadResponse("its body is longer than the limit");
  if (error == beast::error::partial_message || error == beast::error::end_of_stream)
    throw BadResponse("it closed the connection before its response was complete");
  throw BadResponse("it does not answer with HTTP: " + error.message());
}

}  // namespace

struct ResponseParser::State {
  explicit State(std::size_t header_bytes) : parser(header_bytes), most(header_bytes) {}
  FieldsOf<beast::response_parser<beast::string_body>> parser;
  std::size_t least = 0;
  const std::size_t most;
};

ResponseParser::ResponseParser(const ClientOptions& options)
    : state_(std::make_unique<State>(options.header_bytes)) {
  state_->parser.eager(true);
  state_->parser.header_limit(options.header_bytes);
  state_->parser.body_limit(options.body_bytes);
}

ResponseParser::~ResponseParser() = default;

std::size_t ResponseParser::feed(std::string_view bytes) {
  boost::system::error_code error;
  const std::size_t taken = feed_to(state_->parser, bytes, state_->least, state_->most, error);
  check(error);
  return taken;
}

void ResponseParser::feed_end() {
  boost::system::error_code error;
  if (state_->parser.got_some()) state_->parser.put_eof(error);
  check(error);
  if (!done()) throw BadResponse("it closed the connection before its response was complete");
}

bool ResponseParser::done() const noexcept {
  return state_->parser.is_done();
}

Response ResponseParser::take() {
  auto message = state_->parser.release();
  Response response;
  response.status = static_cast<int>(message.result_int());
  response.headers = std::move(state_->parser.fields);
  response.body = std::move(message.body());
  return response;
}

}  // namespace coterie::http
