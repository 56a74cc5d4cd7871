// Plan: hold routing keys and stored keys against literals, check that keys sort and nest as
// FORMAT.md says, and refuse keys of no known form.

#include "server/account/record_key.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/hash.h"
#include "server/base/limits.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

const AccountRef kBash{"debian", "bash"};

TEST(RoutingKeyTest, IsTheTwoHashes) {
  const RoutingKey key = RoutingKeyOf("debian", "bash");
  EXPECT_EQ(key.high, StableHash64("debian"));
  EXPECT_EQ(key.low, StableHash64("bash"));
  EXPECT_EQ(ToHex(key), "9b0f38bcfd3be884bd49f8cfb88be81e");
  const RoutingKey alone = RoutingKeyOf("", "bash");
  EXPECT_EQ(alone.high, alone.low);
  EXPECT_EQ(alone.low, key.low);
}

TEST(RoutingKeyTest, BytesAndHexComeBack) {
  const RoutingKey key{0x0102030405060708, 0x090a0b0c0d0e0f10};
  EXPECT_EQ(ToHex(key), "0102030405060708090a0b0c0d0e0f10");
  EXPECT_EQ(RoutingKeyFromBytes(ToBytes(key)), key);
  EXPECT_FALSE(RoutingKeyFromBytes("").has_value());
  EXPECT_FALSE(RoutingKeyFromBytes(std::string(15, 'x')).has_value());
  EXPECT_FALSE(RoutingKeyFromBytes(std::string(17, 'x')).has_value());
}

TEST(RoutingKeyTest, Successor) {
  EXPECT_EQ(Successor(kFirstRoutingKey), (RoutingKey{0, 1}));
  EXPECT_EQ(Successor({7, UINT64_MAX}), (RoutingKey{8, 0}));
  EXPECT_EQ(Successor({UINT64_MAX, UINT64_MAX - 1}), kLastRoutingKey);
  EXPECT_FALSE(Successor(kLastRoutingKey).has_value());
}

TEST(KeyRangeTest, ContainsAndOverlaps) {
  const KeyRange low{{0, 0}, RoutingKey{5, 0}};
  const KeyRange high{{5, 0}, std::nullopt};
  EXPECT_TRUE(low.Contains({4, UINT64_MAX}));
  EXPECT_FALSE(low.Contains({5, 0}));
  EXPECT_TRUE(high.Contains({5, 0}));
  EXPECT_TRUE(high.Contains(kLastRoutingKey));
  EXPECT_FALSE(low.Overlaps(high));
  EXPECT_FALSE(high.Overlaps(low));
  EXPECT_TRUE(low.Overlaps({{4, UINT64_MAX}, RoutingKey{5, 1}}));
  EXPECT_TRUE(high.Overlaps({{4, UINT64_MAX}, RoutingKey{5, 1}}));
  EXPECT_TRUE(high.Overlaps(high));
}

// Plan: two ranges in every position to each other, either way round, bounded and not.
TEST(KeyRangeTest, Intersection) {
  const RoutingKey at[] = {{1, 0}, {2, 0}, {3, 0}, {4, 0}};
  const KeyRange all{kFirstRoutingKey, std::nullopt};
  const KeyRange left{at[0], at[2]};
  const KeyRange right{at[1], at[3]};
  const KeyRange inner{at[1], at[2]};
  const KeyRange rest{at[1], std::nullopt};
  const struct {
    KeyRange a;
    KeyRange b;
    KeyRange both;
  } rows[] = {{all, all, all},      {all, left, left},     {left, right, inner},
              {left, inner, inner}, {right, inner, inner}, {left, rest, inner},
              {right, rest, right}, {all, rest, rest},     {rest, rest, rest}};
  for (const auto& row : rows) {
    EXPECT_EQ(row.a.Intersection(row.b), row.both);
    EXPECT_EQ(row.b.Intersection(row.a), row.both);
  }
  const KeyRange none = KeyRange{at[0], at[1]}.Intersection({at[2], at[3]});
  for (const RoutingKey key : at) EXPECT_FALSE(none.Contains(key));
}

TEST(KeyRangeTest, OfANamespace) {
  const KeyRange range = RangeOfNamespace("debian");
  EXPECT_TRUE(range.Contains(RoutingKeyOf("debian", "bash")));
  EXPECT_FALSE(range.Contains(RoutingKeyOf("debiam", "bash")));
  EXPECT_EQ(range.start.low, 0u);
  EXPECT_EQ(*range.end, (RoutingKey{range.start.high + 1, 0}));
  EXPECT_EQ(RangeOfNamespace(""), (KeyRange{kFirstRoutingKey, std::nullopt}));
}

TEST(AccountKeysTest, StoredBytes) {
  const AccountKeys keys(kBash);
  const std::string routing = ToHex(kBash.routing_key());
  // "debian" is 06 …, "bash" is 0004 ….
  EXPECT_EQ(Hex(keys.Key(RecordType::kAccount)), routing +
                                                     "01"
                                                     "0664656269616e"
                                                     "000462617368");
  EXPECT_EQ(Hex(keys.Key(RecordType::kEntry, "k\xff")), routing +
                                                            "02"
                                                            "0664656269616e"
                                                            "000462617368"
                                                            "6bff");
  EXPECT_EQ(Hex(keys.Key(RecordType::kOutcome, "r")).substr(32, 2), "03");
  EXPECT_EQ(Hex(keys.Key(RecordType::kOutcomeOrder, "n")).substr(32, 2), "04");
  EXPECT_EQ(Hex(AccountKeys({"", "a"}).Key(RecordType::kAccount)).substr(32),
            "01"
            "00"
            "000161");
  EXPECT_EQ(keys.prefix_bytes(), keys.Key(RecordType::kAccount).size());
}

TEST(AccountKeysTest, LongestNamesComeBack) {
  const AccountRef longest{std::string(limits::kNamespaceBytesMax, 'n'),
                           std::string(limits::kAccountIdBytesMax, 'i')};
  const std::string own(limits::kEntryKeyBytesMax, '\xff');
  const std::string stored = AccountKeys(longest).Key(RecordType::kEntry, own);
  ASSERT_OK_AND_ASSIGN(const RecordKey key, ParseRecordKey(stored));
  EXPECT_EQ(key.routing_key, longest.routing_key());
  EXPECT_EQ(key.type, RecordType::kEntry);
  EXPECT_EQ(key.name_space, longest.name_space);
  EXPECT_EQ(key.id, longest.id);
  EXPECT_EQ(key.own_key, own);
}

// Plan: names that would run together without their lengths must stay apart.
TEST(AccountKeysTest, DifferentAccountsHaveDifferentNames) {
  std::vector<AccountRef> refs = {{"a", "bc"},  {"ab", "c"}, {"", "abc"},
                                  {"abc", "x"}, {"a", "b"},  {"a", std::string("b\0c", 3)}};
  for (size_t i = 0; i < refs.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const std::string a = AccountKeys(refs[i]).name();
      const std::string b = AccountKeys(refs[j]).name();
      EXPECT_FALSE(absl::string_view(a).substr(0, b.size()) == b) << i << " " << j;
      EXPECT_FALSE(absl::string_view(b).substr(0, a.size()) == a) << i << " " << j;
    }
  }
}

TEST(AccountKeysTest, BoundsHoldExactlyTheirOwn) {
  const AccountKeys keys(kBash);
  const storage::KeyBounds all = keys.Bounds(RecordType::kEntry);
  const storage::KeyBounds some = keys.Bounds(RecordType::kEntry, "k");
  const storage::KeyBounds last = keys.Bounds(RecordType::kEntry, "\xff\xff");
  const auto in = [](const storage::KeyBounds& bounds, const std::string& key) {
    return key >= bounds.lower && (bounds.upper.empty() || key < bounds.upper);
  };
  const std::string k = keys.Key(RecordType::kEntry, "k");
  const std::string kz = keys.Key(RecordType::kEntry, "k\xff\xff");
  const std::string l = keys.Key(RecordType::kEntry, "l");
  const std::string ff = keys.Key(RecordType::kEntry, "\xff\xff\xff");
  EXPECT_TRUE(in(all, k) && in(all, kz) && in(all, l) && in(all, ff));
  EXPECT_TRUE(in(some, k) && in(some, kz) && !in(some, l) && !in(some, ff));
  EXPECT_TRUE(!in(last, k) && !in(last, kz) && !in(last, l) && in(last, ff));
  EXPECT_FALSE(in(all, keys.Key(RecordType::kAccount)));
  EXPECT_FALSE(in(all, keys.Key(RecordType::kOutcome, "k")));
  EXPECT_FALSE(in(last, keys.Key(RecordType::kOutcome, "\xff\xff")));
  EXPECT_FALSE(in(all, AccountKeys({"debian", "bash2"}).Key(RecordType::kEntry, "k")));
}

TEST(AccountKeysTest, BoundsOfARange) {
  const RoutingKey at = kBash.routing_key();
  const storage::KeyBounds from = BoundsOf({at, std::nullopt});
  EXPECT_TRUE(from.upper.empty());
  EXPECT_LE(from.lower, AccountKeys(kBash).Key(RecordType::kAccount));
  const storage::KeyBounds until = BoundsOf({kFirstRoutingKey, at});
  EXPECT_GT(AccountKeys(kBash).Key(RecordType::kAccount), until.upper);
}

TEST(PrefixEndTest, Table) {
  EXPECT_EQ(PrefixEnd("a"), "b");
  EXPECT_EQ(PrefixEnd("a\xff"), "b");
  EXPECT_EQ(PrefixEnd("a\x7f"), "a\x80");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

TEST(RecordKeyTest, RefusesKeysOfNoKnownForm) {
  const std::string routing = ToHex(kBash.routing_key());
  const std::string name =
      "0664656269616e"
      "000462617368";
  const struct {
    const char* name;
    std::string hex;
  } rows[] = {
      {"type 0", routing + "00" + name},
      {"type 5", routing + "05" + name + "00"},
      {"type 255", routing + "ff" + name + "00"},
      {"empty id", routing + "01"
                             "0664656269616e"
                             "0000"},
      {"an account with a key of its own", routing + "01" + name + "00"},
      {"an entry without a key", routing + "02" + name},
      {"an outcome without a request", routing + "03" + name},
      {"an outcome number of seven bytes", routing + "04" + name + "00000000000000"},
      {"an outcome number of nine bytes", routing + "04" + name + "000000000000000000"},
      {"another routing key", std::string(32, '0') + "01" + name},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(ParseRecordKey(FromHex(row.hex)), HasReason(Reason::kStorageCorrupt)) << row.name;
  }
}

TEST(RecordKeyTest, RefusesEveryPrefixOfAKey) {
  const std::string key = AccountKeys(kBash).Key(RecordType::kAccount);
  for (size_t length = 0; length < key.size(); ++length) {
    EXPECT_THAT(ParseRecordKey(absl::string_view(key).substr(0, length)),
                HasReason(Reason::kStorageCorrupt))
        << length;
  }
  EXPECT_THAT(ParseRecordKey(key), IsOk());
}

}  // namespace
}  // namespace shardd
