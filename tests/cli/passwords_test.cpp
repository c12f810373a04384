// Hints and errors name the broker's URL, and end up in logs.
#include <gtest/gtest.h>

#include "src/cli/broker_access.hpp"

namespace coterie::cli {
namespace {

TEST(Passwords, AreNotPrinted) {
  EXPECT_EQ(without_passwords("redis://ann:secret@host:6379/2"), "redis://ann:***@host:6379/2");
  EXPECT_EQ(without_passwords("rediss://:secret@host?tls_name=x"), "rediss://:***@host?tls_name=x");
  EXPECT_EQ(without_passwords("redis+unix:///r.sock?user=ann&password=secret&db=1"),
            "redis+unix:///r.sock?user=ann&password=***&db=1");
  EXPECT_EQ(without_passwords("redis+sentinel://:one@a,b/m?sentinel_password=two"),
            "redis+sentinel://:***@a,b/m?sentinel_password=***");
}

TEST(Passwords, WhatHasNoneStays) {
  for (const char* url : {"sqlite://dir/a:b@c.db", "sqlite:///x.db?synchronous=off", "redis://host:6379",
                          "redis://ann@host", "memory://", "no url", ""})
    EXPECT_EQ(without_passwords(url), url);
}

}  // namespace
}  // namespace coterie::cli
