// What a run leaves with the broker about itself, where the broker's replies get lost.
#include <gtest/gtest.h>

#include "coterie/run.hpp"
#include "src/cli/patience.hpp"
#include "src/cli/run_manifest.hpp"
#include "tests/support/forwarding_broker.hpp"

namespace cli_test {
namespace {

using coterie::Task;
using coterie::cli::Manifest;
using coterie::cli::ManifestStore;
namespace queue = coterie::queue;

/// A broker of which only the notes are asked. While `lose` is not 0, it writes them and its reply is lost.
class LosesReplies final : public coterie::tests::ForwardingBroker {
 public:
  LosesReplies() : ForwardingBroker(queue::open_broker("memory://")) {}
  int lose = 0;

  Task<bool> put_note(std::string key, std::optional<std::string> expected, std::string value) override {
    const bool put = co_await real().put_note(std::move(key), std::move(expected), std::move(value));
    if (lose > 0) {
      --lose;
      throw queue::BrokerUnavailable("the reply was lost: repeat");
    }
    co_return put;
  }
};

Manifest of(const std::string& owner) {
  Manifest manifest;
  manifest.name = "r";
  manifest.owner = owner;
  return manifest;
}

Task<void> go_on_after_a_lost_reply() {
  const auto broker = std::make_shared<LosesReplies>();
  ManifestStore store(broker, "r");
  (void)co_await store.load();
  Manifest manifest = of(queue::this_process());
  broker->lose = 1;
  try {
    (void)co_await store.save(manifest);
    ADD_FAILURE() << "no reply was lost";
  } catch (const queue::BrokerUnavailable&) {
  }
  ++manifest.beat;
  manifest.owner.clear();
  const bool saved = co_await store.save(manifest);
  EXPECT_TRUE(saved) << "that was no other process";
}

TEST(ManifestStore, AHeartbeatWhoseReplyWasLostIsNoTakeover) {
  coterie::run(go_on_after_a_lost_reply());
}

Task<void> be_taken_over() {
  const auto broker = std::make_shared<LosesReplies>();
  ManifestStore ours(broker, "r");
  ManifestStore theirs(broker, "r");
  bool saved = co_await ours.save(of(queue::this_process()));
  EXPECT_TRUE(saved);
  (void)co_await theirs.load();
  saved = co_await theirs.save(of("another process"));
  EXPECT_TRUE(saved);
  saved = co_await ours.save(of(queue::this_process()));
  EXPECT_FALSE(saved);
  saved = co_await ours.save(of(""));
  EXPECT_FALSE(saved) << "theirs stays";
}

TEST(ManifestStore, AnotherProcessIsATakeover) {
  coterie::run(be_taken_over());
}

TEST(Patience, ABrokerThatDoesNotAnswerIsAskedAgainAndThatIsSaidOnce) {
  int asked = 0;
  int warned = 0;
  const std::function<Task<void>()> step = [&]() -> Task<void> {
    if (++asked < 3) throw queue::BrokerUnavailable("away: wait");
    co_return;
  };
  const std::function<void(const std::string&)> warn = [&](const std::string&) { ++warned; };
  coterie::run(coterie::cli::until_answered(step, warn));
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(warned, 1);
}

}  // namespace
}  // namespace cli_test
