// What a handler says can be found by its job.
#include "coterie/log.hpp"
#include "coterie/queue/json.hpp"
#include "tests/queue/worker_run.hpp"

namespace queue_tests {
namespace {

class Lines final : public LogSink {
 public:
  bool wants(LogLevel level) const noexcept override { return level >= least; }
  void write(const LogRecord& record) override {
    std::string line = std::string(to_string(record.level)) + " " + std::string(record.message);
    for (const LogField& field : record.fields) line += " " + field.name + "=" + field.value;
    lines.push_back(line);
    tasks.push_back(record.task);
  }
  LogLevel least = LogLevel::debug;
  std::vector<std::string> lines;
  std::vector<std::string> tasks;
};

class LogFieldsTest : public WorkerRun {
 protected:
  std::shared_ptr<Lines> sink = std::make_shared<Lines>();
  Logger log{sink};
};

TEST_F(LogFieldsTest, ALineOfAHandlerCarriesItsJob) {
  Worker worker(broker, options().log_fields());
  worker.handle("h", [this]() -> Task<void> {
    co_await sleep(1s);
    log.info("works");
  });
  const JobInfo job = end_of(worker, JobSpec("h"));
  EXPECT_EQ(sink->lines, std::vector<std::string>{"info works job=" + job.id.str() +
                                                  " handler=h queue=default attempt=1"});
  EXPECT_EQ(sink->tasks, std::vector<std::string>{"h " + job.id.str()});
}

TEST_F(LogFieldsTest, SoDoLinesOfTheTasksThatItSpawnsAndOfThePool) {
  Worker worker(broker, options().log_fields());
  worker.handle("h", [this]() -> Task<void> {
    co_await spawn(
        named("part"),
        [](Logger to) -> Task<void> {
          to.info("a part");
          co_return;
        },
        log);
    co_await to_thread([](Logger to) { to.info("a thread"); }, log);
  });
  const JobInfo job = end_of(worker, JobSpec("h"));
  ASSERT_EQ(sink->lines.size(), 2u);
  for (const std::string& line : sink->lines)
    EXPECT_NE(line.find(" job=" + job.id.str()), std::string::npos) << line;
  EXPECT_EQ(sink->tasks[0], "part");
  EXPECT_EQ(sink->tasks[1], "") << "a thread of the pool runs no task";
}

TEST_F(LogFieldsTest, JobsThatRunBesideEachOtherKeepTheirOwn) {
  Worker worker(broker, options().log_fields());
  worker.handle("h", [this](std::string text) -> Task<void> {
    co_await sleep(1s);
    set_log_field("text", text);
    co_await sleep(1s);
    log.info("ends");
  });
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    const JobId one = co_await jobs.enqueue(JobSpec("h", R"("one")"));
    const JobId two = co_await jobs.enqueue(JobSpec("h", R"("two")"));
    (void)co_await jobs.wait(one);
    (void)co_await jobs.wait(two);
    EXPECT_EQ(sink->lines,
              (std::vector<std::string>{
                  "info ends job=" + one.str() + " handler=h queue=default attempt=1 text=one",
                  "info ends job=" + two.str() + " handler=h queue=default attempt=1 text=two"}));
  };
  run(beside(worker, body()));
}

TEST_F(LogFieldsTest, WithoutTheOptionThereIsNoContext) {
  Worker worker(broker, options());
  worker.handle("h", [this]() -> Task<void> {
    log.info("works");
    co_return;
  });
  (void)end_of(worker, JobSpec("h"));
  EXPECT_EQ(sink->lines, std::vector<std::string>{"info works"});
}

TEST_F(LogFieldsTest, AFieldOfALineReplacesThatOfTheContext) {
  LogFields more;
  more.emplace_back("a", "2");
  Context().run([&] {
    set_log_field("a", "1");
    set_log_field("b", "1");
    log.write(LogLevel::error, "x", more);
    EXPECT_EQ(log_fields().size(), 2u);
  });
  EXPECT_EQ(sink->lines, std::vector<std::string>{"error x a=2 b=1"});
  EXPECT_EQ(log_fields().size(), 0u);
}

TEST_F(LogFieldsTest, ALevelThatNobodyWantsIsNotMade) {
  sink->least = LogLevel::warning;
  log.debug("a");
  log.info("b");
  log.warning("c");
  EXPECT_EQ(sink->lines, std::vector<std::string>{"warning c"});
}

}  // namespace
}  // namespace queue_tests
