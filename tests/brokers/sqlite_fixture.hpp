#pragma once
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "src/brokers/broker_url.hpp"
#include "src/brokers/sqlite/sqlite_broker.hpp"
#include "src/brokers/sqlite/vfs.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/sqlite_invariants.hpp"
#include "tests/brokers/temp_folder.hpp"

namespace broker_suite {

/// One database file. Every broker opened on it has connections of its own, as another process would have.
/// What a test leaves there must be sound.
class SqliteFixture final : public BrokerFixture {
 public:
  SqliteFixture() = default;
  ~SqliteFixture() override {
    try {
      if (std::filesystem::exists(path())) check_sqlite_invariants(path());
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
  std::shared_ptr<Broker> open(const TestClock& clock, const Limits& limits) override {
    return open(clock.source(), limits, std::make_shared<coterie::brokers::sqlite::SyncCounter>());
  }
  std::shared_ptr<Broker> open(ClockSource clock, const Limits& limits,
                               std::shared_ptr<coterie::brokers::sqlite::SyncCounter> vfs,
                               const std::string& options = "") {
    BrokerOptions settings;
    settings.limits = limits;
    // What a power cut would undo is the business of tests that say so; the others need no disk.
    const bool said = options.find("synchronous") != std::string::npos;
    const auto url = coterie::brokers::parse_broker_url("sqlite://" + path() +
                                                        (said ? "?" : "?synchronous=off") + options);
    return coterie::brokers::open_sqlite_broker(url, settings, std::move(clock), std::move(vfs));
  }
  [[nodiscard]] std::string path() const { return folder_.file("jobs.db"); }
  [[nodiscard]] const TempFolder& folder() const { return folder_; }

 private:
  TempFolder folder_;
};

/// A test of what only this broker has. `clock` is every broker's unless a test says otherwise.
class SqliteTest : public testing::Test {
 protected:
  using Vfs = coterie::brokers::sqlite::SyncCounter;

  std::shared_ptr<Broker> open(const std::string& options = "",
                               std::shared_ptr<Vfs> vfs = std::make_shared<Vfs>()) {
    return fixture_.open(clock_.source(), Limits{}, std::move(vfs), options);
  }
  template <class T>
  T await(Task<T> call) {
    return loop_.run(std::move(call));
  }
  /// What the call's error says; empty when there is none.
  template <class Error, class T>
  std::string error_of(Task<T> call) {
    try {
      loop_.run(std::move(call));
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }
  static std::vector<JobSpec> jobs(std::size_t count, const std::string& name = "noop") {
    std::vector<JobSpec> specs;
    for (std::size_t i = 0; i < count; ++i) specs.emplace_back(name, "{}").id = new_uuid();
    return specs;
  }
  std::uint64_t count(Broker& broker, JobState state) {
    const std::vector<QueueInfo> queues = await(broker.queues());
    if (queues.empty()) return 0;
    const auto found = queues[0].counts.find(state);
    return found == queues[0].counts.end() ? 0 : found->second;
  }
  [[nodiscard]] std::string path() const { return fixture_.path(); }
  [[nodiscard]] const TempFolder& folder() const { return fixture_.folder(); }

  TestClock clock_;
  coterie::testing::VirtualLoop loop_;

 private:
  SqliteFixture fixture_;
};

}  // namespace broker_suite
