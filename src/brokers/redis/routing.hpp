#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "coterie/queue/job.hpp"

/// Which shard has what: pure functions, the same in every process and for ever, for what is stored is found
/// by them again.
namespace coterie::brokers::redis {

inline constexpr std::uint32_t shards_most = 256;

/// The shard of a hash, from 0: jump consistent hashing (Lamping and Veach 2014), which spreads evenly. `key`
/// has its bits well mixed.
[[nodiscard]] std::uint32_t jump_hash(std::uint64_t key, std::uint32_t shards) noexcept;

/// Where a job is that is known by its id only.
[[nodiscard]] std::uint32_t shard_of(const queue::JobId& id, std::uint32_t shards) noexcept;
/// Where a new job goes: the one place that decides it. By its id, for a job has no other key yet.
[[nodiscard]] std::uint32_t shard_of(const queue::JobSpec& job, std::uint32_t shards) noexcept;
/// Where a note is.
[[nodiscard]] std::uint32_t shard_of_note(std::string_view key, std::uint32_t shards) noexcept;

/// The shards that a worker takes from first: of `workers`, sorted, it is number `rank`, from 0. Every shard
/// is somebody's; with at least as many workers as shards each worker has one.
[[nodiscard]] std::vector<std::uint32_t> homes_of(std::uint64_t rank, std::uint64_t workers,
                                                  std::uint32_t shards);

}  // namespace coterie::brokers::redis
