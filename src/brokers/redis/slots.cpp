#include "src/brokers/redis/slots.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace coterie::brokers::redis {
namespace {

/// CRC-16/XMODEM. A key is hashed once for a connection's life, so that a table would be of no use.
std::uint16_t crc16(std::string_view bytes) noexcept {
  std::uint32_t crc = 0;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(byte)) << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1U) ^ ((crc & 0x8000U) != 0 ? 0x1021U : 0U);
    crc &= 0xffffU;
  }
  return static_cast<std::uint16_t>(crc);
}

[[noreturn]] void refuse(const std::string& why) {
  throw UnexpectedReply("CLUSTER SLOTS gave what is no map of slots: " + why);
}

std::uint16_t read_slot(const Reply& reply) {
  const std::int64_t slot = reply.integer();
  if (slot < 0 || slot >= static_cast<std::int64_t>(slot_count))
    refuse("there is no slot " + std::to_string(slot));
  return static_cast<std::uint16_t>(slot);
}

/// [host, port, …]. A node that does not know its own name leaves it out: it is where it was asked.
Address read_node(const Reply& reply, const Address& asked) {
  const Reply& host = reply.at(0);
  const std::int64_t port = reply.at(1).integer();
  const bool left_out = host.is_nil() || host.string().empty() || host.string() == "?";
  if (!left_out && !is_host(host.string())) refuse(host.describe() + " is no name of a node");
  if (port < 1 || port > 65'535) refuse(std::to_string(port) + " is no port");
  return {left_out ? asked.host : host.string(), static_cast<std::uint16_t>(port)};
}

}  // namespace

std::uint16_t slot_of(std::string_view key) noexcept {
  const std::size_t open = key.find('{');
  const std::size_t close = open == std::string_view::npos ? open : key.find('}', open);
  if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  return crc16(key) % slot_count;
}

SlotMap SlotMap::read(const Reply& reply, const Address& asked) {
  SlotMap map;
  for (const Reply& range : reply.array()) {
    const std::uint16_t first = read_slot(range.at(0));
    const std::uint16_t last = read_slot(range.at(1));
    if (last < first)
      refuse("the slots " + std::to_string(first) + " to " + std::to_string(last) + " are none");
    if (map.is_full()) refuse("more than " + std::to_string(nodes_most) + " nodes");
    const std::uint16_t owner = map.number_of(read_node(range.at(2), asked));
    std::fill(map.owner_.begin() + first, map.owner_.begin() + last + 1, owner);
    for (std::size_t i = 3; i < range.array().size(); ++i) {
      const Address replica = read_node(range.at(i), asked);
      if (std::ranges::find(map.replicas_, replica) != map.replicas_.end()) continue;
      if (map.is_full()) refuse("more than " + std::to_string(nodes_most) + " nodes");
      map.replicas_.push_back(replica);
    }
  }
  return map;
}

const Address* SlotMap::master_of(std::uint16_t slot) const noexcept {
  const std::uint16_t owner = owner_[slot % slot_count];
  return owner == 0 ? nullptr : &known_[owner - 1U];
}

void SlotMap::set(std::uint16_t slot, const Address& master) {
  if (!is_full()) owner_[slot % slot_count] = number_of(master);
}

std::uint16_t SlotMap::number_of(const Address& master) {
  const auto found = std::ranges::find(known_, master);
  const auto place = static_cast<std::uint16_t>(found - known_.begin());
  if (found == known_.end()) known_.push_back(master);
  return place + 1U;
}

std::vector<Address> SlotMap::masters() const {
  std::vector<bool> has_slots(known_.size() + 1);
  for (const std::uint16_t owner : owner_) has_slots[owner] = true;
  std::vector<Address> masters;
  for (std::size_t i = 0; i < known_.size(); ++i)
    if (has_slots[i + 1]) masters.push_back(known_[i]);
  return masters;
}

bool SlotMap::is_master(const Address& address) const {
  const auto found = std::ranges::find(known_, address);
  if (found == known_.end()) return false;
  return std::ranges::find(owner_, found - known_.begin() + 1) != owner_.end();
}

std::size_t SlotMap::covered() const noexcept {
  return slot_count - static_cast<std::size_t>(std::ranges::count(owner_, 0));
}

std::optional<Redirection> redirection_of(const Reply& reply, const Address& from) {
  const bool for_good = reply.is_error("MOVED");
  if (!for_good && !reply.is_error("ASK")) return std::nullopt;
  std::string_view text = reply.error();
  text.remove_prefix(text.find(' ') + 1);
  Redirection found;
  found.for_good = for_good;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), found.slot);
  if (error != std::errc{} || found.slot >= slot_count) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::size_t colon = text.rfind(':');
  if (!text.starts_with(' ') || colon == std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(1, colon - 1);
  const std::optional<std::uint16_t> port = read_port(text.substr(colon + 1));
  const bool left_out = host.empty() || host == "?";
  if (!port || (!left_out && !is_host(host))) return std::nullopt;
  found.to = Address(left_out ? from.host : std::string(host), *port);
  return found;
}

}  // namespace coterie::brokers::redis
