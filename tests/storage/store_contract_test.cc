// Plan: run the promises of Store against both stores, so that what is tested on the one in memory
// holds on the real one.

#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/base/random.h"
#include "storage/format.h"
#include "storage/memory_store.h"
#include "storage/rocks_store.h"
#include "tests/storage/store_fixture.h"

namespace shardd::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr Family kHome1{1};
constexpr Family kHome2{2};

// A kind of store that can be opened again with what it had made durable.
class Kind {
 public:
  virtual ~Kind() = default;
  virtual std::unique_ptr<Store> Open() = 0;
};

class MemoryKind final : public Kind {
 public:
  std::unique_ptr<Store> Open() override {
    auto store = last_ == nullptr ? std::make_unique<MemoryStore>() : last_->CloneDurable(0);
    // Kept until the next Open, so that the test may close and destroy its store.
    auto shared = std::make_unique<Forwarding>(*this, std::move(store));
    return shared;
  }

 private:
  // Leaves its durable content behind when it is closed.
  class Forwarding final : public Store {
   public:
    Forwarding(MemoryKind& kind, std::unique_ptr<MemoryStore> store)
        : kind_(kind), store_(std::move(store)) {}
    ~Forwarding() override { kind_.last_ = std::move(store_); }
    absl::StatusOr<bool> Get(Family family, absl::string_view key,
                             std::string* value) const override {
      return store_->Get(family, key, value);
    }
    std::unique_ptr<Cursor> NewCursor(Family family, KeyBounds bounds) const override {
      return store_->NewCursor(family, std::move(bounds));
    }
    absl::Status Commit(const WriteSet& writes) override { return store_->Commit(writes); }
    std::unique_ptr<Reader> Snapshot() const override { return store_->Snapshot(); }
    std::vector<Family> Homes() const override { return store_->Homes(); }
    absl::Status CreateHome(Family home) override { return store_->CreateHome(home); }
    absl::Status DropHome(Family home) override { return store_->DropHome(home); }
    absl::Status CompactRange(Family home, KeyBounds bounds,
                              std::atomic<bool>& cancelled) override {
      return store_->CompactRange(home, std::move(bounds), cancelled);
    }
    void HoldBackgroundWork() override { store_->HoldBackgroundWork(); }
    void ResumeBackgroundWork() override { store_->ResumeBackgroundWork(); }
    absl::StatusOr<uint64_t> ApproximateBytes(Family family, KeyBounds bounds) const override {
      return store_->ApproximateBytes(family, std::move(bounds));
    }
    absl::Status Health() const override { return store_->Health(); }
    absl::StatusOr<SpaceUsage> Space() const override { return store_->Space(); }
    absl::Status Close() override { return store_->Close(); }

   private:
    MemoryKind& kind_;
    std::unique_ptr<MemoryStore> store_;
  };

  std::unique_ptr<MemoryStore> last_;
};

class RocksKind final : public Kind {
 public:
  std::unique_ptr<Store> Open() override {
    RocksOptions options;
    options.path = folder_.path("data");
    options.cache_bytes = size_t{8} << 20;
    options.write_buffer_bytes = size_t{8} << 20;
    absl::StatusOr<std::unique_ptr<Store>> store = OpenRocksStore(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

 private:
  TestFolder folder_;
};

template <typename K>
class StoreContractTest : public testing::Test {
 protected:
  StoreContractTest() { Reopen(); }

  void Reopen() {
    store_.reset();
    store_ = kind_.Open();
    ASSERT_NE(store_, nullptr);
    ASSERT_TRUE(store_->CreateHome(kHome1).ok());
    ASSERT_TRUE(store_->CreateHome(kHome2).ok());
  }

  void Put(Family family, std::string key, std::string value) {
    const absl::Status status = store_->Commit(OnePut(family, std::move(key), std::move(value)));
    ASSERT_TRUE(status.ok()) << status;
  }

  // Keys a1, a2, b1, b2, c1 with values equal to their keys.
  void PutFive() {
    for (const char* key : {"a1", "a2", "b1", "b2", "c1"}) Put(kHome1, key, key);
  }

  static std::string Keys(const KeyValues& found) {
    std::string keys;
    for (const auto& [key, value] : found) keys += key + " ";
    return keys;
  }

  K kind_;
  std::unique_ptr<Store> store_;
};

class KindNames {
 public:
  template <typename K>
  static std::string GetName(int) {
    return std::is_same_v<K, MemoryKind> ? "Memory" : "Rocks";
  }
};
using Kinds = testing::Types<MemoryKind, RocksKind>;
TYPED_TEST_SUITE(StoreContractTest, Kinds, KindNames);

TYPED_TEST(StoreContractTest, NewStoreHoldsFormatAndInstance) {
  EXPECT_EQ(ValueOf(*this->store_, kMeta, kFormatKey), absl::string_view("\0\2", 2));
  EXPECT_EQ(ValueOf(*this->store_, kMeta, kInstanceKey).size(), kInstanceBytes);
  EXPECT_TRUE(this->store_->Health().ok());
}

TYPED_TEST(StoreContractTest, CommitWritesAllFamiliesAtOnce) {
  this->Put(kHome2, "gone", "x");
  WriteSet writes;
  writes.Put(kMeta, "m", "1");
  writes.Put(kHome1, "k", "2");
  writes.Delete(kHome2, "gone");
  ASSERT_TRUE(this->store_->Commit(writes).ok());
  EXPECT_EQ(ValueOf(*this->store_, kMeta, "m"), "1");
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "k"), "2");
  EXPECT_EQ(ValueOf(*this->store_, kHome2, "gone"), "(none)");
  EXPECT_EQ(ValueOf(*this->store_, kHome2, "k"), "(none)") << "families are apart";
}

TYPED_TEST(StoreContractTest, EmptyCommitAndEmptyValuesAreFine) {
  EXPECT_TRUE(this->store_->Commit(WriteSet()).ok());
  this->Put(kHome1, "k", "");
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "k"), "");
}

TYPED_TEST(StoreContractTest, CommittedDataSurvivesReopening) {
  const std::string instance = ValueOf(*this->store_, kMeta, kInstanceKey);
  this->Put(kHome1, "k", std::string("a\0b", 3));
  this->Put(kHome1, "big", std::string(1 << 20, 'x'));
  ASSERT_TRUE(this->store_->Close().ok());
  this->Reopen();
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "k"), absl::string_view("a\0b", 3));
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "big").size(), size_t{1} << 20);
  EXPECT_EQ(ValueOf(*this->store_, kMeta, kInstanceKey), instance);
}

TYPED_TEST(StoreContractTest, CreatingAHomeAgainKeepsItsContent) {
  this->Put(kHome1, "k", "v");
  EXPECT_TRUE(this->store_->CreateHome(kHome1).ok());
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "k"), "v");
  EXPECT_THAT(this->store_->Homes(), ElementsAre(kHome1, kHome2));
  EXPECT_TRUE(this->store_->CreateHome(Family{40}).ok());
  this->Reopen();
  EXPECT_THAT(this->store_->Homes(), ElementsAre(kHome1, kHome2, Family{40}));
}

TYPED_TEST(StoreContractTest, SnapshotShowsOneMoment) {
  this->PutFive();
  const std::unique_ptr<Reader> snapshot = this->store_->Snapshot();
  const std::unique_ptr<Cursor> cursor = this->store_->NewCursor(kHome1, {});
  WriteSet writes;
  writes.Put(kHome1, "a1", "new");
  writes.Put(kHome1, "a3", "new");
  writes.Delete(kHome1, "b1");
  ASSERT_TRUE(this->store_->Commit(writes).ok());
  this->Put(kHome1, "a1", "newer");

  EXPECT_EQ(ValueOf(*snapshot, kHome1, "a1"), "a1");
  EXPECT_EQ(ValueOf(*snapshot, kHome1, "a3"), "(none)");
  EXPECT_EQ(ValueOf(*snapshot, kHome1, "b1"), "b1");
  EXPECT_EQ(this->Keys(Forward(*snapshot, kHome1)), "a1 a2 b1 b2 c1 ");
  EXPECT_EQ(this->Keys(Backward(*snapshot, kHome1)), "c1 b2 b1 a2 a1 ");
  cursor->SeekToFirst();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->value(), "a1") << "a cursor keeps the view it was made with";
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "a1"), "newer");
  EXPECT_EQ(this->Keys(Forward(*this->store_, kHome1)), "a1 a2 a3 b2 c1 ");
}

TYPED_TEST(StoreContractTest, CursorStaysWithinItsBounds) {
  this->PutFive();
  const Store& store = *this->store_;
  struct Row {
    KeyBounds bounds;
    std::string forward;
    std::string backward;
  };
  const std::vector<Row> rows = {
      {{"", ""}, "a1 a2 b1 b2 c1 ", "c1 b2 b1 a2 a1 "},
      {{"a2", "b2"}, "a2 b1 ", "b1 a2 "},
      {{"a", "b"}, "a1 a2 ", "a2 a1 "},
      {{"b", ""}, "b1 b2 c1 ", "c1 b2 b1 "},
      {{"", "a1"}, "", ""},
      {{"b3", "c"}, "", ""},
      {{"d", ""}, "", ""},
      {{"b", "b"}, "", ""},
      {{"c", "a"}, "", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.bounds.lower + " to " + row.bounds.upper);
    EXPECT_EQ(this->Keys(Forward(store, kHome1, row.bounds)), row.forward);
    EXPECT_EQ(this->Keys(Backward(store, kHome1, row.bounds)), row.backward);
  }
  EXPECT_THAT(Forward(store, kHome2), IsEmpty());
}

TYPED_TEST(StoreContractTest, SeekFindsTheNearestKeyWithinBounds) {
  this->PutFive();
  const std::unique_ptr<Cursor> cursor = this->store_->NewCursor(kHome1, {"a2", "c1"});
  struct Row {
    const char* target;
    const char* at_or_after;
    const char* at_or_before;
  };
  for (const Row& row :
       {Row{"a", "a2", "-"}, Row{"a1", "a2", "-"}, Row{"a2", "a2", "a2"}, Row{"a5", "b1", "a2"},
        Row{"b2", "b2", "b2"}, Row{"b3", "-", "b2"}, Row{"c1", "-", "b2"}, Row{"z", "-", "b2"}}) {
    SCOPED_TRACE(row.target);
    cursor->Seek(row.target);
    EXPECT_EQ(cursor->Valid() ? cursor->key() : "-", row.at_or_after);
    cursor->SeekForPrev(row.target);
    EXPECT_EQ(cursor->Valid() ? cursor->key() : "-", row.at_or_before);
    EXPECT_TRUE(cursor->status().ok());
  }
}

TYPED_TEST(StoreContractTest, CursorTurnsAround) {
  this->PutFive();
  const std::unique_ptr<Cursor> cursor = this->store_->NewCursor(kHome1, {});
  cursor->Seek("b1");
  cursor->Next();
  EXPECT_EQ(cursor->key(), "b2");
  cursor->Prev();
  EXPECT_EQ(cursor->key(), "b1");
  cursor->Prev();
  EXPECT_EQ(cursor->key(), "a2");
  cursor->Next();
  EXPECT_EQ(cursor->key(), "b1");
}

TYPED_TEST(StoreContractTest, OverlayShowsOnesOwnWrites) {
  this->PutFive();
  WriteSet pending;
  pending.Put(kHome1, "a2", "mine");
  pending.Put(kHome1, "d1", "mine");
  pending.Delete(kHome1, "b1");
  const OverlayReader overlay(*this->store_, pending);
  EXPECT_EQ(ValueOf(overlay, kHome1, "a2"), "mine");
  EXPECT_EQ(ValueOf(overlay, kHome1, "b1"), "(none)");
  EXPECT_EQ(ValueOf(overlay, kHome1, "c1"), "c1");
  EXPECT_EQ(this->Keys(Forward(overlay, kHome1)), "a1 a2 b2 c1 d1 ");
  EXPECT_THAT(Backward(overlay, kHome1, {"a2", "b2"}), ElementsAre(Pair("a2", "mine")));
}

TYPED_TEST(StoreContractTest, ManyThreadsCommitAndRead) {
  constexpr int kThreads = 4;
  constexpr int kCommits = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kCommits; ++i) {
        const std::string number = std::to_string(t * kCommits + i);
        WriteSet writes;
        writes.Put(kHome1, "k" + number, number);
        writes.Put(kHome2, "k" + number, number);
        EXPECT_TRUE(this->store_->Commit(writes).ok());
        const std::unique_ptr<Reader> snapshot = this->store_->Snapshot();
        EXPECT_EQ(Forward(*snapshot, kHome1), Forward(*snapshot, kHome2)) << "a torn commit";
        if (i != 10) continue;
        EXPECT_TRUE(this->store_->CreateHome(Family{10u + static_cast<uint32_t>(t)}).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Forward(*this->store_, kHome1).size(), size_t{kThreads * kCommits});
  EXPECT_EQ(this->store_->Homes().size(), 2u + kThreads);
}

TYPED_TEST(StoreContractTest, DroppedHomeIsGoneForGood) {
  this->Put(kHome1, "k", "v");
  this->Put(kHome2, "k", "v");
  EXPECT_TRUE(this->store_->DropHome(kHome2).ok());
  EXPECT_TRUE(this->store_->DropHome(kHome2).ok()) << "a repeat after a crash";
  EXPECT_TRUE(this->store_->DropHome(Family{77}).ok());
  EXPECT_THAT(this->store_->Homes(), ElementsAre(kHome1));
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "k"), "v");

  this->Reopen();  // which makes both homes if they are not there
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "k"), "v");
  EXPECT_THAT(Forward(*this->store_, kHome2), IsEmpty());
}

TYPED_TEST(StoreContractTest, ReadsOfAGoneHomeSaySo) {
  this->Put(kHome2, "k", "v");
  ASSERT_TRUE(this->store_->DropHome(kHome2).ok());
  const std::unique_ptr<Reader> snapshot = this->store_->Snapshot();
  for (const Family home : {kHome2, Family{77}}) {
    for (const Reader* reader : {static_cast<const Reader*>(this->store_.get()),
                                 static_cast<const Reader*>(snapshot.get())}) {
      std::string value;
      const absl::StatusOr<bool> got = reader->Get(home, "k", &value);
      EXPECT_TRUE(IsHomeGone(got.status())) << got.status();
      const std::unique_ptr<Cursor> cursor = reader->NewCursor(home, {});
      for (const auto& seek :
           {+[](Cursor& at) { at.SeekToFirst(); }, +[](Cursor& at) { at.SeekToLast(); },
            +[](Cursor& at) { at.Seek("k"); }, +[](Cursor& at) { at.SeekForPrev("k"); }}) {
        seek(*cursor);
        EXPECT_FALSE(cursor->Valid());
        EXPECT_TRUE(IsHomeGone(cursor->status())) << cursor->status();
      }
    }
  }
  WriteSet pending = OnePut(kHome1, "mine", "1");
  const OverlayReader overlay(*this->store_, pending);
  const std::unique_ptr<Cursor> cursor = overlay.NewCursor(kHome2, {});
  cursor->SeekToFirst();
  EXPECT_FALSE(cursor->Valid());
  EXPECT_TRUE(IsHomeGone(cursor->status()));
  EXPECT_FALSE(IsHomeGone(absl::OkStatus()));
  EXPECT_FALSE(IsHomeGone(Error(Reason::kStorageFailed, "another failure")));
}

TYPED_TEST(StoreContractTest, ViewsKeepADroppedHome) {
  this->PutFive();
  std::unique_ptr<Reader> snapshot = this->store_->Snapshot();
  std::unique_ptr<Cursor> cursor = this->store_->NewCursor(kHome1, {});
  cursor->Seek("a2");
  ASSERT_TRUE(this->store_->DropHome(kHome1).ok());
  ASSERT_TRUE(this->store_->CreateHome(kHome1).ok());
  this->Put(kHome1, "a1", "second life");
  ASSERT_TRUE(this->store_->DropHome(kHome1).ok());
  ASSERT_TRUE(this->store_->CreateHome(kHome1).ok());
  const std::unique_ptr<Reader> third_life = this->store_->Snapshot();
  this->Put(kHome1, "a1", "third life");

  EXPECT_EQ(this->Keys(Forward(*snapshot, kHome1)), "a1 a2 b1 b2 c1 ");
  EXPECT_EQ(this->Keys(Backward(*snapshot, kHome1)), "c1 b2 b1 a2 a1 ");
  EXPECT_EQ(ValueOf(*snapshot, kHome1, "a1"), "a1");
  EXPECT_THAT(Forward(*third_life, kHome1), IsEmpty());
  EXPECT_EQ(ValueOf(*this->store_, kHome1, "a1"), "third life");
  cursor->Next();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "b1");
  cursor.reset();
  EXPECT_EQ(ValueOf(*snapshot, kHome1, "c1"), "c1");
  snapshot.reset();
  EXPECT_THAT(Forward(*this->store_, kHome1), ElementsAre(Pair("a1", "third life")));
}

TYPED_TEST(StoreContractTest, ViewsDoNotShowAHomeCreatedLater) {
  const std::unique_ptr<Reader> before = this->store_->Snapshot();
  ASSERT_TRUE(this->store_->CreateHome(Family{3}).ok());
  this->Put(Family{3}, "k", "v");
  std::string value;
  EXPECT_TRUE(IsHomeGone(before->Get(Family{3}, "k", &value).status()));
  EXPECT_EQ(ValueOf(*this->store_, Family{3}, "k"), "v");
}

TYPED_TEST(StoreContractTest, LatestChangesMayBeThoseOfADroppedHome) {
  this->Put(kHome1, "k", "v");
  for (int i = 0; i < 50; ++i) this->Put(kHome2, "k", "v");
  ASSERT_TRUE(this->store_->Space().ok());
  ASSERT_TRUE(this->store_->DropHome(kHome2).ok());
  for (int opening = 0; opening < 3; ++opening) {
    this->store_->Close().IgnoreError();
    this->store_.reset();
    this->store_ = this->kind_.Open();
    ASSERT_NE(this->store_, nullptr) << opening;
    EXPECT_THAT(this->store_->Homes(), ElementsAre(kHome1));
    EXPECT_EQ(ValueOf(*this->store_, kHome1, "k"), "v");
  }
}

// One thread drops and makes a home over and over, as rehomes do; readers see a whole life of it or
// that it is gone.
TYPED_TEST(StoreContractTest, ReadersRaceWithDrops) {
  constexpr int kReaders = 3;
  constexpr int kLives = 40;
  std::atomic<bool> done = false;
  std::atomic<int> seen = 0;
  std::vector<std::thread> readers;
  const auto check = [&](const Reader& reader) {
    std::string value;
    const absl::StatusOr<bool> found = reader.Get(kHome2, "k1", &value);
    EXPECT_TRUE(found.ok() || IsHomeGone(found.status())) << found.status();
    const std::unique_ptr<Cursor> cursor = reader.NewCursor(kHome2, {});
    std::vector<std::string> values;
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      values.emplace_back(cursor->value());
    }
    EXPECT_TRUE(cursor->status().ok() || IsHomeGone(cursor->status())) << cursor->status();
    EXPECT_TRUE(values.empty() || values.size() == 2);
    EXPECT_TRUE(values.empty() || values.front() == values.back()) << "two lives at once";
    seen += static_cast<int>(values.size());
  };
  for (int r = 0; r < kReaders; ++r) {
    readers.emplace_back([&] {
      while (!done) {
        check(*this->store_);
        check(*this->store_->Snapshot());
      }
    });
  }
  for (int life = 0; life < kLives; ++life) {
    WriteSet writes;
    writes.Put(kHome2, "k1", std::to_string(life));
    writes.Put(kHome2, "k2", std::to_string(life));
    EXPECT_TRUE(this->store_->Commit(writes).ok());
    EXPECT_TRUE(this->store_->DropHome(kHome2).ok());
    EXPECT_TRUE(this->store_->CreateHome(kHome2).ok());
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_TRUE(this->store_->Close().ok());
}

TYPED_TEST(StoreContractTest, CompactingChangesNothing) {
  this->PutFive();
  std::atomic<bool> cancelled = false;
  for (const KeyBounds& bounds : {KeyBounds{}, {"a2", "b2"}, {"b", ""}, {"c", "a"}}) {
    EXPECT_TRUE(this->store_->CompactRange(kHome1, bounds, cancelled).ok());
    EXPECT_EQ(this->Keys(Forward(*this->store_, kHome1)), "a1 a2 b1 b2 c1 ");
  }
  EXPECT_TRUE(IsHomeGone(this->store_->CompactRange(Family{77}, {}, cancelled)));
  cancelled = true;
  EXPECT_TRUE(absl::IsCancelled(this->store_->CompactRange(kHome1, {}, cancelled)));
  EXPECT_TRUE(this->store_->Health().ok());
  this->Put(kHome1, "d1", "d1");
}

TYPED_TEST(StoreContractTest, BytesOfARangeAreKnownAbout) {
  Random random(1);
  WriteSet writes;
  for (int i = 0; i < 200; ++i) {
    std::string value(1000, '\0');
    for (char& byte : value) byte = static_cast<char>(random.Below(256));
    writes.Put(kHome1, std::to_string(1000 + i), value);
  }
  ASSERT_TRUE(this->store_->Commit(writes).ok());
  const auto bytes = [this](KeyBounds bounds) {
    const absl::StatusOr<uint64_t> found = this->store_->ApproximateBytes(kHome1, bounds);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.value_or(0);
  };
  // In memory RocksDB guesses from the heights that a skip list has drawn; 83 230 was seen.
  EXPECT_GT(bytes({}), 20'000u);
  EXPECT_LT(bytes({}), 2'000'000u);
  EXPECT_EQ(bytes({"1100", "1000"}), 0u);
  std::atomic<bool> cancelled = false;
  ASSERT_TRUE(this->store_->CompactRange(kHome1, {}, cancelled).ok());
  EXPECT_GT(bytes({}), 190'000u) << "in files";
  EXPECT_LT(bytes({}), 220'000u);
  EXPECT_GT(bytes({"1000", "1100"}), 85'000u);
  EXPECT_LT(bytes({"1000", "1100"}), 115'000u);
  EXPECT_EQ(bytes({"2", ""}), 0u);
  EXPECT_TRUE(IsHomeGone(this->store_->ApproximateBytes(Family{77}, {}).status()));
}

TYPED_TEST(StoreContractTest, SpaceIsKnown) {
  const absl::StatusOr<SpaceUsage> space = this->store_->Space();
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_GT(space->free_bytes, 0u);
}

}  // namespace
}  // namespace shardd::storage
