#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "coterie/queue/errors.hpp"
#include "coterie/queue/id.hpp"
#include "src/brokers/sqlite/vfs.hpp"

namespace coterie::brokers::sqlite {

using namespace coterie::queue;  // NOLINT: the words of the contract, throughout this broker

/// What SQLite itself said. Internal: it is turned into a `QueueError` that names the file before it leaves
/// the broker (see error.hpp).
class SqliteError : public std::runtime_error {
 public:
  SqliteError(int code, const std::string& text) : std::runtime_error(text), code_(code) {}
  SqliteError(sqlite3* db, int fallback)
      : SqliteError(
            db != nullptr && sqlite3_errcode(db) != SQLITE_OK ? sqlite3_extended_errcode(db) : fallback,
            db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(fallback)) {
    if (db == nullptr) return;
    if (primary() == SQLITE_CANTOPEN || primary() == SQLITE_IOERR) os_error_ = sqlite3_system_errno(db);
    if (code_ == SQLITE_IOERR_WRITE || primary() == SQLITE_FULL) os_error_ = last_write_error();
  }
  [[nodiscard]] int code() const noexcept { return code_; }  ///< extended
  [[nodiscard]] int primary() const noexcept { return code_ & 0xff; }
  /// errno, where the operating system had a word in it; else 0.
  [[nodiscard]] int os_error() const noexcept { return os_error_; }

 private:
  int code_;
  int os_error_ = 0;
};

/// One prepared statement, prepared at its first use and kept: the text must be a literal. Used by the one
/// thread that uses its connection.
class Statement {
 public:
  explicit Statement(const char* sql) noexcept : sql_(sql) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { finalize(); }

  /// Ready for a new run with these parameters, numbered from 1.
  template <class... Args>
  Statement& with(sqlite3* db, const Args&... args) {
    prepare(db);
    int index = 0;
    (bind(++index, args), ...);
    return *this;
  }
  /// True while there is a row. After false, or after a throw, the statement has been reset.
  bool step() {
    const int rc = sqlite3_step(stmt_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) {
      sqlite3_reset(stmt_);
      return false;
    }
    SqliteError error(sqlite3_db_handle(stmt_), rc);
    sqlite3_reset(stmt_);
    throw error;
  }
  /// For statements whose rows do not matter.
  void run() {
    while (step()) {
    }
  }
  void reset() noexcept {
    if (stmt_ != nullptr) sqlite3_reset(stmt_);
  }
  void finalize() noexcept { sqlite3_finalize(std::exchange(stmt_, nullptr)); }

  [[nodiscard]] std::int64_t integer(int column) const noexcept {
    return sqlite3_column_int64(stmt_, column);
  }
  [[nodiscard]] double real(int column) const noexcept { return sqlite3_column_double(stmt_, column); }
  [[nodiscard]] bool is_null(int column) const noexcept {
    return sqlite3_column_type(stmt_, column) == SQLITE_NULL;
  }
  /// Valid until the next step or reset.
  [[nodiscard]] std::string_view text(int column) const noexcept {
    const void* data = sqlite3_column_blob(stmt_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column));
    return data == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(data), size);
  }
  [[nodiscard]] Uuid uuid(int column) const noexcept {
    Uuid id;
    const std::string_view raw = text(column);
    if (raw.size() == id.bytes.size()) raw.copy(reinterpret_cast<char*>(id.bytes.data()), raw.size());
    return id;
  }

 private:
  void prepare(sqlite3* db) {
    if (stmt_ != nullptr) return;
    const int rc = sqlite3_prepare_v3(db, sql_, -1, SQLITE_PREPARE_PERSISTENT, &stmt_, nullptr);
    if (rc != SQLITE_OK) throw SqliteError(db, rc);
  }
  void check(int rc) {
    if (rc != SQLITE_OK) throw SqliteError(sqlite3_db_handle(stmt_), rc);
  }
  template <class T>
    requires std::is_integral_v<T>
  void bind(int index, T value) {
    check(sqlite3_bind_int64(stmt_, index, static_cast<sqlite3_int64>(value)));
  }
  void bind(int index, double value) { check(sqlite3_bind_double(stmt_, index, value)); }
  void bind(int index, std::nullptr_t) { check(sqlite3_bind_null(stmt_, index)); }
  // The bytes are not copied: parameters outlive the run that uses them.
  void bind(int index, std::string_view value) {
    check(sqlite3_bind_text64(stmt_, index, value.empty() ? "" : value.data(), value.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
  }
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, const Uuid& id) {
    check(sqlite3_bind_blob(stmt_, index, id.bytes.data(), static_cast<int>(id.bytes.size()), SQLITE_STATIC));
  }

 public:
  /// A blob, or NULL when it is empty.
  struct Blob {
    std::string_view bytes;
  };

 private:
  void bind(int index, Blob blob) {
    if (blob.bytes.empty())
      check(sqlite3_bind_null(stmt_, index));
    else
      check(sqlite3_bind_blob64(stmt_, index, blob.bytes.data(), blob.bytes.size(), SQLITE_STATIC));
  }

  const char* sql_;
  sqlite3_stmt* stmt_ = nullptr;
};

/// Resets a statement that was left before its last row, so that it holds no read transaction open.
class ResetOnExit {
 public:
  explicit ResetOnExit(Statement& statement) noexcept : statement_(statement) {}
  ResetOnExit(const ResetOnExit&) = delete;
  ResetOnExit& operator=(const ResetOnExit&) = delete;
  ~ResetOnExit() { statement_.reset(); }

 private:
  Statement& statement_;
};

/// An open connection, used by one thread at a time.
class Connection {
 public:
  Connection() = default;
  /// Throws SqliteError.
  Connection(const std::string& path, int flags, const char* vfs) {
    const int rc = sqlite3_open_v2(path.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX, vfs);
    if (rc != SQLITE_OK) {
      SqliteError error(db_, rc);
      sqlite3_close_v2(std::exchange(db_, nullptr));
      throw error;
    }
    sqlite3_extended_result_codes(db_, 1);
  }
  Connection(Connection&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Connection& operator=(Connection&& other) noexcept {
    std::swap(db_, other.db_);
    return *this;
  }
  ~Connection() { close(); }

  void close() noexcept { sqlite3_close_v2(std::exchange(db_, nullptr)); }
  [[nodiscard]] sqlite3* get() const noexcept { return db_; }
  operator sqlite3*() const noexcept { return db_; }

  void exec(const char* sql) {
    if (const int rc = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr); rc != SQLITE_OK)
      throw SqliteError(db_, rc);
  }
  void exec(const std::string& sql) { exec(sql.c_str()); }
  /// The first column of the first row; 0 without one.
  [[nodiscard]] std::int64_t integer(const char* sql) {
    Statement statement(sql);
    ResetOnExit guard(statement);
    return statement.with(db_).step() ? statement.integer(0) : 0;
  }

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace coterie::brokers::sqlite
