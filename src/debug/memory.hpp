#pragma once
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace coterie::debug {

/// Memory that may not be there, and may change while it is read: another process's, a core's, our own while
/// a loop is blocked. An address that leads nowhere is an answer, never a crash.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  virtual ~Memory() = default;

  /// All of it, or false.
  [[nodiscard]] virtual bool read(std::uint64_t address, void* to, std::size_t bytes) = 0;

  template <class T>
  [[nodiscard]] std::optional<T> get(std::uint64_t address) {
    T value{};
    if (!read(address, &value, sizeof value)) return std::nullopt;
    return value;
  }
};

/// Of a process, also our own, by process_vm_readv(2).
class ProcessMemory final : public Memory {
 public:
  explicit ProcessMemory(pid_t pid) noexcept : pid_(pid) {}
  bool read(std::uint64_t address, void* to, std::size_t bytes) override;
  /// The errno of the newest read that was refused; 0: none was.
  [[nodiscard]] int error() const noexcept { return error_; }

 private:
  pid_t pid_;
  int error_ = 0;
};

/// Where `coterie_debug_block` stands in a process: in the data of its program or of a library. Nothing: it
/// has none, or may not be looked into (`memory.error()` is EPERM then).
[[nodiscard]] std::optional<std::uint64_t> find_debug_block(pid_t pid, ProcessMemory& memory);

}  // namespace coterie::debug
