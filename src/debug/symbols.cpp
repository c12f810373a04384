// Names of functions, from the file of the program: dladdr() knows only what is exported, and a program
// exports nothing.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "coterie/core/stack_frame.hpp"
#include "src/debug/native_stack.hpp"
#include "src/debug/text.hpp"

namespace coterie::debug {
namespace {

constexpr std::size_t largest_file = std::size_t{4} << 30;

/// A file's bytes. What it says of itself is not believed: every offset is checked against its length.
class File {
 public:
  explicit File(const char* path) noexcept {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat its{};
    if (::fstat(fd, &its) == 0 && its.st_size > 0 && static_cast<std::size_t>(its.st_size) <= largest_file) {
      size_ = static_cast<std::size_t>(its.st_size);
      bytes_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (bytes_ != MAP_FAILED) ::munmap(bytes_, size_);
  }

  template <class T>
  [[nodiscard]] const T* at(std::uint64_t offset, std::uint64_t count = 1) const noexcept {
    if (bytes_ == MAP_FAILED || offset > size_ || count > (size_ - offset) / sizeof(T)) return nullptr;
    if (offset % alignof(T) != 0) return nullptr;
    return reinterpret_cast<const T*>(static_cast<const char*>(bytes_) + offset);
  }
  /// Up to its zero, inside of the file.
  [[nodiscard]] std::string text(std::uint64_t offset) const {
    const char* const begin = at<char>(offset);
    if (begin == nullptr) return "";
    return std::string(begin, ::strnlen(begin, size_ - offset));
  }

 private:
  void* bytes_ = MAP_FAILED;
  std::size_t size_ = 0;
};

std::string symbol_in(const File& file, const ElfW(Shdr) & symbols, const ElfW(Shdr) & strings,
                      std::uint64_t address) {
  const std::uint64_t count = symbols.sh_size / sizeof(ElfW(Sym));
  const auto* const all = file.at<ElfW(Sym)>(symbols.sh_offset, count);
  for (std::uint64_t i = 0; all != nullptr && i < count; ++i)
    if (ELF64_ST_TYPE(all[i].st_info) == STT_FUNC && address >= all[i].st_value &&
        address - all[i].st_value < all[i].st_size)
      return file.text(strings.sh_offset + all[i].st_name);
  return "";
}

/// `offset`: from where the file is loaded. Empty when it was stripped.
std::string symbol_of(const File& file, std::uintptr_t address, std::uintptr_t base) {
  const auto* const header = file.at<ElfW(Ehdr)>(0);
  if (header == nullptr || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return "";
  const std::uint64_t offset = header->e_type == ET_DYN ? address - base : address;
  const auto* const sections = file.at<ElfW(Shdr)>(header->e_shoff, header->e_shnum);
  if (sections == nullptr || header->e_shentsize != sizeof(ElfW(Shdr))) return "";
  for (std::size_t i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB || sections[i].sh_link >= header->e_shnum) continue;
    std::string name = symbol_in(file, sections[i], sections[sections[i].sh_link], offset);
    if (!name.empty()) return name;
  }
  return "";
}

/// A suffix tells parts of a function apart (f.actor, f.cold); a coroutine's own name has a dot in it as
/// well.
std::string readable(std::string symbol) {
  for (;;) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> plain(
        abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
    if (status == 0 && plain != nullptr) return function_name(plain.get());
    const auto dot = symbol.rfind('.');
    if (dot == std::string::npos || dot == 0) return symbol;
    symbol.resize(dot);
  }
}

}  // namespace

std::string describe_address(const void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  // A return address: the call stands before it, maybe at the end of its function.
  const std::uintptr_t call = number - 1;
  Dl_info found{};
  if (::dladdr(reinterpret_cast<const void*>(call), &found) == 0 || found.dli_fname == nullptr)  // NOLINT
    return hex(number);
  const auto base = reinterpret_cast<std::uintptr_t>(found.dli_fbase);
  std::string symbol = found.dli_sname != nullptr ? found.dli_sname : "";
  if (symbol.empty()) {
    // The program's own name may be relative to a folder that it has left.
    Dl_info ours{};
    const bool is_program =
        ::dladdr(::getauxval(AT_PHDR) != 0 ? reinterpret_cast<const void*>(::getauxval(AT_PHDR))  // NOLINT
                                           : address,
                 &ours) != 0 &&
        ours.dli_fbase == found.dli_fbase;
    symbol = symbol_of(File(is_program ? "/proc/self/exe" : found.dli_fname), call, base);
  }
  const std::string place = base_name(found.dli_fname) + "+" + hex(number - base);
  return symbol.empty() ? place : printable(readable(symbol)) + "() " + place;
}

}  // namespace coterie::debug
