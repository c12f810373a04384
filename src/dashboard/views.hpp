#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::dashboard {

/// A longer text of a job (arguments, result, error) is cut to this in answers; /args and /result give all.
inline constexpr std::size_t preview_bytes = std::size_t{64} << 10;

/// And an error's message to this where many jobs are listed.
inline constexpr std::size_t row_error_bytes = 1024;

/// Of the jobs that a job waits for, and of those that wait for it, so many are named.
inline constexpr std::uint32_t most_links = 50;

/// What the API says about a job: one object, documented as Job in openapi.json.
[[nodiscard]] std::string job_row(const queue::JobInfo& job);
/// The same with its bodies: arguments and result as text, cut to `preview_bytes`, and its failed attempts.
/// `linked`: what the broker knows of the jobs that `links` names, those that it waits for before the others.
[[nodiscard]] std::string job_detail(const queue::JobInfo& job, const queue::JobLinks& links,
                                     const std::vector<std::optional<queue::JobInfo>>& linked);
[[nodiscard]] std::string queue_row(const queue::QueueInfo& queue, bool paused);
/// {"ready":7,…}: of every state, also where there is none.
[[nodiscard]] std::string counts_json(const std::map<queue::JobState, std::uint64_t>& counts);

/// The first `most` bytes, and no half character at their end.
[[nodiscard]] std::string_view cut_text(std::string_view text, std::size_t most) noexcept;

/// Now, by this machine's clock.
[[nodiscard]] queue::UnixMillis wall_clock();

}  // namespace coterie::dashboard
