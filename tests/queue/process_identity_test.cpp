#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "coterie/queue/broker.hpp"

namespace coterie::queue {
namespace {

/// The identity of a child that lives until told otherwise. Its name holds what breaks a careless parser.
class Child {
 public:
  Child() {
    EXPECT_EQ(pipe(name_), 0);
    EXPECT_EQ(pipe(life_), 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_NAME, ") S 1 (x");
      const std::string identity = this_process();
      (void)!write(name_[1], identity.data(), identity.size());
      close(name_[1]);
      close(life_[1]);
      char byte = 0;
      (void)!read(life_[0], &byte, 1);
      _exit(0);
    }
    close(name_[1]);
    char buffer[256];
    const ssize_t got = read(name_[0], buffer, sizeof buffer);
    identity_.assign(buffer, static_cast<std::size_t>(got > 0 ? got : 0));
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    close(name_[0]);
    close(life_[0]);
  }
  void end() { close(life_[1]); }
  /// Until it has ended, without taking its remains away.
  void await_zombie() const {
    siginfo_t what{};
    EXPECT_EQ(waitid(P_PID, static_cast<id_t>(pid_), &what, WEXITED | WNOWAIT), 0);
  }
  void reap() const { EXPECT_EQ(waitpid(pid_, nullptr, 0), pid_); }
  [[nodiscard]] const std::string& identity() const { return identity_; }

 private:
  int name_[2] = {-1, -1};
  int life_[2] = {-1, -1};
  pid_t pid_ = 0;
  std::string identity_;
};

TEST(ProcessIdentity, OurselvesAreAlive) {
  ASSERT_FALSE(this_process().empty());
  EXPECT_EQ(this_process(), this_process());
  EXPECT_TRUE(may_be_alive(this_process()));
}

TEST(ProcessIdentity, AChildIsAliveUntilItEndsAlsoWithAnAwkwardName) {
  Child child;
  ASSERT_FALSE(child.identity().empty());
  EXPECT_NE(child.identity(), this_process());
  EXPECT_TRUE(may_be_alive(child.identity()));
  child.end();
  child.await_zombie();
  EXPECT_FALSE(may_be_alive(child.identity())) << "what nobody has waited for runs no more either";
  child.reap();
  EXPECT_FALSE(may_be_alive(child.identity()));
}

TEST(ProcessIdentity, APidThatWasGivenToAnotherProcessIsNotTheSame) {
  const std::string self = this_process();
  EXPECT_FALSE(may_be_alive(self.substr(0, self.rfind('/')) + "/1"));
}

TEST(ProcessIdentity, InDoubtItMayBeAlive) {
  const std::string self = this_process();
  EXPECT_TRUE(may_be_alive(""));
  EXPECT_TRUE(may_be_alive("nonsense"));
  EXPECT_TRUE(may_be_alive("other-boot" + self.substr(self.find('/'))));
  const std::size_t first = self.find('/');
  EXPECT_TRUE(may_be_alive(self.substr(0, first) + "/1" + self.substr(self.find('/', first + 1))));
  EXPECT_TRUE(may_be_alive(self.substr(0, self.find('/', first + 1) + 1) + "no-pid/5"));
}

}  // namespace
}  // namespace coterie::queue
