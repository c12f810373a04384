// The SQLite store alone, without loops and workers: how many jobs a second one thread can acknowledge and
// take.
//   sqlite_store_bench [--jobs N] [--batch N] [--finished N] [--synchronous full|normal|off] [--path FILE]
// Prints one JSON line; fsync_per_s tells what the disk did meanwhile.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "src/brokers/sqlite/checkpointer.hpp"
#include "src/brokers/sqlite/engine.hpp"

using namespace coterie::brokers::sqlite;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Uuid numbered(std::uint64_t n) {
  Uuid id;
  const std::uint64_t ms = 1'700'000'000'000U + n / 100;
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  for (std::size_t i = 0; i < 8; ++i) id.bytes[8 + i] = static_cast<std::uint8_t>(n >> (56 - 8 * i));
  return id;
}

struct Store {
  SyncCounter vfs;
  Engine engine;
  explicit Store(const Settings& settings)
      : engine(open_for_writing(settings, vfs), Limits{}, read_system_clock) {}
  Checkpointer checkpointer{engine.connection()};

  void commit() {
    engine.commit();
    if (checkpointer.is_long()) checkpointer.run();
  }
};

void enqueue(Store& store, std::uint64_t& next, std::size_t jobs, std::size_t batch) {
  const std::string payload(200, 'x');
  for (std::size_t done = 0; done < jobs;) {
    std::vector<JobSpec> specs;
    for (; specs.size() < batch && done < jobs; ++done) {
      JobSpec& spec = specs.emplace_back("echo", payload);
      spec.id = numbered(next++);
    }
    store.engine.begin();
    store.engine.enqueue(specs);
    store.commit();
  }
}

/// Acknowledges what the last cycle took and takes the next, until nothing is left.
std::size_t drain(Store& store, CycleRequest& request) {
  const std::string result(100, 'r');
  std::size_t finished = 0;
  for (;;) {
    ++request.seq;
    store.engine.begin();
    CycleReply reply = store.engine.cycle(request);
    store.commit();
    finished += request.done.size();
    if (reply.leases.empty() && request.done.empty()) return finished;
    request.done.clear();
    for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, result);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t jobs = 100'000;
  std::size_t batch = 500;
  std::size_t finished = 0;
  Settings settings;
  settings.path = "/tmp/sqlite_store_bench.db";
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--jobs") jobs = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--batch") batch = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--finished") finished = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--synchronous") settings.synchronous = argv[i + 1];
    if (option == "--path") settings.path = argv[i + 1];
  }
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((settings.path + suffix).c_str());

  Store store(settings);
  std::uint64_t next = 0;
  CycleRequest request;
  request.worker.name = "bench";
  request.worker.incarnation = numbered(~std::uint64_t{0});
  request.queues = {"default"};
  request.want = static_cast<std::uint32_t>(batch);
  if (finished > 0) {
    enqueue(store, next, finished, 2000);
    drain(store, request);
  }
  auto start = std::chrono::steady_clock::now();
  enqueue(store, next, jobs, batch);
  const double enqueue_s = seconds_since(start);
  const std::uint64_t syncs = store.vfs.syncs();
  start = std::chrono::steady_clock::now();
  const std::size_t done = drain(store, request);
  const double process_s = seconds_since(start);
  std::printf(
      "{\"jobs\":%zu,\"batch\":%zu,\"finished\":%zu,\"synchronous\":\"%s\",\"enqueue_per_s\":%.0f,"
      "\"process_per_s\":%.0f,\"fsync_per_s\":%.0f}\n",
      done, batch, finished, settings.synchronous.c_str(), static_cast<double>(jobs) / enqueue_s,
      static_cast<double>(done) / process_s, static_cast<double>(store.vfs.syncs() - syncs) / process_s);
  return 0;
}
