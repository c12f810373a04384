#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace coterie {

class Runtime;

/// Which loop of a Runtime a task goes to: what Runtime::spawn() is told.
///
///     // Work that may run anywhere:
///     runtime.spawn(Placement::least_loaded(), resize, image);
///     // All of one user's on one loop, so without locks:
///     runtime.spawn(Placement::by_key(user.name), answer, request);
///     // Beside what runs now:
///     runtime.spawn(Placement::here(), log, line);
///
/// For one of your own derive from this; Runtime tells how many loops there are, what each has to do and
/// whether it still serves.
class Placement {
 public:
  class LeastLoaded;
  class ByKey;
  class Here;

  /// See LeastLoaded.
  [[nodiscard]] static LeastLoaded least_loaded() noexcept;
  /// See ByKey. By std::hash, which is the same in the whole process; text by what it says.
  template <class Key>
  [[nodiscard]] static ByKey by_key(const Key& key) noexcept;
  /// See Here.
  [[nodiscard]] static Here here() noexcept;

  /// The number of a loop. Called by the thread that spawns, by several at once; what it throws comes out of
  /// spawn().
  [[nodiscard]] virtual std::size_t choose(const Runtime& runtime) const = 0;

 protected:
  Placement() = default;
  Placement(const Placement&) = default;
  Placement& operator=(const Placement&) = default;
  ~Placement() = default;
};

/// The loop with the least load, see Runtime::load(), of equals the first; one that has stopped has no part.
/// Two threads that ask at the same moment may get the same.
class Placement::LeastLoaded final : public Placement {
 public:
  LeastLoaded() noexcept = default;
  [[nodiscard]] std::size_t choose(const Runtime& runtime) const override;
};

/// Equal keys meet on one loop, so that what belongs to a key needs no lock between threads. Keys are spread
/// evenly, however alike they are (rendezvous hashing): with another number of loops, or when a loop stops
/// alone, only the keys move that must.
class Placement::ByKey final : public Placement {
 public:
  explicit ByKey(std::uint64_t hash) noexcept : hash_(hash) {}
  [[nodiscard]] std::size_t choose(const Runtime& runtime) const override;

 private:
  std::uint64_t hash_;
};

/// The loop that runs on this thread; std::logic_error where it is none of the Runtime's.
class Placement::Here final : public Placement {
 public:
  Here() noexcept = default;
  [[nodiscard]] std::size_t choose(const Runtime& runtime) const override;
};

inline Placement::LeastLoaded Placement::least_loaded() noexcept {
  return {};
}

template <class Key>
Placement::ByKey Placement::by_key(const Key& key) noexcept {
  if constexpr (std::convertible_to<const Key&, std::string_view>)
    return ByKey(std::hash<std::string_view>()(key));
  else
    return ByKey(std::hash<Key>()(key));
}

inline Placement::Here Placement::here() noexcept {
  return {};
}

}  // namespace coterie
