#include "src/queue/headers.hpp"

#include <stdexcept>

namespace coterie::queue {
namespace {

// Seven bits in a byte, the lowest first.
void append(std::string& out, std::string_view text) {
  std::size_t size = text.size();
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(size | 0x80));
  out.push_back(static_cast<char>(size));
  out.append(text);
}

std::string_view take(std::string_view& rest, std::size_t size) {
  if (size > rest.size()) throw std::runtime_error("a job's headers are damaged: they are cut short");
  const std::string_view taken = rest.substr(0, size);
  rest.remove_prefix(size);
  return taken;
}

std::string_view take_text(std::string_view& rest) {
  std::size_t size = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(rest, 1).front());
    size |= static_cast<std::size_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return take(rest, size);
  }
  throw std::runtime_error("a job's headers are damaged: a length is too long");
}

}  // namespace

Headers::Headers(std::initializer_list<value_type> all) {
  if (all.size() != 0) map_ = std::make_unique<Map>(all);
}

const Headers::Map& Headers::none() noexcept {
  static const Map empty;
  return empty;
}

std::string pack_headers(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers) {
    append(out, name);
    append(out, value);
  }
  return out;
}

Headers unpack_headers(std::string_view packed) {
  Headers headers;
  while (!packed.empty()) {
    const std::string_view name = take_text(packed);
    const std::string_view value = take_text(packed);
    headers.emplace(name, value);
  }
  return headers;
}

std::size_t bytes_of(const Headers& headers) noexcept {
  if (headers.empty()) return 0;
  std::size_t bytes = 0;
  for (const auto& [name, value] : headers) bytes += name.size() + value.size();
  return bytes;
}

std::size_t body_bytes(const JobSpec& job) noexcept {
  std::size_t bytes = job.payload.size() + bytes_of(job.headers);
  for (const Attempt& attempt : job.attempts)
    bytes += attempt.worker.size() + attempt.error.type.size() + attempt.error.message.size();
  return bytes;
}

}  // namespace coterie::queue
