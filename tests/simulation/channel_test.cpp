#include "coterie/sync/channel.hpp"

#include "coterie/sync/event.hpp"
#include "simulation/item.hpp"

namespace coterie::simulation {
namespace {

struct Pipe {
  explicit Pipe(std::size_t capacity) : channel(capacity) { emptied.set(); }
  Account account;
  Channel<Item> channel;
  Event emptied;
};

template <class How>
Task<void, How> send_one(SeededLoop& seeded, Pipe& pipe) {
  const int number = pipe.account.next++;
  co_await pipe.channel.send(Item(number, pipe.account.alive));
  EXPECT_LE(pipe.channel.size(), pipe.channel.capacity() + pipe.channel.receivers_waiting())
      << "sent without room";
  pipe.account.in.insert(number);
  pipe.emptied.clear();
  co_await linger(seeded.random());
}
Task<void> send_some(SeededLoop& seeded, Pipe& pipe) {
  co_await rounds(seeded, [&]<class How>() -> Task<void, How> { return send_one<How>(seeded, pipe); });
}

/// False at the end of the stream.
template <class How>
Task<bool, How> receive_one(SeededLoop& seeded, Pipe& pipe) {
  std::optional<Item> item = co_await pipe.channel.receive();
  if (!item) co_return false;
  pipe.account.handed_out(*item);
  if (pipe.account.in.empty()) pipe.emptied.set();
  co_await linger(seeded.random());
  co_return true;
}
Task<void> receive_some(SeededLoop& seeded, Pipe& pipe) {
  co_await rounds(seeded,
                  [&]<class How>() -> Task<void, How> { (void)co_await receive_one<How>(seeded, pipe); });
}
/// The seed leaves this one alone: whatever is sent is received in the end, unless a wakeup is lost.
Task<void> receive_all(SeededLoop& seeded, Pipe& pipe) {
  bool more = true;
  while (more) more = co_await receive_one<catching>(seeded, pipe);
}

COTERIE_SEEDED_TEST(ChannelSimulation, ItemsAreConserved, seeds) {
  Pipe pipe(seeded.random().below(3));
  Tasks senders;
  Tasks receivers;
  for (std::uint64_t left = 1 + seeded.random().below(3); left > 0; --left)
    senders.push_back(seeded.subject(spawn(send_some, std::ref(seeded), std::ref(pipe))));
  for (std::uint64_t left = 1 + seeded.random().below(2); left > 0; --left)
    receivers.push_back(seeded.subject(spawn(receive_some, std::ref(seeded), std::ref(pipe))));
  auto last = spawn(receive_all, std::ref(seeded), std::ref(pipe));
  co_await all_end(seeded, senders);
  co_await pipe.emptied.wait();
  EXPECT_EQ(pipe.channel.size(), 0U);
  pipe.channel.close();
  co_await last;
  co_await all_end(seeded, receivers);
  EXPECT_TRUE(pipe.account.in.empty());
  EXPECT_EQ(pipe.account.alive, 0);
  EXPECT_EQ(pipe.channel.senders_waiting(), 0U);
  EXPECT_EQ(pipe.channel.receivers_waiting(), 0U);
}

}  // namespace
}  // namespace coterie::simulation
