#include "server/config/nearest.h"

#include <gtest/gtest.h>

#include <string>

namespace shardd {
namespace {

// Plan: measure pairs whose distance is known, in both directions.
TEST(NearestTest, EditDistanceCountsTheFourSlips) {
  struct Row {
    const char* a;
    const char* b;
    size_t distance;
  };
  const Row rows[] = {{"", "", 0},         {"abc", "abc", 0},   {"abc", "ac", 1},
                      {"abc", "abd", 1},   {"abc", "acb", 1},   {"abc", "", 3},
                      {"abcd", "badc", 2}, {"data", "date", 1}, {"kitten", "sitting", 3}};
  for (const Row& row : rows) {
    EXPECT_EQ(EditDistance(row.a, row.b), row.distance) << row.a << " " << row.b;
    EXPECT_EQ(EditDistance(row.b, row.a), row.distance) << row.b << " " << row.a;
  }
}

// Plan: ask with slips, with a bare name and with something very long.
TEST(NearestTest, FindsTheKeyThatWasMeant) {
  const std::vector<std::string> keys = {"server.listen", "server.http_listen", "shards.initial"};
  EXPECT_EQ(Nearest("server.lisetn", keys), "server.listen");
  EXPECT_EQ(Nearest("http_listn", keys), "server.http_listen");
  EXPECT_EQ(Nearest("initial", keys), "shards.initial");
  EXPECT_EQ(Nearest("shard.initial", keys), "shards.initial");
  EXPECT_FALSE(Nearest(std::string(1 << 20, 'x'), keys).empty());
}

}  // namespace
}  // namespace shardd
