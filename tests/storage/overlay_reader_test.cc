// Plan: walk random overlays over random data at random, forward and back, and compare every step
// with a plain map.

#include <map>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/random.h"
#include "storage/memory_store.h"
#include "tests/storage/store_fixture.h"

namespace shardd::storage {
namespace {

using Model = std::map<std::string, std::string>;

// Few different keys, so that both sides often meet.
std::string RandomKey(Random& random) {
  std::string key;
  const uint64_t length = 1 + random.Below(2);
  for (uint64_t i = 0; i < length; ++i) key += static_cast<char>('a' + random.Below(4));
  return key;
}

WriteSet RandomWrites(Random& random, uint64_t count_max) {
  WriteSet writes;
  const uint64_t count = random.Below(count_max + 1);
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = RandomKey(random);
    if (random.OneIn(3)) {
      writes.Delete(kMeta, key);
    } else {
      writes.Put(kMeta, key, absl::StrCat(random.Below(1000)));
    }
  }
  return writes;
}

void ApplyTo(const WriteSet& writes, Model& model) {
  const WriteSet::Changes* changes = writes.ChangesOf(kMeta);
  if (changes == nullptr) return;
  for (const auto& [key, value, also] : *changes) {
    model.erase(key);
    if (value.has_value()) model[key] = *value;
  }
}

Model Within(const Model& model, const KeyBounds& bounds) {
  Model within;
  for (const auto& [key, value] : model) {
    if (key >= bounds.lower && (bounds.upper.empty() || key < bounds.upper)) within[key] = value;
  }
  return within;
}

// One step of a random walk, done on the cursor and on the model. Returns what the model says.
Model::const_iterator Step(Random& random, const Model& model, Model::const_iterator at,
                           Cursor& cursor) {
  const std::string key = RandomKey(random);
  const auto before = [&model](Model::const_iterator it) {
    return it == model.begin() ? model.end() : std::prev(it);
  };
  const uint64_t action = random.Below(at == model.end() ? 4 : 12);
  if (action == 0) return cursor.SeekToFirst(), model.begin();
  if (action == 1) return cursor.SeekToLast(), before(model.end());
  if (action == 2) return cursor.Seek(key), model.lower_bound(key);
  if (action == 3) return cursor.SeekForPrev(key), before(model.upper_bound(key));
  if (action < 8) return cursor.Next(), std::next(at);
  return cursor.Prev(), before(at);
}

void WalkOnce(uint64_t seed) {
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Random random(seed);
  MemoryStore store;
  Model model;
  for (const auto& [key, value] : Forward(store, kMeta)) model[key] = value;
  const WriteSet committed = RandomWrites(random, 12);
  const WriteSet pending = RandomWrites(random, 12);
  ASSERT_TRUE(store.Commit(committed).ok());
  ApplyTo(committed, model);
  ApplyTo(pending, model);
  const OverlayReader overlay(store, pending);
  KeyBounds bounds;
  if (random.OneIn(2)) bounds.lower = RandomKey(random);
  if (random.OneIn(2)) bounds.upper = RandomKey(random);
  const Model expected = Within(model, bounds);
  const std::unique_ptr<Cursor> cursor = overlay.NewCursor(kMeta, bounds);
  auto at = expected.end();
  for (int step = 0; step < 40; ++step) {
    at = Step(random, expected, at, *cursor);
    ASSERT_EQ(cursor->Valid(), at != expected.end()) << "step " << step;
    if (!cursor->Valid()) continue;
    ASSERT_EQ(cursor->key(), at->first) << "step " << step;
    ASSERT_EQ(cursor->value(), at->second) << "step " << step;
  }
  for (const auto& [key, value] : model) EXPECT_EQ(ValueOf(overlay, kMeta, key), value);
}

TEST(OverlayReaderTest, RandomWalksMatchAPlainMap) {
  for (uint64_t seed = 1; seed <= 3000 && !testing::Test::HasFailure(); ++seed) WalkOnce(seed);
}

TEST(WriteSetTest, LastWordOnAKeyCounts) {
  WriteSet writes;
  EXPECT_TRUE(writes.empty());
  EXPECT_EQ(writes.Find(kMeta, "k"), nullptr);
  writes.Put(kMeta, "k", "one");
  writes.Delete(kMeta, "k");
  ASSERT_NE(writes.Find(kMeta, "k"), nullptr);
  EXPECT_FALSE(writes.Find(kMeta, "k")->has_value());
  writes.Put(kMeta, "k", "two");
  EXPECT_EQ(**writes.Find(kMeta, "k"), "two");
  EXPECT_EQ(writes.count(), 1u);
  EXPECT_EQ(writes.bytes(), 9u) << "an upper bound: every write counts";
  EXPECT_EQ(writes.ChangesOf(Family{1}), nullptr);
  writes.Clear();
  EXPECT_TRUE(writes.empty());
  EXPECT_EQ(writes.bytes(), 0u);
}

TEST(WriteSetTest, WhatIsSaidForASecondFamilyIsWrittenThereToo) {
  WriteSet writes;
  writes.Set(Family{1}, "both", "one", Family{2});
  writes.Set(Family{1}, "later", "one");
  writes.Set(Family{1}, "later", "two", Family{2});
  writes.Set(Family{1}, "both", "two");
  writes.Put(Family{1}, "one", "three");
  EXPECT_EQ(writes.count(), 5u);
  EXPECT_EQ(writes.Find(Family{2}, "both"), nullptr) << "only seen when it is written";
  const WriteSet copy = writes;
  std::vector<std::string> seen;
  copy.ForEach([&seen](Family family, const std::string& key,
                       const std::optional<std::string>& value) {
    seen.push_back(absl::StrCat(ToText(family), " ", key, "=", value.value_or("")));
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"h0001 both=two", "h0002 both=two", "h0001 later=two",
                                            "h0002 later=two", "h0001 one=three"}));
}

TEST(FamilyTest, OnlyTheOwnSpellingIsParsed) {
  EXPECT_EQ(ToText(kMeta), "meta");
  EXPECT_EQ(ToText(Family{1}), "h0001");
  EXPECT_EQ(ToText(Family{9999}), "h9999");
  EXPECT_EQ(ToText(kMessages), "messages");
  EXPECT_EQ(ParseFamily("meta"), kMeta);
  EXPECT_EQ(ParseFamily("messages"), kMessages);
  EXPECT_EQ(ParseFamily("h0064"), Family{64});
  for (const char* name : {"", "h", "h1", "h0000", "h00001", "h10000", "message", "h-001", "h+001",
                           "H0001", "h 001", "h0x01", "default", "metal", "h0001 "}) {
    EXPECT_EQ(ParseFamily(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace shardd::storage
