#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "coterie/queue/job.hpp"

namespace coterie::queue {

/// As brokers keep them: of each its name and its value, both behind their lengths. Empty for none.
[[nodiscard]] std::string pack_headers(const Headers& headers);
/// Throws std::runtime_error where that is no such text.
[[nodiscard]] Headers unpack_headers(std::string_view packed);

/// Names and values.
[[nodiscard]] std::size_t bytes_of(const Headers& headers) noexcept;
/// What grows with what the producer wrote, and with what happened elsewhere: payload, headers, attempts.
[[nodiscard]] std::size_t body_bytes(const JobSpec& job) noexcept;

}  // namespace coterie::queue
