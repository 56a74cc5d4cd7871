// Plan: fill the cache beyond its bytes, and read a store through it; what is kept must be what was
// used last, and never differ from what was stored.

#include "server/core/record_cache.h"

#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/account/record_key.h"
#include "server/base/random.h"
#include "storage/memory_store.h"

namespace shardd {
namespace {

constexpr storage::Family kCacheHome{1};

// Plan: room for two records of this size; the one that was not used again goes first.
TEST(RecordCacheTest, KeepsWhatWasUsed) {
  const std::string value(1000, 'v');
  RecordCache cache(2 * 1200);
  cache.Store("a", value);
  cache.Store("b", value);
  cache.Store("c", value);  // the hand has passed all: none is marked as used but c
  const bool a_stayed = cache.Find("a").has_value();
  const std::string used = a_stayed ? "a" : "b";
  ASSERT_TRUE(cache.Find(used).has_value());
  EXPECT_NE(a_stayed, cache.Find("b").has_value());
  EXPECT_LE(cache.bytes(), 2u * 1200);
}

// Plan: replace a value by a larger one, a smaller one and none; the bytes follow.
TEST(RecordCacheTest, CountsWhatItKeeps) {
  RecordCache cache(1 << 20);
  cache.Store("a", std::string(100, 'v'));
  const size_t small = cache.bytes();
  cache.Store("a", std::string(300, 'w'));
  EXPECT_EQ(cache.bytes(), small + 200);
  EXPECT_EQ(cache.Find("a")->value, std::string(300, 'w'));
  cache.Store("a", std::string(299, 'x'));
  EXPECT_EQ(cache.Find("a")->value, std::string(299, 'x'));
  cache.Store("a", std::nullopt);
  EXPECT_EQ(cache.bytes(), small - 100);
  ASSERT_TRUE(cache.Find("a").has_value());
  EXPECT_FALSE(cache.Find("a")->exists);
}

// Plan: one record that is larger than the cache; nothing is kept.
TEST(RecordCacheTest, KeepsNothingThatDoesNotFit) {
  RecordCache cache(100);
  cache.Store("a", std::string(1000, 'v'));
  EXPECT_FALSE(cache.Find("a").has_value());
  EXPECT_EQ(cache.bytes(), 0u);
}

// Plan: forget a range, and then one beside it: what lies there is known again only when it is
// stored anew, what lies elsewhere stays.
TEST(RecordCacheTest, ForgetsARange) {
  RecordCache cache(1 << 20);
  for (const char* key : {"a", "b", "c", "d", "e"}) cache.Store(key, "old");
  cache.Forget({"c", "d"});
  EXPECT_EQ(cache.Find("b")->value, "old");
  EXPECT_FALSE(cache.Find("c").has_value());
  EXPECT_EQ(cache.Find("d")->value, "old");
  cache.Store("c", "new");
  EXPECT_EQ(cache.Find("c")->value, "new");

  cache.Forget({"d", ""});
  EXPECT_EQ(cache.Find("b")->value, "old");
  EXPECT_FALSE(cache.Find("d").has_value());
  EXPECT_FALSE(cache.Find("e").has_value());
  cache.Store("e", std::nullopt);
  EXPECT_FALSE(cache.Find("e")->exists);
}

// Plan: records that are forgotten take part in the cache's bytes until they are driven out.
TEST(RecordCacheTest, WhatIsForgottenGoesFirst) {
  const std::string value(1000, 'v');
  RecordCache cache(4 * 1200);
  for (const char* key : {"a", "b", "c", "d"}) cache.Store(key, value);
  cache.Forget({"a", "c"});
  for (const char* key : {"a", "b", "c", "d"}) cache.Find(key);
  cache.Store("e", value);  // the hand has passed all
  for (const char* key : {"c", "d", "e"}) cache.Find(key);
  cache.Store("f", value);
  for (const char* key : {"c", "d", "e", "f"}) {
    EXPECT_TRUE(cache.Find(key).has_value()) << key;
  }
  EXPECT_LE(cache.bytes(), 4u * 1200);
}

// Plan: random stores and look-ups against a map, in a cache that holds about a third of the keys:
// what is found is what was stored last, the bytes stay within bounds, and a key that is used all
// the time is hardly ever gone.
TEST(RecordCacheTest, AgreesWithAMap) {
  constexpr size_t kBytesMax = 30'000;
  RecordCache cache(kBytesMax);
  std::map<std::string, std::optional<std::string>> stored;
  Random random(7);
  cache.Store("hot", "h");
  size_t found = 0;
  size_t hot_lost = 0;
  for (int step = 0; step < 50'000; ++step) {
    const std::string key = absl::StrCat("key", random.Below(500));
    if (random.Below(2) == 0) {
      std::optional<std::string> value;
      if (random.Below(10) != 0) value = std::string(random.Below(200), 'a' + step % 26);
      stored[key] = value;
      cache.Store(key, value);
    } else if (const auto known = cache.Find(key)) {
      ++found;
      ASSERT_TRUE(stored.contains(key));
      ASSERT_EQ(known->exists, stored[key].has_value());
      if (known->exists) {
        ASSERT_EQ(known->value, *stored[key]);
      }
    }
    ASSERT_LE(cache.bytes(), kBytesMax);
    if (!cache.Find("hot").has_value()) {
      ++hot_lost;
      cache.Store("hot", "h");
    }
  }
  EXPECT_GT(found, 5'000u);
  EXPECT_LT(hot_lost, 250u);
}

// Plan: read an entry, an absent one and an outcome; then change the store behind the cache's back:
// only what is kept is answered as before.
TEST(CachingReaderTest, KeepsEntriesAndTheirAbsenceButNoOutcomes) {
  storage::MemoryStore store;
  ASSERT_TRUE(store.CreateHome(kCacheHome).ok());
  const AccountKeys keys(AccountRef{"tenant", "a"});
  const std::string entry = keys.Key(RecordType::kEntry, "k");
  const std::string absent = keys.Key(RecordType::kEntry, "none");
  const std::string outcome = keys.Key(RecordType::kOutcome, "r");
  storage::WriteSet first;
  first.Put(kCacheHome, entry, "1");
  first.Put(kCacheHome, outcome, "1");
  ASSERT_TRUE(store.Commit(first).ok());

  RecordCache cache(1 << 20);
  const CachingReader reader(store, cache);
  std::string value;
  EXPECT_TRUE(reader.Get(kCacheHome, entry, &value).value());
  EXPECT_FALSE(reader.Get(kCacheHome, absent, &value).value());
  EXPECT_TRUE(reader.Get(kCacheHome, outcome, &value).value());

  storage::WriteSet second;
  second.Put(kCacheHome, entry, "2");
  second.Put(kCacheHome, absent, "2");
  second.Put(kCacheHome, outcome, "2");
  ASSERT_TRUE(store.Commit(second).ok());
  EXPECT_TRUE(reader.Get(kCacheHome, entry, &value).value());
  EXPECT_EQ(value, "1");
  EXPECT_FALSE(reader.Get(kCacheHome, absent, &value).value());
  EXPECT_TRUE(reader.Get(kCacheHome, outcome, &value).value());
  EXPECT_EQ(value, "2");
}

}  // namespace
}  // namespace shardd
