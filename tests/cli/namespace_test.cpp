// --namespace, beside ?namespace= in the broker's URL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/brokers/redis_server.hpp"
#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using broker_suite::RedisServer;
using testing::HasSubstr;
using testing::Not;

TEST(Namespace, IsTheSameAsInTheUrl) {
  const Folder folder;
  const RedisServer server;
  ASSERT_EQ(folder.run({"enqueue", "--broker", server.url(), "--namespace", "shop", "thumbnail"}).code, 0);
  EXPECT_THAT(folder.run({"queues", "--broker", server.url(), "--namespace=shop"}).out, HasSubstr("default"));
  EXPECT_THAT(folder.run({"queues", "--broker", server.url("namespace=shop")}).out, HasSubstr("default"));
  EXPECT_THAT(folder.run({"queues", "--broker", server.url()}).out, Not(HasSubstr("default")));
  EXPECT_THAT(folder.run({"queues", "--namespace", "shop", "--broker", server.url("namespace=shop")}).out,
              HasSubstr("default"));
}

TEST(Namespace, TwoThatDifferAreRefused) {
  const Folder folder;
  const Ended refused =
      folder.run({"queues", "--broker", "redis://127.0.0.1?namespace=a", "--namespace", "b"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.err,
            "coterie: --namespace 'b', and the broker's URL has ?namespace=a: leave one of them out\n");
}

TEST(Namespace, ABrokerWithoutAnyRefusesIt) {
  const Folder folder;
  const Ended file = folder.run({"enqueue", "--namespace", "shop", "thumbnail"});
  EXPECT_EQ(file.code, 2);
  EXPECT_EQ(
      file.err,
      "coterie: --namespace 'shop': only a Redis is shared by namespaces; 'sqlite://coterie.db' has none, "
      "name another file\n");
  const Ended process = folder.run({"dump", "4242", "--namespace", "shop"});
  EXPECT_EQ(process.code, 2);
  EXPECT_THAT(process.err, HasSubstr("--namespace 'shop' is of a broker: name it with --broker"));
}

TEST(Namespace, WhatNoNamespaceMayHoldIsNoOtherOption) {
  const Folder folder;
  const Ended refused =
      folder.run({"queues", "--broker", "redis://127.0.0.1", "--namespace", "a&accept_loss=yes"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("a namespace is 1 to 64 letters"));
}

TEST(Help, BeginsWithWordsThatAreTrueForEveryBroker) {
  const Folder folder;
  const Ended help = folder.run({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out.substr(0, help.out.find('\n')), HasSubstr("Redis"));
}

}  // namespace
}  // namespace cli_test
