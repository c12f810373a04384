#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::dashboard {

/// A longer text of a job (arguments, result, error) is cut to this in answers; /args and /result give all.
inline constexpr std::size_t preview_bytes = std::size_t{64} << 10;

/// What the API says about a job: one object, documented as Job in openapi.json.
[[nodiscard]] std::string job_row(const queue::JobInfo& job);
/// The same with its bodies: arguments and result as text, cut to `preview_bytes`.
[[nodiscard]] std::string job_detail(const queue::JobInfo& job, const std::optional<queue::JobExport>& links);
[[nodiscard]] std::string queue_row(const queue::QueueInfo& queue, bool paused);

/// The first `most` bytes, and no half character at their end.
[[nodiscard]] std::string_view cut_text(std::string_view text, std::size_t most) noexcept;

/// Now, by this machine's clock.
[[nodiscard]] queue::UnixMillis wall_clock();

}  // namespace coterie::dashboard
