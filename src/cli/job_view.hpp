#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/queue/job.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {

/// A job as one line of JSON. Times are milliseconds since 1970, null where there is none; payload and result
/// stand in it where `bodies` says that they were asked for.
[[nodiscard]] std::string job_json(const queue::JobInfo& job, bool bodies);

/// The listing's columns, and a job's row in it. `now`: for ages.
[[nodiscard]] Table job_table();
void add_job_row(Table& table, const queue::JobInfo& job, queue::UnixMillis now);

/// All that is known of one job, for people: lines, printable.
[[nodiscard]] std::vector<std::string> job_lines(const queue::JobInfo& job, queue::UnixMillis now);
void print_job(Output& out, const queue::JobInfo& job, queue::UnixMillis now);

/// What came of a cancel, in small letters.
[[nodiscard]] std::string_view explain(queue::CancelResult result) noexcept;

/// This machine's wall clock, for ages and for times from now; what brokers stamp is their own.
[[nodiscard]] queue::UnixMillis wall_clock();

}  // namespace coterie::cli
