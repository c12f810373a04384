#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "src/brokers/redis/address.hpp"
#include "src/brokers/redis/reply.hpp"

namespace coterie::brokers::redis {

/// Into so many slots Redis Cluster divides all keys.
inline constexpr std::size_t slot_count = 16'384;
/// Of one cluster, replicas too: twice what Redis is made for.
inline constexpr std::size_t nodes_most = 2'000;

/// The slot of a key: of what stands between the first `{` and the next `}`, or of the whole key.
[[nodiscard]] std::uint16_t slot_of(std::string_view key) noexcept;

/// Which master has which slot, and who else belongs to the cluster.
class SlotMap {
 public:
  SlotMap() = default;
  /// What CLUSTER SLOTS gave. `asked`: who gave it, whose host stands for one that is left out. Throws
  /// UnexpectedReply, which says what is wrong with it.
  [[nodiscard]] static SlotMap read(const Reply& reply, const Address& asked);

  /// Null where nobody has it.
  [[nodiscard]] const Address* master_of(std::uint16_t slot) const noexcept;
  /// Nothing happens where that would be one node too many.
  void set(std::uint16_t slot, const Address& master);
  /// Those that have a slot, each once.
  [[nodiscard]] std::vector<Address> masters() const;
  [[nodiscard]] bool is_master(const Address& address) const;
  [[nodiscard]] const std::vector<Address>& replicas() const noexcept { return replicas_; }
  /// How many slots some master has.
  [[nodiscard]] std::size_t covered() const noexcept;

 private:
  [[nodiscard]] std::uint16_t number_of(const Address& master);
  [[nodiscard]] bool is_full() const noexcept { return known_.size() + replicas_.size() >= nodes_most; }

  std::vector<Address> known_;                     // masters
  std::array<std::uint16_t, slot_count> owner_{};  // 1 and up: place in known_; 0: nobody
  std::vector<Address> replicas_;
};

/// A node's answer that the key's slot is elsewhere: "MOVED 3999 10.0.0.7:6381" for good, "ASK 3999 …" while
/// it is being moved, for keys that are not here any more.
struct Redirection {
  bool for_good = false;
  std::uint16_t slot = 0;
  Address to;
  Redirection() = default;
};
/// Nothing where the reply is none. `from`: who gave it, see SlotMap::read.
[[nodiscard]] std::optional<Redirection> redirection_of(const Reply& reply, const Address& from);

}  // namespace coterie::brokers::redis
