#include "src/http/parser.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <optional>
#include <string>

#include "src/http/feed.hpp"
#include "src/http/target.hpp"

namespace coterie::http {
namespace {

namespace beast = boost::beast::http;

int status_of(const boost::system::error_code& error) {
  if (error == beast::error::header_limit) return 431;
  if (error == beast::error::body_limit) return 413;
  if (error == beast::error::bad_version) return 505;
  return 400;
}

std::string text_of(boost::beast::string_view view) {
  return std::string(view.data(), view.size());
}

/// What a proxy and this server could read as two different requests: where the body ends, and whom it is for
/// (RFC 9112, 3.2 and 6.3). Of transfer codings only chunked is known.
bool is_ambiguous(const Headers& fields, bool is_1_0) {
  const std::size_t hosts = fields.count("host");
  const std::size_t lengths = fields.count("content-length");
  const std::size_t codings = fields.count("transfer-encoding");
  if (hosts > 1 || (hosts == 0 && !is_1_0) || lengths > 1 || codings > 1) return true;
  return codings == 1 && (is_1_0 || lengths == 1 || !same_name(fields.get("transfer-encoding"), "chunked"));
}

}  // namespace

struct Parser::State {
  explicit State(std::size_t header_bytes) : parser(header_bytes), most(header_bytes) {}
  FieldsOf<beast::request_parser<beast::string_body>> parser;
  bool started = false;
  int error = 0;
  std::size_t least = 0;
  const std::size_t most;
};

Parser::Parser(const ServerLimits& limits) : state_(std::make_unique<State>(limits.header_bytes)) {
  state_->parser.eager(true);
  state_->parser.header_limit(limits.header_bytes);
  state_->parser.body_limit(limits.body_bytes);
}

Parser::~Parser() = default;

std::size_t Parser::feed(std::string_view bytes) {
  if (bytes.empty() || done() || state_->error != 0) return 0;
  state_->started = true;
  boost::system::error_code error;
  const std::size_t taken = feed_to(state_->parser, bytes, state_->least, state_->most, error);
  if (error) state_->error = status_of(error);
  return taken;
}

bool Parser::started() const noexcept {
  return state_->started;
}
bool Parser::has_header() const noexcept {
  return state_->error == 0 && state_->parser.is_header_done();
}
bool Parser::done() const noexcept {
  return state_->error == 0 && state_->parser.is_done();
}
int Parser::error() const noexcept {
  return state_->error;
}

bool Parser::wants_continue() const {
  if (!state_->parser.is_header_done() || state_->parser.is_done()) return false;
  return same_name(state_->parser.fields.get("expect"), "100-continue");
}

bool Parser::take(Request& request) {
  auto message = state_->parser.release();
  request.method = text_of(message.method_string());
  request.headers = std::move(state_->parser.fields);
  const boost::beast::string_view target = message.target();
  if (target.size() + state_->parser.bytes() > state_->most)
    state_->error = 431;
  else if (!read_target(std::string_view(target.data(), target.size()), request) ||
           is_ambiguous(request.headers, message.version() == 10))
    state_->error = 400;
  request.keep_alive = state_->parser.keep_alive();
  request.body = std::move(message.body());
  return state_->error == 0;
}

}  // namespace coterie::http
