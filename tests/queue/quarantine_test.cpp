// A job that kills every worker that runs it: it, and it alone, is taken out.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/queue/broker.hpp"
#include "coterie/queue/worker.hpp"

namespace coterie::queue {
namespace {

constexpr int jobs = 1000;
constexpr int poison = 500;

Task<std::string> handle(JobContext& /*job*/, std::string payload) {
  if (payload == std::to_string(poison)) ::raise(SIGKILL);
  co_await yield();
  co_return payload;
}

/// In a process of its own: works until the queue is empty. Exit code 0, or a signal.
int work_in_child(const std::string& url) {
  const pid_t child = ::fork();
  if (child == 0) {
    Worker worker(url, WorkerOptions().concurrency(128).stop_when_idle());
    worker.handle_raw("job", handle);
    ::_exit(worker.run());
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  return status;
}

Task<void> enqueue_all(std::shared_ptr<Broker> broker) {
  std::vector<JobSpec> specs;
  for (int i = 0; i < jobs; ++i) {
    JobSpec spec("job", std::to_string(i));
    spec.id = derived_uuid(std::to_string(i));
    specs.push_back(std::move(spec));
  }
  co_await broker->enqueue(std::move(specs));
}

Task<std::vector<QueueInfo>> counts(std::shared_ptr<Broker> broker) {
  co_return co_await broker->queues();
}

Task<JobInfo> poisoned(std::shared_ptr<Broker> broker) {
  std::vector<JobId> ids{derived_uuid(std::to_string(poison))};
  auto found = co_await broker->get(std::move(ids), false);
  co_return found.at(0).value();
}

TEST(Quarantine, OneJobThatKillsItsWorkersAmongAThousandIsTheOnlyOneTakenOut) {
  const std::string folder = (std::filesystem::temp_directory_path() / "coterie-quarantine-XXXXXX").string();
  std::vector<char> name(folder.begin(), folder.end());
  name.push_back('\0');
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const std::string url = "sqlite://" + std::string(name.data()) + "/jobs.db";
  {
    auto broker = open_broker(url);
    run(enqueue_all(broker));
  }
  int killed = 0;
  int status = work_in_child(url);
  for (; WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && killed < 20; ++killed)
    status = work_in_child(url);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_LE(killed, 6) << "one unseen, two as suspects, three alone";

  auto broker = open_broker(url);
  const JobInfo end = run(poisoned(broker));
  EXPECT_EQ(end.state, JobState::dead);
  ASSERT_TRUE(end.error);
  EXPECT_EQ(end.error->type, "quarantine");
  const auto queues = run(counts(broker));
  ASSERT_EQ(queues.size(), 1U);
  EXPECT_EQ(queues[0].counts.at(JobState::done), static_cast<std::uint64_t>(jobs - 1));
  EXPECT_EQ(queues[0].counts.at(JobState::dead), 1U);
  broker.reset();
  std::filesystem::remove_all(name.data());
}

}  // namespace
}  // namespace coterie::queue
