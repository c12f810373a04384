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

}  // namespace

struct Parser::State {
  beast::request_parser<beast::string_body> parser;
  bool started = false;
  int error = 0;
  std::size_t least = 0;
};

Parser::Parser(const ServerLimits& limits) : state_(std::make_unique<State>()) {
  state_->parser.eager(true);
  state_->parser.header_limit(limits.header_bytes);
  state_->parser.body_limit(limits.body_bytes);
}

Parser::~Parser() = default;

std::size_t Parser::feed(std::string_view bytes) {
  if (bytes.empty() || done() || state_->error != 0) return 0;
  state_->started = true;
  boost::system::error_code error;
  const std::size_t taken = feed_to(state_->parser, bytes, state_->least, error);
  if (error) state_->error = status_of(error);
  return taken;
}

bool Parser::started() const noexcept {
  return state_->started;
}
bool Parser::done() const noexcept {
  return state_->error == 0 && state_->parser.is_done();
}
int Parser::error() const noexcept {
  return state_->error;
}

bool Parser::wants_continue() const {
  if (!state_->parser.is_header_done() || state_->parser.is_done()) return false;
  const boost::beast::string_view expected = state_->parser.get()[beast::field::expect];
  return same_name(std::string_view(expected.data(), expected.size()), "100-continue");
}

bool Parser::take(Request& request) {
  auto message = state_->parser.release();
  request.method = text_of(message.method_string());
  const boost::beast::string_view target = message.target();
  if (!read_target(std::string_view(target.data(), target.size()), request)) {
    state_->error = 400;
    return false;
  }
  for (const auto& field : message) request.headers.add(text_of(field.name_string()), text_of(field.value()));
  // Two of these would let a proxy and this server see two different requests.
  if (request.headers.count("host") > 1 || request.headers.count("content-length") > 1 ||
      (request.headers.has("content-length") && request.headers.has("transfer-encoding"))) {
    state_->error = 400;
    return false;
  }
  request.keep_alive = message.keep_alive();
  request.body = std::move(message.body());
  return true;
}

}  // namespace coterie::http
