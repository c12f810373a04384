#pragma once
#include <memory>
#include <string>

#include "coterie/queue/broker.hpp"
#include "src/cli/options.hpp"

namespace coterie::cli {

/// For commands that only look at what is there: a file that does not exist is BadBroker and is not made.
[[nodiscard]] std::shared_ptr<queue::Broker> open_existing(const std::string& url);
/// For commands that put jobs in or work on them: makes the file where it does not exist.
[[nodiscard]] std::shared_ptr<queue::Broker> open_shared(const std::string& url);

/// False where nothing has been made yet: there is no file, or an empty one.
[[nodiscard]] bool has_queue(const std::string& url);

/// The file behind the URL; empty where it has none (memory://).
[[nodiscard]] std::string broker_file(const std::string& url);

}  // namespace coterie::cli
