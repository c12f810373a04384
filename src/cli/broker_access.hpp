#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/cli/options.hpp"

namespace coterie::cli {

/// For commands that only look at what is there: a file that does not exist, or is empty, is BadBroker
/// and is not made a queue.
[[nodiscard]] std::shared_ptr<queue::Broker> open_existing(const std::string& url,
                                                           const std::string& flag = "--broker");
/// For commands that put jobs in or work on them: makes the file where it does not exist.
[[nodiscard]] std::shared_ptr<queue::Broker> open_shared(const std::string& url,
                                                         const std::string& flag = "--broker");

/// False where nothing has been made yet: there is no file, or an empty one.
[[nodiscard]] bool has_queue(const std::string& url);

/// `wanted` jobs or ids in one call, or as many as the broker takes.
[[nodiscard]] std::uint32_t at_most(const queue::Broker& broker, std::uint64_t wanted);
/// `ids` in parts of which the broker takes each.
[[nodiscard]] std::vector<std::vector<queue::JobId>> in_parts(const queue::Broker& broker,
                                                              const std::vector<queue::JobId>& ids);

/// The URL with `?namespace=name`. UsageError where such a broker has none, or the URL names another one.
[[nodiscard]] std::string with_namespace(const std::string& url, const std::string& name);

/// For what is printed: `***` for each password in it, so that none stands in a log.
[[nodiscard]] std::string without_passwords(std::string url);

/// The file behind the URL; empty where it has none (memory://).
[[nodiscard]] std::string broker_file(const std::string& url);

}  // namespace coterie::cli
