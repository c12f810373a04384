#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/task.hpp"
#include "src/dashboard/filter.hpp"

namespace coterie::dashboard {

/// Many jobs are changed in steps: one request changes about so many, or works for so long, and says where
/// the next one goes on. So each is answered soon, whoever asked sees how far it is, and stops by not asking
/// again.
inline constexpr std::uint64_t step_jobs = 2'000;
inline constexpr std::chrono::milliseconds step_time{1000};

enum class Change : std::uint8_t { cancel, retry };
[[nodiscard]] std::string_view to_string(Change what) noexcept;

/// What a request did. It is filled as the work goes on, so that it holds also where the broker went away on
/// the way.
struct Step {
  std::uint64_t matched = 0;          ///< jobs that it was done to
  std::uint64_t changed = 0;          ///< those of them that it did something to
  std::optional<std::uint64_t> next;  ///< the cursor for the next request; nothing: there is no more to do
  Step() = default;
};

/// These, whatever they are.
[[nodiscard]] Task<void> change_ids(std::shared_ptr<queue::Broker> broker, std::vector<queue::JobId> ids,
                                    Change what, Step* step);
/// What was shown to who asks for a change: no more than these are meant.
struct Counted {
  std::uint64_t most = 0;                  ///< how many they were
  std::optional<queue::UnixMillis> until;  ///< when the newest job was enqueued, matching or not
  Counted() = default;
};

/// By the broker's own clock: when the last of its jobs was enqueued that there are now.
[[nodiscard]] Task<queue::UnixMillis> newest_at(std::shared_ptr<queue::Broker> broker);
/// Those that match behind the cursor `after`, the oldest first, as far as they were counted.
[[nodiscard]] Task<void> change_matching(std::shared_ptr<queue::Broker> broker, Filter filter, Change what,
                                         std::uint64_t after, Counted counted, Step* step);
/// Cancels what waits in the queue, as far as it was counted. What it has done waits no more: its `next` is
/// the start.
[[nodiscard]] Task<void> drain(std::shared_ptr<queue::Broker> broker, std::string queue, Counted counted,
                               Step* step);
/// Forgets jobs that have ended; its `next` is the start, too.
[[nodiscard]] Task<void> forget(std::shared_ptr<queue::Broker> broker, queue::JobFilter jobs,
                                std::uint64_t most, Step* step);

}  // namespace coterie::dashboard
