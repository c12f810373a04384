// The command within the limits that a shell sets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

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

// Root has no limit on processes, so this runs as nobody.
TEST(Limits, ACommandWaitsForAProcessWhereThereAreTooMany) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to become a user without processes";
  const Folder folder;
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += "exec sleep 0.1  # " + std::to_string(i) + "\n";
  folder.write("c", lines);
  ASSERT_EQ(std::system(("chmod 777 '" + folder.path("") + "'").c_str()), 0);
  const std::string nobody = "setpriv --reuid=65534 --clear-groups ";
  if (std::system((nobody + "test -x '" + COTERIE_BIN_DIR + "/coterie'").c_str()) != 0)
    GTEST_SKIP() << "the build is in a folder of root's own";
  const std::string few = "exec " + nobody + "prlimit --nproc=16";
  const std::string command = "cd '" + folder.path("") + "' && " + few + " '" + COTERIE_BIN_DIR +
                              "/coterie' run --quiet --retries 0 -j 12 c >.out 2>.err";
  const int status = std::system(command.c_str());
  EXPECT_EQ(status, 0) << folder.read(".err") << folder.read(".out");
}

}  // namespace
}  // namespace cli_test
