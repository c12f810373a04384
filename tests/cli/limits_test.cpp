// The command within the limits that a shell sets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using testing::HasSubstr;

/// `coterie` with what the shell says before it.
int under(const Folder& folder, const std::string& limit, const std::string& args) {
  const std::string command = "cd '" + folder.path("") + "' && " + limit + " && exec '" + COTERIE_BIN_DIR +
                              "/coterie' " + args + " >.out 2>.err";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Limits, AFileThatMayNotGrowIsNamed) {
  const Folder folder;
  std::string lines;
  for (int i = 0; i < 3000; ++i) lines += "true " + std::to_string(i) + "\n";
  folder.write("c", lines);
  EXPECT_EQ(under(folder, "ulimit -f 600", "run --quiet c"), 3);
  EXPECT_THAT(folder.read(".err"), HasSubstr("(EFBIG); nothing was written: raise it with ulimit -f"));
}

TEST(Limits, ACommandMeetsThemAsItWouldInAShell) {
  const Folder folder;
  folder.write("c", "head -c 5000000 /dev/zero > big\n");
  EXPECT_EQ(under(folder, "ulimit -f 2000", "run --quiet --json c"), 1);
  EXPECT_THAT(folder.read(".out"), HasSubstr("File size limit exceeded"));
}

/// Processes and threads of a user, as RLIMIT_NPROC counts them.
int tasks_of(uid_t user) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream status(entry.path() / "status");
    uid_t owner = user + 1;
    int threads = 0;
    for (std::string word; status >> word;) {
      if (word == "Uid:") status >> owner;
      if (word == "Threads:") status >> threads;
    }
    if (owner == user) count += threads;
  }
  return count;
}

// Root has no limit on processes, so root runs this as nobody, who has to reach the command.
TEST(Limits, ACommandWaitsForAProcessWhereThereAreTooMany) {
  const Folder folder;
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += "exec sleep 0.1  # " + std::to_string(i) + "\n";
  folder.write("c", lines);
  std::filesystem::copy_file(COTERIE_BIN_DIR "/coterie", folder.path("coterie"));
  std::filesystem::permissions(folder.path(""), std::filesystem::perms::all);
  const uid_t user = ::getuid() == 0 ? 65534 : ::getuid();
  const std::string as_user = ::getuid() == 0 ? "setpriv --reuid=65534 --clear-groups " : "";
  const std::string limit = "prlimit --nproc=" + std::to_string(tasks_of(user) + 16) + " ";
  const std::string command = "cd '" + folder.path("") + "' && exec " + as_user + limit +
                              "./coterie run --quiet --retries 0 -j 12 c >.out 2>.err";
  EXPECT_EQ(std::system(command.c_str()), 0) << folder.read(".err") << folder.read(".out");
}

}  // namespace
}  // namespace cli_test
