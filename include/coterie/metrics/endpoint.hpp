#pragma once
#include <functional>
#include <string>

#include "coterie/io/listen.hpp"
#include "coterie/task.hpp"

namespace coterie::metrics {

/// Serves `page()` to Prometheus at /metrics on `listener`, until it is cancelled: for programs that serve no
/// HTTP otherwise. GET and HEAD of HTTP/1.1, a request a connection; a request has 16 KiB and ten seconds,
/// there are 16 connections at a time. Where page() throws, the answer is 503 and what it says.
///
/// It asks nobody for a name or a password: listen at a loopback address, or where only Prometheus can come.
///
///     io::Listener listener = co_await io::listen_tcp("127.0.0.1", 9464);
///     co_await metrics::serve(std::move(listener), scrape_registry);
[[nodiscard]] Task<void> serve(io::Listener listener, std::function<Task<std::string>()> page);

}  // namespace coterie::metrics
