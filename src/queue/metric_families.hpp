#pragma once
#include <array>

#include "coterie/metrics/snapshot.hpp"

/// The queue's metrics: what docs/metrics.md lists.
namespace coterie::queue::families {

using metrics::Family;
using metrics::Type;

inline constexpr std::array duration_bounds{.005, .01, .025, .05, .1,  .25,  .5,   1.,
                                            2.5,  5.,  10.,  30., 60., 300., 900., 3600.};
inline constexpr std::array wait_bounds{.005, .01, .025, .05, .1,   .25,  .5,   1.,    2.5,
                                        5.,   10., 30.,  60., 120., 300., 600., 1800., 3600.};
inline constexpr std::array attempt_bounds{1., 2., 3., 5., 8., 13., 25.};
inline constexpr std::array call_bounds{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1.};
inline constexpr std::array cancel_bounds{.001, .005, .01, .05, .1, .5, 1., 2.5, 5., 10., 30., 60.};

inline constexpr Family enqueued{"coterie_jobs_enqueued_total", Type::counter,
                                 "Jobs that this process added"};
inline constexpr Family started{"coterie_jobs_started_total", Type::counter, "Runs of jobs that began here"};
inline constexpr Family finished{
    "coterie_jobs_finished_total", Type::counter,
    "Runs that ended here and of which the broker has heard, by what becomes of the job: success, retry and "
    "timeout (it runs again), dead, cancelled, given_back (it runs again, and this run counts for nothing), "
    "lost (another worker had it by then)"};
inline constexpr Family duration{"coterie_job_duration_seconds", Type::histogram, "How long runs took"};
inline constexpr Family wait{"coterie_job_wait_seconds", Type::histogram,
                             "How long jobs waited from when they could run until they began"};
inline constexpr Family attempts{"coterie_job_attempts", Type::histogram,
                                 "Which run of its job ended it: 1 where the first did"};
inline constexpr Family leases_expired{"coterie_leases_expired_total", Type::counter,
                                       "Jobs taken here whose earlier worker was lost while it had them"};
inline constexpr Family slots{"coterie_worker_slots", Type::gauge, "Jobs that the worker holds at most"};
inline constexpr Family busy{"coterie_worker_busy", Type::gauge, "Jobs that run now"};
inline constexpr Family heartbeat{
    "coterie_worker_last_heartbeat_timestamp_seconds", Type::gauge,
    "When the broker last answered the worker, by the broker's clock; 0: never"};
inline constexpr Family worker_info{"coterie_worker_info", Type::gauge, "1; the worker's name is the label"};
inline constexpr Family cancel_latency{"coterie_cancel_latency_seconds", Type::histogram,
                                       "From the cancel of a running job to the end of its run"};

inline constexpr Family call_duration{"coterie_broker_operation_duration_seconds", Type::histogram,
                                      "How long calls of the broker took"};
inline constexpr Family call_errors{"coterie_broker_errors_total", Type::counter,
                                    "Calls of the broker that failed"};
inline constexpr Family connected{"coterie_broker_connected", Type::gauge,
                                  "1 where the newest call found the broker, 0 where it did not"};

inline constexpr Family queue_jobs{"coterie_queue_jobs", Type::gauge, "Jobs in the store, by state"};
inline constexpr Family oldest_ready{
    "coterie_queue_oldest_ready_age_seconds", Type::gauge,
    "For how long the longest waiting job has been ready to run; 0: none waits"};
inline constexpr Family paused{"coterie_queue_paused", Type::gauge,
                               "1 where workers are given no jobs of it"};

inline constexpr Family dropped{"coterie_metrics_dropped_labels_total", Type::counter,
                                "What was counted as `_other` because a family may have no more labels"};

}  // namespace coterie::queue::families
