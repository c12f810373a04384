// Descriptors: waiting, cancelling, reading and writing.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>

#include "coterie/spawn.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "io/support.hpp"

namespace coterie::io_test {
namespace {

using io::Descriptor;

Task<void> write_then_close(Descriptor end, std::string text) {
  co_await end.write_all(text);
}

Task<std::string> through_a_pipe(std::string text) {
  io::Pipe pipe = io::make_pipe();
  auto writer = spawn(write_then_close, std::move(pipe.write_end), std::move(text));
  std::string got = co_await pipe.read_end.read_to_end();
  co_await writer;
  co_return got;
}

TEST(Descriptor, CarriesMoreThanAPipeHolds) {
  const std::string text(1 << 20, 'x');
  EXPECT_EQ(run(through_a_pipe(text)), text);
}

Task<void> read_too_much() {
  io::Pipe pipe = io::make_pipe();
  co_await pipe.write_end.write_all(std::string_view("12345"));
  pipe.write_end.close();
  (void)co_await pipe.read_end.read_to_end(4);
}

TEST(Descriptor, ReadToEndRefusesMoreThanItsLimit) {
  EXPECT_THROW(run(read_too_much()), std::length_error);
}

Task<int> write_to_nobody() {
  io::Pipe pipe = io::make_pipe();
  pipe.read_end.close();
  try {
    co_await pipe.write_end.write_all(std::string_view("lost"));
  } catch (const std::system_error& error) {
    co_return error.code().value();
  }
  co_return 0;
}

TEST(Descriptor, ABrokenPipeIsAnErrorAndNoSignal) {
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  EXPECT_EQ(run(write_to_nobody()), EPIPE);
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

Task<void> wait_readable(Descriptor& descriptor) {
  co_await descriptor.readable();
}

Task<bool> cancel_a_wait_and_read_later() {
  io::Pipe pipe = io::make_pipe();
  for (int i = 0; i < 3; ++i) {
    auto waiter = spawn(wait_readable, std::ref(pipe.read_end));
    co_await yield();
    waiter.cancel();
    co_await yield();
    co_await yield();
    EXPECT_TRUE(waiter.cancelled());  // at once: no answer from the poller is needed
  }
  co_await pipe.write_end.write_all(std::string_view("a"));
  std::byte byte{};
  co_return co_await pipe.read_end.read_some(std::span(&byte, 1)) == 1 && byte == std::byte{'a'};
}

TEST(Descriptor, ACancelledWaitLeavesNothingBehind) {
  EXPECT_TRUE(run(cancel_a_wait_and_read_later()));
}

Task<int> wake_all() {
  io::Pipe pipe = io::make_pipe();
  std::vector<JoinHandle<void>> waiters;
  waiters.reserve(5);
  for (int i = 0; i < 5; ++i) waiters.push_back(spawn(wait_readable, std::ref(pipe.read_end)));
  co_await yield();
  waiters[2].cancel();
  co_await pipe.write_end.write_all(std::string_view("a"));
  int woken = 0;
  for (auto& waiter : waiters) {
    co_await waiter.wait();
    woken += waiter.cancelled() ? 0 : 1;
  }
  co_return woken;
}

TEST(Descriptor, AllWhoWaitAreWoken) {
  EXPECT_EQ(run(wake_all()), 4);
}

Task<int> close_under_a_waiter() {
  io::Pipe pipe = io::make_pipe();
  auto waiter = spawn(wait_readable, std::ref(pipe.read_end));
  co_await yield();
  pipe.read_end.close();
  try {
    co_await waiter;
  } catch (const std::system_error& error) {
    co_return error.code() == std::errc::operation_canceled ? 1 : 2;
  }
  co_return 0;
}

TEST(Descriptor, ClosingItTellsWhoWaits) {
  EXPECT_EQ(run(close_under_a_waiter()), 1);
}

Task<void> use_a_closed_one() {
  co_await Descriptor().readable();
}

TEST(Descriptor, AClosedOneThrows) {
  EXPECT_THROW(run(use_a_closed_one()), std::system_error);
}

Task<Descriptor> outlive_the_loop() {
  io::Pipe pipe = io::make_pipe();
  spawn(wait_readable, std::ref(pipe.read_end));
  co_await yield();
  co_return std::move(pipe.read_end);
}

TEST(Descriptor, OneThatOutlivesItsLoopIsClosed) {
  const Descriptor left = run(outlive_the_loop());
  EXPECT_EQ(left.fd(), -1);
}

Task<void> on_a_virtual_loop() {
  (void)io::make_pipe();
  co_return;
}

TEST(Descriptor, AVirtualLoopHasNone) {
  EXPECT_THROW(testing::run_virtual(on_a_virtual_loop()), std::logic_error);
}

// --- descriptors of others
// ------------------------------------------------------------------------------------------

Task<void> wait_borrowed(int fd, bool& woken) {
  co_await io::readable(fd);
  woken = true;
}

Task<bool> borrow(int fd, int other_end) {
  bool woken = false;
  auto first = spawn(wait_borrowed, fd, std::ref(woken));
  auto second = spawn(wait_borrowed, fd, std::ref(woken));
  co_await io::writable(fd);
  EXPECT_FALSE(woken);
  second.cancel();
  EXPECT_EQ(::write(other_end, "x", 1), 1);
  co_await first;
  co_await second.wait();
  EXPECT_TRUE(second.cancelled());
  co_return woken;
}

TEST(Readable, WaitsAtADescriptorWhoseFlagsStayAsTheyAre) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_TRUE(run(borrow(ends[0], ends[1])));
  EXPECT_EQ(::fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

Task<void> read_a_file(int fd) {
  co_await io::readable(fd);
}

TEST(Readable, ARegularFileIsReadyAtOnce) {
  const int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  run(read_a_file(fd));
  ::close(fd);
}

TEST(Readable, WhatIsNoDescriptorThrows) {
  EXPECT_THROW(run(read_a_file(-1)), std::system_error);
}

}  // namespace
}  // namespace coterie::io_test
