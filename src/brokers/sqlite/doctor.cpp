// coterie doctor on a file. It opens no file that SQLite has open, but through SQLite, for closing it would
// drop this process's locks; and it lets SQLite make none of those that stand beside a database in use.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "src/brokers/findings.hpp"
#include "src/brokers/move_note.hpp"
#include "src/brokers/sqlite/disk.hpp"
#include "src/brokers/sqlite/error.hpp"
#include "src/brokers/sqlite/schema.hpp"

namespace coterie::brokers {
namespace {

using namespace sqlite;  // NOLINT

constexpr std::chrono::seconds check_at_most{10};
constexpr std::uint64_t mib = std::uint64_t{1} << 20;

/// `file:` and the path, whose other characters are written as %XX.
std::string uri_of(const std::string& path, const char* options) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain.find(c) != std::string_view::npos)
      uri += c;
    else
      uri.append("%").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return uri + options;
}

/// Whether it says that it keeps a write-ahead log, by its header.
bool says_wal(sqlite3* db) {
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file)) != SQLITE_OK)
    return false;
  std::array<unsigned char, 100> header{};
  if (file == nullptr || file->pMethods == nullptr) return false;
  if (file->pMethods->xRead(file, header.data(), static_cast<int>(header.size()), 0) != SQLITE_OK)
    return false;
  return header[18] == 2 && header[19] == 2;
}

int deadline_passed(void* until) {
  return std::chrono::steady_clock::now() >= *static_cast<std::chrono::steady_clock::time_point*>(until) ? 1
                                                                                                         : 0;
}

/// What is wrong with it; empty where nothing is. Throws SqliteError, SQLITE_INTERRUPT after the time.
std::string quick_check(Connection& db) {
  auto until = std::chrono::steady_clock::now() + check_at_most;
  sqlite3_progress_handler(db, 10'000, deadline_passed, &until);
  std::string wrong;
  Statement statement("PRAGMA quick_check(5)");
  statement.with(db);
  while (statement.step()) {
    const std::string_view line = statement.text(0);
    if (line == "ok") continue;
    if (!wrong.empty()) wrong += "; ";
    wrong += line;
  }
  sqlite3_progress_handler(db, 0, nullptr, nullptr);
  return wrong;
}

class FileDoctor {
 public:
  FileDoctor(const Settings& settings, Findings& out)
      : path_(settings.path), settings_(settings), out_(out) {}

  void examine() {
    look_at_file();
    look_at_disk(path_, std::filesystem::path(path_).parent_path().string(), out_);
    look_at_log();
    look_at_synchronous();
    if (log_without_index()) {
      out_.unknown("contents",
                   "a log stands beside it without its index (" + path_ +
                       "-shm), which reading would have to make: who used it was killed, or it was copied",
                   "open the queue once, with any other command");
      return;
    }
    try {
      look_inside();
    } catch (const SqliteError& error) {
      report(error);
    }
  }

 private:
  void look_at_file() {
    struct stat info{};
    if (::stat(path_.c_str(), &info) != 0)
      throw BadBroker("no queue at '" + path_ + "' (" + std::strerror(errno) +
                      "): name another with --broker or COTERIE_BROKER, or make it with `coterie enqueue`");
    if (!S_ISREG(info.st_mode)) throw BadBroker("'" + path_ + "' is not a regular file: name the queue's");
    if (info.st_size == 0) throw BadBroker("no queue at '" + path_ + "': the file is empty");
    out_.ok("file", path_ + ", " + bytes_text(static_cast<std::uint64_t>(info.st_size)), {},
            {{"bytes", static_cast<double>(info.st_size)}});
  }

  void look_at_log() {
    const std::uint64_t bytes = size_of(path_ + "-wal").value_or(0);
    const Findings::Numbers numbers{{"wal_bytes", static_cast<double>(bytes)}};
    if (bytes > 256 * mib)
      out_.warning("log", bytes_text(bytes),
                   "it grows while somebody reads for long, or one call writes as much; reading gets slower",
                   "look for a process that holds a transaction open (sqlite3 shells, backups)", numbers);
    else
      out_.ok("log", bytes == 0 ? "empty" : bytes_text(bytes), {}, numbers);
  }

  void look_at_synchronous() {
    if (settings_.synchronous == "full")
      out_.ok("synchronous", "full", "nothing that was confirmed is lost by a power cut");
    else if (settings_.synchronous == "normal")
      out_.warning("synchronous", "normal", "a power cut loses what was confirmed since the last checkpoint",
                   "leave synchronous out of the URL, if that is not meant");
    else
      out_.warning("synchronous", settings_.synchronous, "a power cut can damage the whole file",
                   "leave synchronous out of the URL");
  }

  [[nodiscard]] bool in_use() const {
    return size_of(path_ + "-wal").value_or(0) > 0 && size_of(path_ + "-shm").has_value();
  }
  [[nodiscard]] bool log_without_index() const {
    return size_of(path_ + "-wal").value_or(0) > 0 && !size_of(path_ + "-shm").has_value();
  }

  void look_inside() {
    // At rest nothing beside the file is needed, and none is made.
    at_rest_ = !in_use();
    Connection db(uri_of(path_, at_rest_ ? "?immutable=1" : ""), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                  nullptr);
    sqlite3_busy_timeout(db, 1000);
    const std::int64_t owner = db.integer("PRAGMA application_id");
    const std::int64_t version = db.integer("PRAGMA user_version");
    const bool ours = owner == application_id;
    if (!ours)
      out_.problem("schema", "it is the database of another application", "a broker refuses it",
                   "name another file for the queue");
    else if (version > schema_version || version < oldest_schema)
      out_.problem("schema",
                   std::to_string(version) + ", this coterie knows " + std::to_string(schema_version),
                   "a broker refuses it",
                   version > schema_version ? "update coterie"
                                            : "let the older one finish its jobs, or name another file");
    else if (version < schema_version)
      out_.ok("schema", std::to_string(version) + ", which a broker that opens it makes " +
                            std::to_string(schema_version));
    else
      out_.ok("schema", std::to_string(version));
    if (says_wal(db))
      out_.ok("journal", "write-ahead log");
    else
      out_.warning("journal", "a rollback journal",
                   "a broker turns it into a write-ahead log when it opens it", "nothing, if that is meant");
    look_at_pages(db, ours && version >= oldest_schema && version <= schema_version);
    look_at_integrity(db);
    if (ours && version >= oldest_schema && version <= schema_version) look_at_moves(db);
  }

  void look_at_moves(Connection& db) {
    Statement statement("SELECT value FROM note WHERE key = ?");
    const auto note = [&](std::string_view key) {
      ResetOnExit guard(statement);
      return std::string(statement.with(db, key).step() ? statement.text(0) : std::string_view());
    };
    report_moves(out_, "sqlite://" + path_, note(move_note_key), note(move_sources_key));
  }

  void look_at_pages(Connection& db, bool counts_jobs) {
    const auto pages = static_cast<std::uint64_t>(db.integer("PRAGMA page_count"));
    const auto free = static_cast<std::uint64_t>(db.integer("PRAGMA freelist_count"));
    const auto size = static_cast<std::uint64_t>(db.integer("PRAGMA page_size"));
    const auto jobs =
        static_cast<std::uint64_t>(counts_jobs ? db.integer("SELECT sum(jobs) FROM counts") : 0);
    const std::uint64_t each = jobs == 0 ? 0 : (pages - std::min(pages, free)) * size / jobs;
    std::string found =
        std::to_string(pages) + " of " + bytes_text(size) + ", " + std::to_string(free) + " free";
    if (jobs > 0) found += "; " + jobs_text(jobs) + ", " + bytes_text(each) + " each";
    out_.ok("pages", found, free > pages / 2 ? "free pages are used again before the file grows" : "",
            {{"pages", static_cast<double>(pages)},
             {"free_pages", static_cast<double>(free)},
             {"page_bytes", static_cast<double>(size)},
             {"jobs", static_cast<double>(jobs)},
             {"bytes_per_job", static_cast<double>(each)}});
    if (counts_jobs)
      report_dead(out_,
                  static_cast<std::uint64_t>(db.integer("SELECT sum(jobs) FROM counts WHERE state = 6")));
  }

  void look_at_integrity(Connection& db) {
    const std::string wrong = quick_check(db);
    if (wrong.empty())
      out_.ok("integrity", "quick_check found nothing");
    else
      report_damage(wrong);
  }

  void report_damage(const std::string& what) {
    if (at_rest_ && in_use()) {
      out_.unknown("integrity", "somebody has begun to use the file meanwhile", "say it again");
      return;
    }
    out_.problem("integrity", what, "the file is damaged; jobs may be lost, calls may fail",
                 "restore it from a backup, or save what can be read with 'sqlite3 FILE .recover'");
  }

  void report(const SqliteError& error) {
    switch (error.primary()) {
      case SQLITE_INTERRUPT:
        out_.unknown("integrity", "the file is too large to be checked in 10 s",
                     "sqlite3 FILE 'PRAGMA quick_check' takes the time that it needs");
        return;
      case SQLITE_NOTADB:
      case SQLITE_CORRUPT:
        report_damage(error.what());
        return;
      case SQLITE_BUSY:
        out_.unknown("contents", "another process kept it locked", "say it again");
        return;
      default:
        out_.problem("contents", error.what(), "the file cannot be read",
                     "look at its rights, and at the log of the file system");
    }
  }

  const std::string path_;
  const Settings& settings_;
  Findings& out_;
  bool at_rest_ = false;
};

}  // namespace

queue::Diagnosis diagnose_sqlite(const BrokerUrl& url) {
  const Settings settings = sqlite::settings_of(url);
  queue::Diagnosis diagnosis;
  diagnosis.url = url.text;
  Findings out(diagnosis);
  FileDoctor(settings, out).examine();
  return diagnosis;
}

}  // namespace coterie::brokers
