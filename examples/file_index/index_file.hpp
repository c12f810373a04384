#pragma once
#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coterie/queue/context.hpp"

namespace file_index {

// What goes through the queue, as JSON. A path may hold any byte, a JSON string only UTF-8: so paths travel
// with everything doubtful as %XX, which is also how they are shown.
[[nodiscard]] std::string encode_path(std::string_view path);
[[nodiscard]] std::string decode_path(std::string_view text);

struct FileJob {
  std::string path;
  FileJob() = default;
  explicit FileJob(std::string encoded) : path(std::move(encoded)) {}
};
BOOST_DESCRIBE_STRUCT(FileJob, (), (path))

struct FileFacts {
  std::string path;
  std::string sha256;
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  std::uint64_t compressed = 0;  ///< bytes, by zlib at its quickest
  FileFacts() = default;
};
BOOST_DESCRIBE_STRUCT(FileFacts, (), (path, sha256, bytes, lines, words, compressed))

struct SummaryJob {
  std::string queue;
  std::uint64_t files = 0;  ///< that have a job
  std::uint64_t links = 0;  ///< that were not followed
  SummaryJob() = default;
  SummaryJob(std::string run, std::uint64_t all_files, std::uint64_t all_links)
      : queue(std::move(run)), files(all_files), links(all_links) {}
};
BOOST_DESCRIBE_STRUCT(SummaryJob, (), (queue, files, links))

struct Failures {
  std::uint64_t files = 0;
  std::string example;
  Failures() = default;
};
BOOST_DESCRIBE_STRUCT(Failures, (), (files, example))

struct Summary {
  std::uint64_t files = 0;  ///< indexed
  std::uint64_t links = 0;  ///< symbolic links that lead somewhere: not followed
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::uint64_t words = 0;
  std::uint64_t compressed = 0;
  std::vector<FileFacts> largest;            ///< five at most
  std::map<std::string, Failures> failures;  ///< by reason
  Summary() = default;

  void add(const FileFacts& facts);
  void add_failure(const std::string& reason, const std::string& path);
};
BOOST_DESCRIBE_STRUCT(Summary, (), (files, links, bytes, lines, words, compressed, largest, failures))

/// A handler that blocks: the worker runs it on its pool of threads. What can never be read is a
/// PermanentError with the reason as its type; other trouble is thrown as something to try again.
FileFacts index_file(coterie::queue::JobContext& job, FileJob file);

}  // namespace file_index
