// Plan: compare look-ups with a linear search on random tables, refuse tables that break an
// invariant, and hold the stored bytes against a literal.

#include "server/routing/route_table.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "server/base/random.h"
#include "server/routing/table_history.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

constexpr storage::Family kHome{1};

// Routes that begin at 0 and at each of `starts`, which are sorted, distinct and above 0.
std::vector<Route> RoutesAt(const std::vector<RoutingKey>& starts) {
  std::vector<Route> routes = {{ShardId{1}, {kFirstRoutingKey, std::nullopt}, kHome}};
  for (const RoutingKey start : starts) {
    routes.back().range.end = start;
    routes.push_back({ShardId{routes.size() + 1}, {start, std::nullopt}, kHome});
  }
  return routes;
}

RouteTable TableAt(const std::vector<RoutingKey>& starts, uint64_t epoch = 1) {
  absl::StatusOr<RouteTable> table = RouteTable::Make(TableEpoch{epoch}, RoutesAt(starts));
  EXPECT_THAT(table, IsOk());
  return *std::move(table);
}

size_t LinearSearch(const RouteTable& table, RoutingKey key) {
  size_t found = 0;
  size_t matches = 0;
  for (size_t i = 0; i < table.routes().size(); ++i) {
    if (!table.routes()[i].range.Contains(key)) continue;
    found = i;
    ++matches;
  }
  EXPECT_EQ(matches, 1u) << ToHex(key);
  return found;
}

// Plan: few distinct upper halves, so that many rows share one; ask around every start.
TEST(RouteTableTest, FindsWhatALinearSearchFinds) {
  Random random(20);
  for (int round = 0; round < 200; ++round) {
    const uint64_t uppers = 1 + random.Below(8);
    const auto upper = [&] {
      const uint64_t value = random.Below(uppers + 2);
      return value == uppers ? UINT64_MAX : value == uppers + 1 ? random.Next() : value;
    };
    std::set<RoutingKey> starts;
    for (uint64_t i = random.Below(70); i > 0; --i) {
      const RoutingKey start{upper(), random.OneIn(3) ? random.Below(3) : random.Next()};
      if (start != kFirstRoutingKey) starts.insert(start);
    }
    const RouteTable table = TableAt({starts.begin(), starts.end()});
    std::vector<RoutingKey> asked = {kFirstRoutingKey, kLastRoutingKey};
    for (const RoutingKey start : starts) {
      asked.push_back(start);
      asked.push_back({start.high, start.low - 1});
      if (Successor(start).has_value()) asked.push_back(*Successor(start));
      asked.push_back({start.high, random.Next()});
    }
    for (int i = 0; i < 20; ++i) asked.push_back({random.Next(), random.Next()});
    for (const RoutingKey key : asked) {
      ASSERT_EQ(table.IndexOf(key), LinearSearch(table, key)) << ToHex(key) << " round " << round;
      ASSERT_EQ(&table.Find(key), &table.routes()[table.IndexOf(key)]);
    }
  }
}

TEST(RouteTableTest, UniformRangesAreOfEqualWidth) {
  for (const size_t count : {size_t{1}, size_t{2}, size_t{3}, size_t{4}, size_t{7}, size_t{64},
                             limits::kShardsAtStartMax}) {
    const RouteTable table = RouteTable::Uniform(count, kHome);
    ASSERT_EQ(table.routes().size(), count);
    EXPECT_EQ(table.epoch(), TableEpoch{1});
    EXPECT_THAT(RouteTable::Make(TableEpoch{1}, table.routes()), IsOk());
    EXPECT_EQ(table.routes()[0].shard, ShardId{1});
    EXPECT_EQ(table.routes().back().shard, ShardId{count});
    uint64_t narrowest = UINT64_MAX;
    uint64_t widest = 0;
    for (const Route& route : table.routes()) {
      EXPECT_EQ(route.home, kHome);
      const uint64_t end = route.range.end.has_value() ? route.range.end->high : 0;
      narrowest = std::min(narrowest, end - route.range.start.high);
      widest = std::max(widest, end - route.range.start.high);
    }
    EXPECT_LE(widest - narrowest, 1u) << count;
  }
}

TEST(RouteTableTest, FindsShardsById) {
  const RouteTable table = RouteTable::Uniform(3, kHome);
  ASSERT_NE(table.FindShard(ShardId{2}), nullptr);
  EXPECT_EQ(*table.FindShard(ShardId{2}), table.routes()[1]);
  EXPECT_EQ(table.FindShard(ShardId{0}), nullptr);
  EXPECT_EQ(table.FindShard(ShardId{4}), nullptr);
}

TEST(RouteTableTest, MakeRefusesBrokenInvariants) {
  const auto edited = [](auto edit) {
    std::vector<Route> routes = RoutesAt({{10, 0}, {20, 0}});
    edit(routes);
    return routes;
  };
  using Routes = std::vector<Route>;
  const struct {
    const char* name;
    Routes routes;
  } rows[] = {
      {"no route", {}},
      {"begins after 0", edited([](Routes& r) {
         r[0].range.start = {0, 1};
       })},
      {"gap", edited([](Routes& r) {
         r[1].range.start = {10, 1};
       })},
      {"overlap", edited([](Routes& r) {
         r[1].range.start = {9, 0};
       })},
      {"empty range", edited([](Routes& r) {
         r[0].range.end = r[1].range.start = {0, 0};
       })},
      {"range runs back", edited([](Routes& r) {
         r[1].range.end = r[2].range.start = {5, 0};
       })},
      {"last has an end", edited([](Routes& r) {
         r[2].range.end = RoutingKey{30, 0};
       })},
      {"middle has no end", edited([](Routes& r) { r[1].range.end = std::nullopt; })},
      {"one range short", edited([](Routes& r) { r.pop_back(); })},
      {"not sorted", edited([](Routes& r) { std::swap(r[1], r[2]); })},
      {"shard twice", edited([](Routes& r) { r[2].shard = r[0].shard; })},
      {"shard 0", edited([](Routes& r) { r[1].shard = ShardId{0}; })},
      {"home is meta", edited([](Routes& r) { r[1].home = storage::kMeta; })},
      {"home of five digits", edited([](Routes& r) { r[1].home = storage::Family{10'000}; })},
  };
  for (const auto& row : rows) {
    EXPECT_FALSE(RouteTable::Make(TableEpoch{1}, row.routes).ok()) << row.name;
  }
  EXPECT_FALSE(RouteTable::Make(TableEpoch{0}, edited([](Routes&) {})).ok())
      << "epoch 0 means none";
  EXPECT_THAT(RouteTable::Make(TableEpoch{1}, edited([](Routes&) {})), IsOk());
}

TEST(RouteTableTest, StoredBytes) {
  const std::vector<Route> routes = {
      {ShardId{1}, {kFirstRoutingKey, RoutingKey{0x8000000000000000, 2}}, storage::Family{1}},
      {ShardId{300}, {{0x8000000000000000, 2}, std::nullopt}, storage::Family{2}}};
  ASSERT_OK_AND_ASSIGN(const RouteTable table, RouteTable::Make(TableEpoch{7}, routes));
  EXPECT_EQ(Hex(table.Encode()),
            "010702"
            "010100000000000000000000000000000000"
            "ac020280000000000000000000000000000002");
  ASSERT_OK_AND_ASSIGN(const RouteTable decoded, RouteTable::Decode(table.Encode()));
  EXPECT_EQ(decoded.routes(), routes);
  EXPECT_EQ(decoded.epoch(), TableEpoch{7});
}

TEST(RouteTableTest, DecodeRefusesOtherBytes) {
  const std::string bytes = RouteTable::Uniform(3, kHome).Encode();
  ExpectOtherLengthsRefused(bytes, RouteTable::Decode);
  ExpectOtherVersionsRefused(bytes, RouteTable::Decode);
  ExpectGarbageIsHarmless(bytes, RouteTable::Decode);
  const std::string zero(32, '0');
  const struct {
    const char* name;
    std::string hex;
  } rows[] = {
      {"no routes", "010100"},
      {"more routes than bytes", "0101ffffffffffffffffff01"},
      {"does not begin at 0",
       "01010101010000000000000000"
       "0000000000000001"},
      {"home 0", "0101010100" + zero},
      // 2^32 + 1 must not pass for home 1.
      {"home of 33 bits", "010101018180808010" + zero},
      {"epoch 0", "0100010101" + zero},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(RouteTable::Decode(FromHex(row.hex)), HasReason(Reason::kStorageCorrupt))
        << row.name;
  }
  EXPECT_THAT(RouteTable::Decode(FromHex("0101010101" + zero)), IsOk());
}

// Plan: a split shows the old row as removed and both halves as added; equal tables show nothing.
TEST(RouteTableDiffTest, ShowsRemovedAndAdded) {
  const RouteTable older = TableAt({{10, 0}});
  std::vector<Route> routes = older.routes();
  const Route split = routes[1];
  routes[1].range.end = RoutingKey{20, 0};
  routes.push_back({ShardId{3}, {{20, 0}, std::nullopt}, kHome});
  ASSERT_OK_AND_ASSIGN(const RouteTable newer, RouteTable::Make(TableEpoch{2}, routes));
  const RouteTableDiff diff = Diff(older, newer);
  EXPECT_EQ(diff.epoch, TableEpoch{2});
  EXPECT_EQ(diff.removed, std::vector<Route>{split});
  EXPECT_EQ(diff.added, (std::vector<Route>{routes[1], routes[2]}));
  EXPECT_TRUE(Diff(older, older).removed.empty());
  EXPECT_TRUE(Diff(older, older).added.empty());
}

TEST(RouteTableTest, StaleEpochCarriesTheRoute) {
  const RouteTable table = TableAt({{10, 0}}, 5);
  const absl::Status first = StaleEpoch(4, table.epoch(), table.routes()[0]);
  EXPECT_THAT(first, HasReason(Reason::kStaleEpoch));
  const std::map<std::string, std::string> expected = {{"epoch", "5"},
                                                       {"shard", "s-0001"},
                                                       {"start", std::string(32, '0')},
                                                       {"end", "000000000000000a0000000000000000"}};
  EXPECT_EQ(MetadataOf(first), expected);
  EXPECT_EQ(MetadataOf(StaleEpoch(4, table.epoch(), table.routes()[1])).at("end"), "");
}

std::shared_ptr<const RouteTable> Share(uint64_t epoch) {
  return std::make_shared<const RouteTable>(TableAt({{epoch, 0}}, epoch));
}

TEST(TableHistoryTest, KeepsTheNewest) {
  TableHistory history(limits::kTablesKept);
  const uint64_t last = limits::kTablesKept + 5;
  for (uint64_t epoch = 1; epoch <= last; ++epoch) history.Add(Share(epoch));
  EXPECT_EQ(history.current()->epoch(), TableEpoch{last});
  EXPECT_EQ(history.Find(TableEpoch{5}), nullptr);
  ASSERT_NE(history.Find(TableEpoch{6}), nullptr);
  EXPECT_EQ(history.Find(TableEpoch{last + 1}), nullptr);
  EXPECT_FALSE(history.DiffsSince(TableEpoch{5}).has_value());
  EXPECT_FALSE(history.DiffsSince(TableEpoch{last + 1}).has_value());
  ASSERT_TRUE(history.DiffsSince(TableEpoch{last}).has_value());
  EXPECT_TRUE(history.DiffsSince(TableEpoch{last})->empty());
  const auto diffs = history.DiffsSince(TableEpoch{last - 2});
  ASSERT_TRUE(diffs.has_value());
  ASSERT_EQ(diffs->size(), 2u);
  EXPECT_EQ((*diffs)[0].epoch, TableEpoch{last - 1});
  EXPECT_EQ((*diffs)[1].epoch, TableEpoch{last});
  EXPECT_EQ((*diffs)[1].added.size(), 2u);
}

TEST(TableHistoryDeathTest, EpochsRiseByOne) {
  TableHistory history(4);
  history.Add(Share(3));
  EXPECT_DEATH(history.Add(Share(5)), "epoch");
  EXPECT_DEATH(history.Add(Share(3)), "epoch");
}

}  // namespace
}  // namespace shardd
