#include "coterie/queue/id.hpp"

#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

#include <cerrno>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <type_traits>

#include "src/queue/seeded_ids.hpp"

namespace coterie::queue {
namespace {

constexpr char digits[] = "0123456789abcdef";

constexpr bool dash_before(std::size_t byte) noexcept {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void set_version(Uuid& id, std::uint8_t version) {
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | (version << 4));
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);
}

/// Random bytes from the kernel, fetched some thousand at a time: a system call for each id would cost more
/// than the rest of an enqueue. A forked child must not repeat its parent's, so it starts with none.
class RandomBytes {
 public:
  void fill(std::uint8_t* out, std::size_t count) {
    if (left_ < count) refill();
    left_ -= count;
    std::uint8_t* const from = buffer_.data() + left_;
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = from[i];
      from[i] = 0;
    }
  }
  void forget() noexcept { left_ = 0; }

 private:
  void refill() {
    std::size_t have = 0;
    while (have < buffer_.size()) {
      const ssize_t got = getrandom(buffer_.data() + have, buffer_.size() - have, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw std::system_error(errno, std::generic_category(), "getrandom, for a new id");
      have += static_cast<std::size_t>(got);
    }
    left_ = buffer_.size();
  }
  std::array<std::uint8_t, 4096> buffer_{};
  std::size_t left_ = 0;
};

/// All ids of a process come from here. The counter has 26 bits: `rand_a` and the first 14 bits of `rand_b`
/// (RFC 9562 §6.2, method 1). It starts each millisecond at a random number with its highest bit clear; where
/// it overflows nevertheless, and where the clock goes back, the ids' time runs ahead of the clock.
class Generator {
 public:
  Uuid next() {
    const std::lock_guard lock(mutex_);
    if (!watches_fork_) {
      watches_fork_ = pthread_atfork([] { shared_.mutex_.lock(); }, [] { shared_.mutex_.unlock(); },
                                     [] { shared_.random_.forget(), shared_.mutex_.unlock(); }) == 0;
    }
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    const auto now =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(wall).count());
    if (now > milliseconds_) {
      milliseconds_ = now;
      std::array<std::uint8_t, 4> seed{};
      random_.fill(seed.data(), seed.size());
      counter_ = (std::uint32_t{seed[0]} << 24 | std::uint32_t{seed[1]} << 16 | std::uint32_t{seed[2]} << 8 |
                  seed[3]) &
                 (counter_end / 2 - 1);
    } else if (++counter_ == counter_end) {
      ++milliseconds_;
      counter_ = 0;
    }
    Uuid id;
    for (std::size_t i = 0; i < 6; ++i)
      id.bytes[i] = static_cast<std::uint8_t>(milliseconds_ >> (40 - 8 * i));
    id.bytes[6] = static_cast<std::uint8_t>(counter_ >> 22);
    id.bytes[7] = static_cast<std::uint8_t>(counter_ >> 14);
    id.bytes[8] = static_cast<std::uint8_t>((counter_ >> 8) & 0x3F);
    id.bytes[9] = static_cast<std::uint8_t>(counter_);
    random_.fill(&id.bytes[10], 6);
    set_version(id, 7);
    return id;
  }

  static Generator& shared() noexcept { return shared_; }

 private:
  static constexpr std::uint32_t counter_end = std::uint32_t{1} << 26;
  static Generator shared_;
  std::mutex mutex_;
  RandomBytes random_;
  std::uint64_t milliseconds_ = 0;
  std::uint32_t counter_ = 0;
  bool watches_fork_ = false;
};

// Initialised before any code runs and never destroyed, so ids can be made while statics come and go.
constinit Generator Generator::shared_;
static_assert(std::is_trivially_destructible_v<Generator>);

constinit thread_local SeededIds* seeded_ids = nullptr;

}  // namespace

SeededIds::SeededIds(std::uint64_t seed) : seed_(seed) {
  if (seeded_ids != nullptr) throw std::logic_error("this thread's ids are seeded already");
  seeded_ids = this;
}
SeededIds::~SeededIds() {
  seeded_ids = nullptr;
}
SeededIds* SeededIds::of_this_thread() noexcept {
  return seeded_ids;
}

Uuid SeededIds::next() noexcept {
  // The hash of an id looks at its last eight bytes: the seed must reach those too.
  const std::uint64_t mixed = (seed_ + ++count_) * 0x9E37'79B9'7F4A'7C15U;
  Uuid id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(count_ >> (56 - 8 * i));
    id.bytes[8 + i] = static_cast<std::uint8_t>(mixed >> (56 - 8 * i));
  }
  set_version(id, 8);
  return id;
}

std::string Uuid::str() const {
  std::string out(36, '-');
  char* at = out.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (dash_before(i)) ++at;
    *at++ = digits[bytes[i] >> 4];
    *at++ = digits[bytes[i] & 0x0F];
  }
  return out;
}

Uuid new_uuid() {
  if (SeededIds* const seeded = SeededIds::of_this_thread()) return seeded->next();
  return Generator::shared().next();
}

Uuid derived_uuid(std::string_view seed) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(seed.data(), seed.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 || size < 16) {
    throw std::runtime_error(
        "SHA-256 for a derived id: OpenSSL refused it; is its default provider configured?");
  }
  Uuid id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = digest[i];
  set_version(id, 8);
  return id;
}

std::optional<Uuid> parse_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  std::size_t at = 0;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (dash_before(i) && text[at++] != '-') return std::nullopt;
    const int high = hex_digit(text[at]);
    const int low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

}  // namespace coterie::queue
