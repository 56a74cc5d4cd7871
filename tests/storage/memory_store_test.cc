// Plan: what only the store in memory can do: lose a chosen part of what was not synced, fail on
// demand, be copied as a crash would leave it, and forget values no view can see.

#include "storage/memory_store.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "tests/storage/store_fixture.h"

namespace shardd::storage {
namespace {

const absl::Status kFailure = Error(Reason::kStorageFailed, "made to fail");

// Three unsynced batches over one synced: "k" counts them.
void CommitOneAndThreeUnsynced(MemoryStore& store) {
  ASSERT_TRUE(store.Commit(OnePut(kMeta, "k", "0")).ok());
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(store.CommitUnsynced(OnePut(kMeta, "k", absl::StrCat(i))).ok());
  }
}

TEST(MemoryStoreTest, UnsyncedBatchesAreNotVisible) {
  MemoryStore store;
  CommitOneAndThreeUnsynced(store);
  EXPECT_EQ(store.unsynced_batches(), 3u);
  EXPECT_EQ(ValueOf(store, kMeta, "k"), "0");
  ASSERT_TRUE(store.Sync().ok());
  EXPECT_EQ(store.unsynced_batches(), 0u);
  EXPECT_EQ(ValueOf(store, kMeta, "k"), "3");
}

TEST(MemoryStoreTest, CrashKeepsAPrefixOfUnsyncedBatches) {
  for (size_t kept = 0; kept <= 5; ++kept) {
    SCOPED_TRACE(kept);
    MemoryStore store;
    CommitOneAndThreeUnsynced(store);
    const std::unique_ptr<MemoryStore> clone = store.CloneDurable(kept);
    EXPECT_EQ(store.unsynced_batches(), 3u) << "cloning changes nothing";
    store.Crash(kept);
    const std::string expected = absl::StrCat(std::min<size_t>(kept, 3));
    EXPECT_EQ(ValueOf(store, kMeta, "k"), expected);
    EXPECT_EQ(Forward(*clone, kMeta), Forward(store, kMeta));
    EXPECT_EQ(store.unsynced_batches(), 0u);
  }
}

TEST(MemoryStoreTest, FailedCommitIsFinalAndMaySurvive) {
  for (const size_t kept : {0u, 1u}) {
    MemoryStore store;
    ASSERT_TRUE(store.Commit(OnePut(kMeta, "k", "before")).ok());
    store.FailNextCommit(kFailure);
    EXPECT_EQ(store.Commit(OnePut(kMeta, "k", "lost?")), kFailure);
    EXPECT_EQ(store.Commit(OnePut(kMeta, "k", "never")), kFailure);
    EXPECT_EQ(store.CreateHome(Family{1}), kFailure);
    EXPECT_EQ(store.Health(), kFailure);
    EXPECT_EQ(ValueOf(store, kMeta, "k"), "before");
    store.Crash(kept);
    EXPECT_EQ(ValueOf(store, kMeta, "k"), kept == 0 ? "before" : "lost?");
    EXPECT_TRUE(store.Health().ok());
    EXPECT_TRUE(store.Commit(OnePut(kMeta, "k", "after")).ok());
  }
}

TEST(MemoryStoreTest, FailStopsCommitsLikeABackgroundError) {
  MemoryStore store;
  store.Fail(kFailure);
  EXPECT_EQ(store.Health(), kFailure);
  EXPECT_EQ(store.CommitUnsynced(OnePut(kMeta, "k", "v")), kFailure);
  EXPECT_EQ(store.unsynced_batches(), 0u);
}

TEST(MemoryStoreTest, SpaceIsWhatTheTestSays) {
  MemoryStore store;
  EXPECT_FALSE(store.Space()->Low());
  store.SetSpace({.free_bytes = 9, .used_bytes = 1, .reserve_bytes = 10});
  EXPECT_TRUE(store.Space()->Low());
}

TEST(MemoryStoreTest, ViewsOfDifferentMomentsLiveTogether) {
  MemoryStore store;
  std::vector<std::unique_ptr<Reader>> views;
  for (int i = 0; i < 10; ++i) {
    WriteSet writes = OnePut(kMeta, "k", absl::StrCat(i));
    if (i % 2 == 1) writes.Delete(kMeta, "even");
    if (i % 2 == 0) writes.Put(kMeta, "even", absl::StrCat(i));
    ASSERT_TRUE(store.Commit(writes).ok());
    views.push_back(store.Snapshot());
  }
  // Let go of some in the middle: the others must not notice.
  for (int gone : {4, 0, 9}) views[gone].reset();
  ASSERT_TRUE(store.Commit(OnePut(kMeta, "k", "last")).ok());
  for (int i = 0; i < 10; ++i) {
    if (views[i] == nullptr) continue;
    EXPECT_EQ(ValueOf(*views[i], kMeta, "k"), absl::StrCat(i));
    EXPECT_EQ(ValueOf(*views[i], kMeta, "even"), i % 2 == 0 ? absl::StrCat(i) : "(none)");
  }
}

TEST(MemoryStoreTest, DropsAreDurableAtOnce) {
  MemoryStore store;
  ASSERT_TRUE(store.CreateHome(Family{1}).ok());
  ASSERT_TRUE(store.CreateHome(Family{2}).ok());
  ASSERT_TRUE(store.Commit(OnePut(Family{1}, "k", "v")).ok());
  ASSERT_TRUE(store.CommitUnsynced(OnePut(kMeta, "k", "lost")).ok());
  ASSERT_TRUE(store.DropHome(Family{1}).ok());
  const std::unique_ptr<MemoryStore> clone = store.CloneDurable(0);
  store.Crash(0);
  for (MemoryStore* one : {&store, clone.get()}) {
    EXPECT_EQ(one->Homes(), std::vector<Family>{Family{2}});
    EXPECT_EQ(ValueOf(*one, kMeta, "k"), "(none)");
    ASSERT_TRUE(one->CreateHome(Family{1}).ok());
    EXPECT_EQ(ValueOf(*one, Family{1}, "k"), "(none)");
  }
  store.Fail(kFailure);
  EXPECT_EQ(store.DropHome(Family{1}), kFailure);
}

TEST(MemoryStoreDeathTest, DropOfAHomeWithUnsyncedChanges) {
  MemoryStore store;
  ASSERT_TRUE(store.CreateHome(Family{1}).ok());
  ASSERT_TRUE(store.CommitUnsynced(OnePut(Family{1}, "k", "v")).ok());
  EXPECT_DEATH(store.DropHome(Family{1}).IgnoreError(), "family != home");
}

TEST(MemoryStoreDeathTest, CommitToAnUnknownFamily) {
  MemoryStore store;
  EXPECT_DEATH(store.Commit(OnePut(Family{7}, "k", "v")).IgnoreError(), "contains");
}

}  // namespace
}  // namespace shardd::storage
