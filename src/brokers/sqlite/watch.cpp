#include "src/brokers/sqlite/watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace coterie::brokers::sqlite {

Watch::Watch(Connection db, const std::string& path) : db_(std::move(db)), shm_(path + "-shm") {
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  inotify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_ >= 0 && ::inotify_add_watch(inotify_, shm_.c_str(), IN_ATTRIB) < 0) {
    ::close(inotify_);
    inotify_ = -1;  // polling does, only later
  }
  thread_ = std::thread([this] { work(); });
}

Watch::~Watch() {
  stop_ = true;
  nudge();
  thread_.join();
  if (inotify_ >= 0) ::close(inotify_);
  ::close(wake_);
  for (const Waiter& waiter : waiters_) waiter.completion.set_value(current_.*waiter.what);
}

void Watch::nudge() noexcept {
  const std::uint64_t one = 1;
  while (::write(wake_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Watch::committed(const News& news) {
  if (arrived(news)) ::utimensat(AT_FDCWD, shm_.c_str(), nullptr, 0);
}

/// True where any of them is new.
bool Watch::arrived(const News& news) {
  std::vector<Waiter> woken;
  News now;
  {
    const std::lock_guard lock(mutex_);
    if (news.version <= current_.version && news.rung <= current_.rung) return false;
    current_.version = std::max(current_.version, news.version);
    current_.rung = std::max(current_.rung, news.rung);
    now = current_;
    const auto end = std::partition(waiters_.begin(), waiters_.end(), [&now](const Waiter& waiter) {
      return waiter.known >= now.*waiter.what;
    });
    woken.assign(std::make_move_iterator(end), std::make_move_iterator(waiters_.end()));
    waiters_.erase(end, waiters_.end());
  }
  for (const Waiter& waiter : woken) waiter.completion.set_value(now.*waiter.what);
  return true;
}

Completion<std::uint64_t> Watch::wait(Member what, std::uint64_t known, Milliseconds at_most) {
  Completion<std::uint64_t> completion;
  {
    const std::lock_guard lock(mutex_);
    if (current_.*what > known || at_most.count() <= 0) {
      completion.set_value(current_.*what);
      return completion;
    }
    const auto longest = std::min<Milliseconds>(at_most, std::chrono::hours(24));
    waiters_.push_back({what, known, Clock::now() + longest, completion});
  }
  // The thread looks at the file now, for another process may have committed since `known` was read, and then
  // counts this deadline too.
  nudge();
  return completion;
}

/// Ends the waits whose time is over. True when somebody still waits, until `next` at the earliest.
bool Watch::expire(Clock::time_point now, Clock::time_point& next) {
  std::vector<Waiter> over;
  News now_known;
  bool any = false;
  {
    const std::lock_guard lock(mutex_);
    const auto end = std::partition(waiters_.begin(), waiters_.end(), [now](const Waiter& waiter) {
      return waiter.deadline > now && !waiter.completion.abandoned();
    });
    over.assign(std::make_move_iterator(end), std::make_move_iterator(waiters_.end()));
    waiters_.erase(end, waiters_.end());
    now_known = current_;
    for (const Waiter& waiter : waiters_) {
      if (!any || waiter.deadline < next) next = waiter.deadline;
      any = true;
    }
  }
  for (const Waiter& waiter : over) waiter.completion.set_value(now_known.*waiter.what);
  return any;
}

News Watch::read_news() noexcept {
  try {
    ResetOnExit guard(news_.with(db_));
    if (news_.step())
      return News{static_cast<std::uint64_t>(news_.integer(0)), static_cast<std::uint64_t>(news_.integer(1))};
  } catch (const SqliteError&) {  // a writer's call will say what is wrong
  }
  return {};
}

void Watch::work() {
  pthread_setname_np(pthread_self(), "coterie-watch");
  std::array<char, 4096> events{};
  while (!stop_) {
    Clock::time_point next;
    const bool waited_for = expire(Clock::now(), next);
    std::array<pollfd, 2> fds{pollfd{wake_, POLLIN, 0}, pollfd{inotify_, POLLIN, 0}};
    int timeout_ms = -1;
    if (waited_for) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
      timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, poll_interval.count()));
    }
    // Without waiters nobody needs the news, and the events stay where they are: alike ones are merged.
    const bool listen = waited_for && inotify_ >= 0;
    ::poll(fds.data(), listen ? 2 : 1, timeout_ms);
    if (stop_) break;
    if ((fds[0].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof count);
    }
    if (inotify_ >= 0) {
      while (::read(inotify_, events.data(), events.size()) > 0) {
      }
    }
    arrived(read_news());
    if (listen && (fds[1].revents & POLLIN) != 0) {
      pollfd only{wake_, POLLIN, 0};
      ::poll(&only, 1, static_cast<int>(pause.count()));
    }
  }
}

}  // namespace coterie::brokers::sqlite
