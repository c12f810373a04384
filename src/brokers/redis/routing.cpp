#include "src/brokers/redis/routing.hpp"

namespace coterie::brokers::redis {
namespace {

/// The finaliser of splitmix64: every bit of the input moves every bit of the output.
std::uint64_t mixed(std::uint64_t value) noexcept {
  value ^= value >> 30;
  value *= 0xbf58'476d'1ce4'e5b9ULL;
  value ^= value >> 27;
  value *= 0x94d0'49bb'1331'11ebULL;
  return value ^ (value >> 31);
}

std::uint64_t read(const std::uint8_t* bytes) noexcept {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8) | bytes[i];
  return value;
}

}  // namespace

std::uint32_t jump_hash(std::uint64_t key, std::uint32_t shards) noexcept {
  std::int64_t last = -1;
  std::int64_t next = 0;
  while (next < static_cast<std::int64_t>(shards)) {
    last = next;
    key = key * 2'862'933'555'777'941'757ULL + 1;
    next = static_cast<std::int64_t>(static_cast<double>(last + 1) *
                                     (static_cast<double>(1LL << 31) / static_cast<double>((key >> 33) + 1)));
  }
  return static_cast<std::uint32_t>(last);
}

std::uint32_t shard_of(const queue::JobId& id, std::uint32_t shards) noexcept {
  if (shards <= 1) return 0;
  return jump_hash(mixed(read(id.bytes.data()) ^ mixed(read(id.bytes.data() + 8))), shards);
}

std::uint32_t shard_of(const queue::JobSpec& job, std::uint32_t shards) noexcept {
  return shard_of(job.id, shards);
}

std::uint32_t shard_of_note(std::string_view key, std::uint32_t shards) noexcept {
  if (shards <= 1) return 0;
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325ULL;  // FNV-1a
  for (const char c : key) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100'0000'01b3ULL;
  return jump_hash(mixed(hash), shards);
}

std::vector<std::uint32_t> homes_of(std::uint64_t rank, std::uint64_t workers, std::uint32_t shards) {
  std::vector<std::uint32_t> homes;
  if (workers == 0) workers = 1;
  if (workers >= shards) {
    homes.push_back(static_cast<std::uint32_t>(rank % shards));
    return homes;
  }
  for (std::uint64_t shard = rank % workers; shard < shards; shard += workers)
    homes.push_back(static_cast<std::uint32_t>(shard));
  return homes;
}

}  // namespace coterie::brokers::redis
