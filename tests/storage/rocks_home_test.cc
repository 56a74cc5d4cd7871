// Plan: drop homes of the real store under readers, compactions and commits, and see that what they
// took on the disk comes back with the last reader, and that misuse stops the process.

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/random.h"
#include "storage/rocks_store.h"
#include "tests/storage/store_fixture.h"

namespace shardd::storage {
namespace {

constexpr Family kHome{1};
constexpr Family kOther{2};

class RocksHomeTest : public testing::Test {
 protected:
  RocksHomeTest() { Open(); }

  void Open(uint64_t reserve_bytes = 0) {
    RocksOptions options;
    options.path = folder_.path("data");
    options.cache_bytes = size_t{1} << 20;
    options.write_buffer_bytes = size_t{4} << 20;
    options.reserve_bytes = reserve_bytes;
    absl::StatusOr<std::unique_ptr<Store>> store = OpenRocksStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    EXPECT_TRUE(store_->CreateHome(kHome).ok());
    EXPECT_TRUE(store_->CreateHome(kOther).ok());
  }

  // `count` values of 10 kB that do not compress.
  void Fill(Family home, int count) {
    WriteSet writes;
    for (int i = 0; i < count; ++i) {
      std::string value(10'000, '\0');
      for (char& byte : value) byte = static_cast<char>(random_.Below(256));
      writes.Put(home, absl::StrCat("k", i), std::move(value));
    }
    ASSERT_TRUE(store_->Commit(writes).ok());
  }

  void Compact(Family home) {
    std::atomic<bool> cancelled = false;
    ASSERT_TRUE(store_->CompactRange(home, {}, cancelled).ok());
  }

  uint64_t TableBytes() const {
    uint64_t bytes = 0;
    for (const std::string& path : FilesEnding(folder_.path("data"), ".sst")) {
      bytes += std::filesystem::file_size(path);
    }
    return bytes;
  }

  TestFolder folder_;
  Random random_{1};
  std::unique_ptr<Store> store_;
};

TEST_F(RocksHomeTest, FilesComeBackWithTheLastReader) {
  Fill(kOther, 100);
  Compact(kOther);
  ASSERT_GT(TableBytes(), 900'000u);
  std::unique_ptr<Reader> snapshot = store_->Snapshot();
  std::unique_ptr<Cursor> cursor = store_->NewCursor(kOther, {});
  ASSERT_TRUE(store_->DropHome(kOther).ok());
  EXPECT_EQ(Forward(*snapshot, kOther).size(), 100u);
  snapshot.reset();
  EXPECT_GT(TableBytes(), 900'000u) << "the cursor still needs them";
  cursor->SeekToLast();
  EXPECT_TRUE(cursor->Valid());
  cursor.reset();
  EXPECT_LT(TableBytes(), 100'000u);
}

// Plan: more must stay free than any disk has; what a home took is free as soon as it is dropped.
TEST_F(RocksHomeTest, FilesGoAtOnceWhenSpaceIsScarce) {
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  std::filesystem::remove_all(folder_.path("data"));
  Open(/*reserve_bytes=*/uint64_t{1} << 60);
  ASSERT_TRUE(store_->Space().ok());
  Fill(kOther, 2'000);
  Compact(kOther);
  ASSERT_GT(TableBytes(), 19'000'000u);
  ASSERT_TRUE(store_->DropHome(kOther).ok());
  EXPECT_LT(TableBytes(), 1'000'000u);
  EXPECT_EQ(FilesEnding(folder_.path("data"), ".trash").size(), 0u);
}

TEST_F(RocksHomeTest, ManyLivesLeaveNothingBehind) {
  for (int life = 0; life < 20; ++life) {
    Fill(kOther, 20);
    if (life % 2 == 0) Compact(kOther);
    ASSERT_TRUE(store_->DropHome(kOther).ok());
    ASSERT_TRUE(store_->CreateHome(kOther).ok());
    EXPECT_TRUE(Forward(*store_, kOther).empty());
  }
  EXPECT_LT(TableBytes(), 100'000u);
  EXPECT_TRUE(store_->Health().ok());
  EXPECT_TRUE(store_->Close().ok());
}

TEST_F(RocksHomeTest, CompactionMeetsADrop) {
  std::atomic<bool> done = false;
  std::atomic<bool> cancelled = false;
  std::thread compacting([&] {
    while (!done) {
      const absl::Status status = store_->CompactRange(kOther, {}, cancelled);
      EXPECT_TRUE(status.ok() || IsHomeGone(status)) << status;
    }
  });
  for (int life = 0; life < 20; ++life) {
    Fill(kOther, 20);
    ASSERT_TRUE(store_->DropHome(kOther).ok());
    ASSERT_TRUE(store_->CreateHome(kOther).ok());
  }
  done = true;
  compacting.join();
  Fill(kOther, 1);
  EXPECT_TRUE(store_->Health().ok());
  EXPECT_TRUE(store_->Close().ok());
}

TEST_F(RocksHomeTest, CompactionIsCancelledWhileItRuns) {
  for (int i = 0; i < 5; ++i) {
    Fill(kOther, 100);
    std::atomic<bool> cancelled = false;
    absl::Status status;
    std::thread compacting([&] { status = store_->CompactRange(kOther, {}, cancelled); });
    cancelled = true;
    compacting.join();
    EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
  }
  EXPECT_TRUE(store_->Health().ok());
  Fill(kOther, 1);
}

using RocksHomeDeathTest = RocksHomeTest;

TEST_F(RocksHomeDeathTest, CommitToADroppedHome) {
  ASSERT_TRUE(store_->DropHome(kOther).ok());
  EXPECT_DEATH(store_->Commit(OnePut(kOther, "k", "v")).IgnoreError(), "handle != nullptr");
}

TEST_F(RocksHomeDeathTest, CloseUnderASnapshotOfADroppedHome) {
  const std::unique_ptr<Reader> snapshot = store_->Snapshot();
  ASSERT_TRUE(store_->DropHome(kOther).ok());
  EXPECT_DEATH(store_->Close().IgnoreError(), "pinned");
}

}  // namespace
}  // namespace shardd::storage
