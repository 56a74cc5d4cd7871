// Plan: fill the cache beyond its bytes, and read a store through it; what is kept must be what was
// used last, and never differ from what was stored.

#include "server/core/record_cache.h"

#include "gtest/gtest.h"
#include "server/account/record_key.h"
#include "storage/memory_store.h"

namespace shardd {
namespace {

constexpr storage::Family kHome{1};

// Plan: room for two records of this size; the one used longest ago goes first.
TEST(RecordCacheTest, KeepsWhatWasUsedLast) {
  const std::string value(1000, 'v');
  RecordCache cache(2 * 1200);
  cache.Store("a", value);
  cache.Store("b", value);
  ASSERT_NE(cache.Find("a"), nullptr);  // now b was used longest ago
  cache.Store("c", value);
  EXPECT_EQ(cache.Find("b"), nullptr);
  ASSERT_NE(cache.Find("a"), nullptr);
  ASSERT_NE(cache.Find("c"), nullptr);
  EXPECT_LE(cache.bytes(), 2u * 1200);
}

// Plan: replace a value by a larger one, a smaller one and none; the bytes follow.
TEST(RecordCacheTest, CountsWhatItKeeps) {
  RecordCache cache(1 << 20);
  cache.Store("a", std::string(100, 'v'));
  const size_t small = cache.bytes();
  cache.Store("a", std::string(300, 'v'));
  EXPECT_EQ(cache.bytes(), small + 200);
  cache.Store("a", std::nullopt);
  EXPECT_EQ(cache.bytes(), small - 100);
  ASSERT_NE(cache.Find("a"), nullptr);
  EXPECT_FALSE(cache.Find("a")->has_value());
}

// Plan: one record that is larger than the cache; nothing is kept.
TEST(RecordCacheTest, KeepsNothingThatDoesNotFit) {
  RecordCache cache(100);
  cache.Store("a", std::string(1000, 'v'));
  EXPECT_EQ(cache.Find("a"), nullptr);
  EXPECT_EQ(cache.bytes(), 0u);
}

// Plan: read an entry, an absent one and an outcome; then change the store behind the cache's back:
// only what is kept is answered as before.
TEST(CachingReaderTest, KeepsEntriesAndTheirAbsenceButNoOutcomes) {
  storage::MemoryStore store;
  ASSERT_TRUE(store.CreateHome(kHome).ok());
  const AccountKeys keys(AccountRef{"tenant", "a"});
  const std::string entry = keys.Key(RecordType::kEntry, "k");
  const std::string absent = keys.Key(RecordType::kEntry, "none");
  const std::string outcome = keys.Key(RecordType::kOutcome, "r");
  storage::WriteSet first;
  first.Put(kHome, entry, "1");
  first.Put(kHome, outcome, "1");
  ASSERT_TRUE(store.Commit(first).ok());

  RecordCache cache(1 << 20);
  const CachingReader reader(store, cache);
  std::string value;
  EXPECT_TRUE(reader.Get(kHome, entry, &value).value());
  EXPECT_FALSE(reader.Get(kHome, absent, &value).value());
  EXPECT_TRUE(reader.Get(kHome, outcome, &value).value());

  storage::WriteSet second;
  second.Put(kHome, entry, "2");
  second.Put(kHome, absent, "2");
  second.Put(kHome, outcome, "2");
  ASSERT_TRUE(store.Commit(second).ok());
  EXPECT_TRUE(reader.Get(kHome, entry, &value).value());
  EXPECT_EQ(value, "1");
  EXPECT_FALSE(reader.Get(kHome, absent, &value).value());
  EXPECT_TRUE(reader.Get(kHome, outcome, &value).value());
  EXPECT_EQ(value, "2");
}

}  // namespace
}  // namespace shardd
