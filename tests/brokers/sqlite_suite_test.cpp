// The SQLite broker in the conformance suite.
#include "tests/brokers/sqlite_fixture.hpp"

namespace broker_suite {
namespace {

std::unique_ptr<BrokerFixture> make_sqlite() {
  return std::make_unique<SqliteFixture>();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, BrokerSuite, testing::Values(BrokerKind("sqlite", make_sqlite)), kind_name);

}  // namespace
}  // namespace broker_suite
