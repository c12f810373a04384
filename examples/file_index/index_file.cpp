#include "index_file.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <system_error>

#include "coterie/cancel.hpp"
#include "coterie/queue/handler.hpp"

namespace file_index {
namespace {

using coterie::queue::AttemptError;
using coterie::queue::PermanentError;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(fd_); }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::string& path, int error) {
  const std::string message = encode_path(path) + ": " + std::generic_category().message(error);
  struct stat info{};
  const bool is_link = lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      throw PermanentError(is_link ? "broken link" : "vanished", message);
    case ELOOP:
      throw PermanentError("link that leads in a circle", message);
    case EACCES:
    case EPERM:
      throw PermanentError("permission denied", message);
    default:
      throw AttemptError("read error", message);  // a full table of descriptors, a flaky disk: tried again
  }
}

/// Only regular files are opened at all: opening a FIFO would wait for a writer, opening a device may do
/// anything. The file may be replaced in between, hence O_NONBLOCK and the second look.
int open_regular(const std::string& path, std::uint64_t& size) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) fail(path, errno);
  if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
    const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) fail(path, errno);
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
      size = static_cast<std::uint64_t>(info.st_size);
      return fd;
    }
    close(fd);
  }
  const char* kind = S_ISFIFO(info.st_mode)   ? "a FIFO"
                     : S_ISSOCK(info.st_mode) ? "a socket"
                     : S_ISDIR(info.st_mode)  ? "a folder"
                                              : "a device";
  throw PermanentError("not a regular file", encode_path(path) + ": " + kind);
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
  }
  void add(const unsigned char* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += "0123456789abcdef"[digest[i] >> 4];
      text += "0123456789abcdef"[digest[i] & 15];
    }
    return text;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

class Deflater {
 public:
  Deflater() {
    if (deflateInit(&stream_, Z_BEST_SPEED) != Z_OK) throw std::bad_alloc();
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { deflateEnd(&stream_); }
  void add(unsigned char* data, std::size_t size) {
    stream_.next_in = data;
    stream_.avail_in = static_cast<uInt>(size);
    drain(Z_NO_FLUSH);
  }
  std::uint64_t finish() {
    drain(Z_FINISH);
    return stream_.total_out;
  }

 private:
  void drain(int flush) {
    std::array<unsigned char, 16384> out;
    do {
      stream_.next_out = out.data();
      stream_.avail_out = static_cast<uInt>(out.size());
      deflate(&stream_, flush);
    } while (stream_.avail_out == 0);
  }
  z_stream stream_{};
};

}  // namespace

FileFacts index_file(coterie::queue::JobContext& job, FileJob file) {
  const std::string path = decode_path(file.path);
  std::uint64_t size = 0;
  const File input(open_regular(path, size));
  FileFacts facts;
  Sha256 sha256;
  Deflater deflater;
  std::array<unsigned char, 65536> chunk;
  bool in_word = false;
  // As much as there was when it was opened, so that a log that grows has an end.
  while (facts.bytes < size) {
    if (job.cancelled()) throw coterie::Cancelled("the job was cancelled");
    const ssize_t got =
        read(input.fd(), chunk.data(), std::min<std::uint64_t>(chunk.size(), size - facts.bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, errno);
    if (got == 0) break;  // it was cut meanwhile
    const auto count = static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < count; ++i) {
      const bool space = chunk[i] == ' ' || (chunk[i] >= '\t' && chunk[i] <= '\r');
      facts.lines += chunk[i] == '\n' ? 1 : 0;
      facts.words += !space && !in_word ? 1 : 0;
      in_word = !space;
    }
    sha256.add(chunk.data(), count);
    deflater.add(chunk.data(), count);
    facts.bytes += count;
    if (facts.bytes < size) job.progress(static_cast<double>(facts.bytes) / static_cast<double>(size));
  }
  facts.path = std::move(file.path);
  facts.sha256 = sha256.hex();
  facts.compressed = deflater.finish();
  return facts;
}

void Summary::add(const FileFacts& facts) {
  ++files;
  bytes += facts.bytes;
  lines += facts.lines;
  words += facts.words;
  compressed += facts.compressed;
  largest.push_back(facts);
  std::ranges::sort(largest, std::ranges::greater(), &FileFacts::bytes);
  if (largest.size() > 5) largest.pop_back();
}

void Summary::add_failure(const std::string& reason, const std::string& path) {
  Failures& same = failures[reason];
  if (++same.files == 1) same.example = path;
}

}  // namespace file_index
