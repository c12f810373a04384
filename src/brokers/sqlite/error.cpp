#include "src/brokers/sqlite/error.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "src/brokers/sqlite/failure.hpp"

namespace coterie::brokers::sqlite {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Why a file cannot be opened, as the file system tells it: SQLite only says "unable to open database file".
std::string why_not_open(const std::string& path, int error_of_system = 0) {
  const std::string folder = folder_of(path);
  struct stat info{};
  if (::stat(folder.c_str(), &info) != 0) {
    const int error = errno;
    return "its directory " + folder + " cannot be used (" + std::strerror(error) + ")" +
           (error == ENOENT ? ": create it first" : "");
  }
  if (!S_ISDIR(info.st_mode)) return folder + " is not a directory";
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return "it is a directory: name a file in it";
    if (!S_ISREG(info.st_mode)) return "it is not a regular file";
    if (::access(path.c_str(), R_OK | W_OK) != 0)
      return std::string("it cannot be read and written (") + std::strerror(errno) +
             "): give this user access to it";
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return "its directory " + folder + " cannot be written (" + std::strerror(errno) +
           "): give this user access, or choose another place";
  if (error_of_system == EMFILE || error_of_system == ENFILE)
    return std::string("it cannot be opened (") + std::strerror(error_of_system) +
           "): raise the limit with ulimit -n, or run less at a time";
  if (error_of_system != 0)
    return std::string("it cannot be opened (") + std::strerror(error_of_system) +
           "): choose a place on a disk where this user may make files";
  return "it cannot be opened";
}

std::string named(const std::string& path) {
  return "SQLite broker " + path + ": ";
}

}  // namespace

bool is_disk_full(const SqliteError& error) noexcept {
  return error.primary() == SQLITE_FULL || error.code() == SQLITE_IOERR_SHMSIZE;
}

bool is_disk_full() noexcept {
  try {
    throw;
  } catch (const SqliteError& error) {
    return is_disk_full(error);
  } catch (...) {
    return false;
  }
}

void throw_unavailable(const SqliteError& error, const std::string& path) {
  const std::string said = " (SQLite: " + std::string(error.what()) + ")";
  if (error.code() == SQLITE_IOERR_SHMSIZE)  // what a full disk looks like when the file is opened
    throw BrokerUnavailable(named(path) + "no space left for " + path +
                            "-shm beside it: make room on the disk, then repeat" + said);
  switch (error.primary()) {
    case SQLITE_FULL:
      if (error.os_error() == EFBIG)
        throw BrokerUnavailable(named(path) +
                                "a file there would grow beyond this process's limit (EFBIG); nothing was "
                                "written: raise it with ulimit -f, then repeat" +
                                said);
      if (error.os_error() == EDQUOT)
        throw BrokerUnavailable(named(path) +
                                "this user's disk quota is used up (EDQUOT); nothing was written: make room, "
                                "then repeat" +
                                said);
      throw BrokerUnavailable(
          named(path) + "no space left for it; nothing was written: make room on the disk, then repeat" +
          said);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw BrokerUnavailable(
          named(path) + "another process kept it locked for too long: repeat, or raise busy_timeout_ms" +
          said);
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw BrokerUnavailable(named(path) +
                              "it has become read-only: give this user write access to it and its directory" +
                              said);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw BrokerUnavailable(named(path) +
                              "the file is damaged: restore it from a backup, or save what can be read with "
                              "'sqlite3 FILE .recover'" +
                              said);
    case SQLITE_NOMEM:
      throw BrokerUnavailable(named(path) + "out of memory" + said);
    case SQLITE_CANTOPEN:
      throw BrokerUnavailable(named(path) + why_not_open(path, error.os_error()) + said);
    default:
      break;
  }
  switch (error.primary() == SQLITE_IOERR ? error.os_error() : 0) {
    case 0:
      throw BrokerUnavailable(named(path) + "the file system reports an error: look at its log, then repeat" +
                              said);
    default:
      throw BrokerUnavailable(named(path) + "the file system reports an error (" +
                              std::strerror(error.os_error()) + "): look at its log, then repeat" + said);
  }
}

void throw_bad_broker(const SqliteError& error, const std::string& path) {
  switch (error.primary()) {
    case SQLITE_NOTADB:
      throw BadBroker(named(path) + "it is not a SQLite database: name another file, or remove this one");
    case SQLITE_CORRUPT:
      throw BadBroker(named(path) + "the file is damaged or cut short (" + error.what() +
                      "): restore it from a backup, or save what can be read with 'sqlite3 FILE .recover'");
    case SQLITE_CANTOPEN:
      throw BadBroker(named(path) + why_not_open(path, error.os_error()));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: {
      const std::string why = why_not_open(path);
      throw BadBroker(named(path) +
                      (why == "it cannot be opened"
                           ? "it is read-only: give this user write access to it and its directory"
                           : why));
    }
    default:
      throw_unavailable(error, path);
  }
}

void check_in_place(sqlite3* db) {
  int moved = 0;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || moved == 0) return;
  throw BadBroker(
      named(sqlite3_db_filename(db, "main")) +
      "the file was deleted, moved or replaced while it was in use, and what is written to it would be "
      "lost: put it back if you can, then start again");
}

Failure current_failure(const std::string& path) {
  try {
    try {
      throw;
    } catch (const SqliteError& error) {
      throw_unavailable(error, path);
    }
  } catch (const BadRequest& error) {
    return {Failure::Kind::bad_request, error.what()};
  } catch (const BadBroker& error) {
    return {Failure::Kind::bad_broker, error.what()};
  } catch (const QueueError& error) {
    return {Failure::Kind::unavailable, error.what()};
  } catch (const std::exception& error) {
    return {Failure::Kind::unavailable, named(path) + error.what()};
  }
}

}  // namespace coterie::brokers::sqlite
