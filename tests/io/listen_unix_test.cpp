// Listeners of Unix sockets: what happens to the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "io/server_support.hpp"
#include "support/runtime.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
namespace fs = std::filesystem;

class ListenUnix : public ::testing::Test {
 protected:
  ListenUnix() {
    char folder[] = "/tmp/coterie-listen-XXXXXX";
    folder_ = ::mkdtemp(folder);
  }
  ~ListenUnix() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string path() const { return folder_ / "socket"; }
  /// Runs `body(path)`.
  void run(Task<void> (*body)(std::string)) const { coterie::run(body(path())); }
  /// A socket's file that nobody listens at.
  void leave_stale() const {
    const io::Endpoint at = io::Endpoint::unix_path(path());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(fd, at.address(), at.bytes()), 0);
    ASSERT_EQ(::listen(fd, 1), 0);
    ::close(fd);
  }
  fs::path folder_;
};

Task<void> say_hello(const io::Listener& listener) {
  io::Stream stream = co_await listener.accept();
  co_await stream.write("hello");
}
Task<void> is_answered(const io::Listener& listener, std::string path) {
  auto server = spawn(say_hello, std::cref(listener));
  io::Stream client = co_await io::connect_unix(path);
  EXPECT_EQ(co_await client.read_to_end(), "hello");
  co_await server;
}

TEST_F(ListenUnix, FileComesAndGoesWithTheListener) {
  run([](std::string path) -> Task<void> {
    {
      io::Listener listener = io::listen_unix(path);
      EXPECT_EQ(listener.str(), path);
      EXPECT_EQ(listener.port(), 0);
      co_await is_answered(listener, path);
      EXPECT_TRUE(fs::exists(path));
    }
    EXPECT_FALSE(fs::exists(path));
  });
}

TEST_F(ListenUnix, StaleFileIsReplaced) {
  leave_stale();
  run([](std::string path) -> Task<void> {
    io::Listener listener = io::listen_unix(path);
    co_await is_answered(listener, path);
    EXPECT_EQ(std::distance(fs::directory_iterator(fs::path(path).parent_path()), {}), 1);
  });
}

TEST_F(ListenUnix, FileAtWhichSomebodyListensStays) {
  run([](std::string path) -> Task<void> {
    io::Listener listener = io::listen_unix(path);
    try {
      (void)io::listen_unix(path);
      ADD_FAILURE() << "two listen at one path";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.what(),
                "cannot listen at " + path + ": somebody listens there: Address already in use");
    }
    if (HasFailure()) co_return;                    // nobody will come
    io::Stream probe = co_await listener.accept();  // the look whether somebody listens
    co_await is_answered(listener, path);
  });
}

TEST_F(ListenUnix, FileOfAnotherKindStays) {
  std::ofstream(path()) << "precious";
  run([](std::string path) -> Task<void> {
    try {
      (void)io::listen_unix(path);
      ADD_FAILURE() << "took the place of a file";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.what(), "cannot listen at " + path +
                                  ": something that is no socket stands there: Address already in use");
    }
    EXPECT_EQ(fs::file_size(path), 8U);
    co_return;
  });
}

TEST_F(ListenUnix, FileThatAnotherPutThereMeanwhileStays) {
  run([](std::string path) -> Task<void> {
    io::Listener first = io::listen_unix(path);
    fs::remove(path);
    io::Listener second = io::listen_unix(path);
    first.close();
    EXPECT_TRUE(fs::exists(path));
    co_await is_answered(second, path);
    second.close();
    EXPECT_FALSE(fs::exists(path));
  });
}

TEST_F(ListenUnix, ModeIsAsAsked) {
  run([](std::string path) -> Task<void> {
    for (const unsigned mode : {0600U, 0660U}) {
      io::ListenOptions options;
      options.mode = mode;
      io::Listener listener = io::listen_unix(path, options);
      struct stat info{};
      EXPECT_EQ(::stat(path.c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777U, mode);
    }
    co_return;
  });
}

TEST_F(ListenUnix, FolderThatIsMissingIsAnError) {
  run([](std::string path) -> Task<void> {
    const std::string inside = path + "/missing";
    try {
      (void)io::listen_unix(inside);
      ADD_FAILURE() << "listens nowhere";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.what(), "cannot listen at " + inside + ": No such file or directory");
    }
    co_return;
  });
}

}  // namespace
}  // namespace coterie::io_test
