#include "src/debug/memory.hpp"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "src/core/debug_block.hpp"

namespace coterie::debug {
namespace {

using coterie::detail::debug_magic;
using coterie::detail::DebugBlock;

constexpr std::uint64_t most_mapped = std::uint64_t{64} << 20;  // data of one file that is looked through
constexpr std::size_t chunk = std::size_t{1} << 20;

std::optional<std::uint64_t> find_in(std::uint64_t begin, std::uint64_t end, Memory& memory) {
  std::vector<char> bytes(chunk);
  for (std::uint64_t at = begin; at < end; at += chunk) {
    const std::size_t size = std::min<std::uint64_t>(chunk, end - at);
    if (!memory.read(at, bytes.data(), size)) return std::nullopt;
    // The block is aligned: its magic does not cross a chunk's end.
    for (std::size_t i = 0; i + sizeof debug_magic <= size; i += alignof(DebugBlock)) {
      if (std::memcmp(bytes.data() + i, debug_magic, sizeof debug_magic) != 0) continue;
      const auto self = memory.get<std::uint64_t>(at + i + offsetof(DebugBlock, self));
      if (self == at + i) return at + i;
    }
  }
  return std::nullopt;
}

}  // namespace

bool ProcessMemory::read(std::uint64_t address, void* to, std::size_t bytes) {
  iovec local{to, bytes};
  iovec remote{reinterpret_cast<void*>(address), bytes};  // NOLINT(performance-no-int-to-ptr)
  // The system call itself: sanitizers would look at the addresses that we do not trust.
  const long done = ::syscall(SYS_process_vm_readv, pid_, &local, 1UL, &remote, 1UL, 0UL);
  if (done < 0) error_ = errno;
  return done == static_cast<long>(bytes);
}

std::optional<std::uint64_t> find_debug_block(pid_t pid, ProcessMemory& memory) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long long begin = 0;
    unsigned long long end = 0;
    char rights[5] = "";
    if (std::sscanf(line.c_str(), "%llx-%llx %4s", &begin, &end, rights) != 3) continue;
    if (rights[0] != 'r' || rights[2] == 'x' || line.find('/') == std::string::npos) continue;
    if (rights[1] != 'w' || end - begin > most_mapped) continue;
    if (const auto found = find_in(begin, end, memory)) return found;
    if (memory.error() == EPERM) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace coterie::debug
