#include "server/config/address.h"

#include <gtest/gtest.h>

#include <string>

namespace shardd {
namespace {

// Plan: parse good and bad addresses; good ones are written back as they were.
TEST(AddressTest, ParsesHostAndPort) {
  struct Row {
    const char* text;
    bool valid;
    bool loopback;
  };
  const Row rows[] = {
      {"127.0.0.1:7400", true, true},
      {"127.9.8.7:1", true, true},
      {"[::1]:7400", true, true},
      {"localhost:0", true, true},
      {"0.0.0.0:7400", true, false},
      {"[::]:7400", true, false},
      {"10.0.0.1:65535", true, false},
      {"db-1.example:7400", true, false},
      {"localhost.example:7400", true, false},
      {"", false, false},
      {"127.0.0.1", false, false},
      {"127.0.0.1:", false, false},
      {":7400", false, false},
      {"127.0.0.1:65536", false, false},
      {"127.0.0.1:-1", false, false},
      {"127.0.0.1:+1", false, false},
      {"127.0.0.1: 1", false, false},
      {"::1:7400", false, false},
      {"[::1:7400", false, false},
      {"[nonsense]:7400", false, false},
      {"a b:7400", false, false},
      {"a,b:7400", false, false},
      {"host:99999999999999999999", false, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const std::optional<HostPort> parsed = ParseHostPort(row.text);
    ASSERT_EQ(parsed.has_value(), row.valid);
    if (!row.valid) continue;
    EXPECT_EQ(ToText(*parsed), row.text);
    EXPECT_EQ(IsLoopback(*parsed), row.loopback);
  }
}

}  // namespace
}  // namespace shardd
