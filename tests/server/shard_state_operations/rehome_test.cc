// Plan: take a range to another home step by step on a store in memory, with writes before, at and
// after the cursor, ends and restarts at each stage, and hold the stored bytes against literals.

#include "server/shard_state_operations/rehome.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/memory_store.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

constexpr storage::Family kOld{1};
constexpr storage::Family kNew{2};
constexpr ShardId kShard{7};
constexpr Rehome::Pace kOneRecord{1, 1000};

// Keys of the range begin with these bytes; what is beside it belongs to others.
const KeyRange kRange{{10, 0}, RoutingKey{20, 0}};
std::string KeyAt(uint64_t high, absl::string_view rest = "k") {
  return absl::StrCat(ToBytes(RoutingKey{high, 0}), rest);
}

RehomeRecord Copying() {
  RehomeRecord record;
  record.operation = OperationId{300};
  record.from = kOld;
  record.to = kNew;
  return record;
}

using Records = std::map<std::string, std::string>;

class RehomeTest : public testing::Test {
 protected:
  RehomeTest() {
    EXPECT_THAT(store_.CreateHome(kOld), IsOk());
    EXPECT_THAT(store_.CreateHome(kNew), IsOk());
    storage::WriteSet batch;
    for (const uint64_t high : {9, 20}) {
      batch.Put(kOld, KeyAt(high), "others");
      batch.Put(kNew, KeyAt(high), "others");
    }
    for (uint64_t high = 10; high < 15; ++high) batch.Put(kOld, KeyAt(high), "old");
    EXPECT_THAT(store_.Commit(batch), IsOk());
  }

  // As the owner writes.
  void Write(const std::string& key, std::optional<std::string> value,
             storage::Family home = kOld) {
    storage::WriteSet batch;
    batch.Set(home, key, std::move(value), rehome_->AlsoWrite(key));
    ASSERT_THAT(store_.Commit(batch), IsOk());
  }
  void Step(Rehome::Pace pace = kOneRecord) {
    storage::WriteSet batch;
    const storage::OverlayReader view(store_, batch);
    ASSERT_THAT(rehome_->Step(view, pace, batch), IsOk());
    ASSERT_THAT(store_.Commit(batch), IsOk());
  }
  void CopyAll() {
    for (int i = 0; i < 100 && !rehome_->record().copied; ++i) Step();
    ASSERT_TRUE(rehome_->record().copied);
  }
  void WorkToTheEnd() {
    for (int i = 0; i < 100 && rehome_->HasWork(); ++i) Step();
    EXPECT_FALSE(rehome_->HasWork());
  }
  void Switch() {
    storage::WriteSet batch;
    rehome_->Switch(batch);
    ASSERT_THAT(store_.Commit(batch), IsOk());
  }
  void Abandon(bool clear) {
    storage::WriteSet batch;
    rehome_->Abandon(clear, batch);
    ASSERT_THAT(store_.Commit(batch), IsOk());
  }
  std::optional<RehomeRecord> Stored() const {
    std::string bytes;
    if (!*store_.Get(storage::kMeta, RehomeKey(kShard), &bytes)) return std::nullopt;
    const auto record = RehomeRecord::Decode(bytes);
    EXPECT_THAT(record, IsOk());
    return *record;
  }
  // As after a crash: from what is stored.
  void Restart() {
    const std::optional<RehomeRecord> stored = Stored();
    ASSERT_TRUE(stored.has_value());
    rehome_.emplace(kShard, kRange, *stored);
  }
  Records Of(storage::Family home) const {
    Records records;
    const auto cursor = store_.NewCursor(home, {KeyAt(10, ""), KeyAt(20, "")});
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      records.emplace(cursor->key(), cursor->value());
    }
    return records;
  }
  bool OthersAreWhole() const {
    std::string value;
    for (const storage::Family home : {kOld, kNew}) {
      for (const uint64_t high : {9, 20}) {
        if (!*store_.Get(home, KeyAt(high), &value)) return false;
      }
    }
    return true;
  }

  storage::MemoryStore store_;
  std::optional<Rehome> rehome_{std::in_place, kShard, kRange, Copying()};
};

TEST_F(RehomeTest, CopiesClearsAndIsGone) {
  const Records all = Of(kOld);
  ASSERT_EQ(all.size(), 5u);
  CopyAll();
  EXPECT_FALSE(rehome_->HasWork()) << "until it is told to switch";
  EXPECT_EQ(Of(kNew), all);
  Switch();
  rehome_->TablePublished(/*clear=*/true);
  WorkToTheEnd();
  EXPECT_TRUE(rehome_->ended());
  EXPECT_EQ(Of(kNew), all);
  EXPECT_EQ(Of(kOld), Records());
  EXPECT_EQ(Stored(), std::nullopt);
  EXPECT_TRUE(OthersAreWhole());
}

// Plan: with the cursor at the second of five keys, write and delete on both sides of it.
TEST_F(RehomeTest, WritesTwiceUpToTheCursor) {
  EXPECT_EQ(rehome_->AlsoWrite(KeyAt(10)), std::nullopt) << "before the first step";
  Step();
  Step();
  ASSERT_EQ(rehome_->record().cursor, KeyAt(11));
  EXPECT_EQ(rehome_->AlsoWrite(KeyAt(10)), kNew);
  EXPECT_EQ(rehome_->AlsoWrite(KeyAt(11)), kNew);
  EXPECT_EQ(rehome_->AlsoWrite(KeyAt(11, "ka")), std::nullopt);
  EXPECT_EQ(rehome_->AlsoWrite(KeyAt(12)), std::nullopt);
  Write(KeyAt(10), "new");
  Write(KeyAt(10, "a"), "below");
  Write(KeyAt(11), std::nullopt);
  Write(KeyAt(13), "new");
  Write(KeyAt(14), std::nullopt);
  Write(KeyAt(19), "last");
  CopyAll();
  EXPECT_EQ(rehome_->AlsoWrite(KeyAt(19, "z")), kNew) << "everything is copied";
  Write(KeyAt(19, "z"), "very last");
  EXPECT_EQ(Of(kNew), Of(kOld));
  EXPECT_EQ(Of(kNew).size(), 6u);
}

TEST_F(RehomeTest, AStepIsBoundedByRecordsAndByBytes) {
  Step({2, 1000});
  EXPECT_EQ(Of(kNew).size(), 2u);
  Step({1000, KeyAt(10).size() + 4});  // one record is 3 bytes of value: the second goes over
  EXPECT_EQ(Of(kNew).size(), 4u);
}

// Plan: after every number of steps go on from the record alone, with a write in between.
TEST_F(RehomeTest, GoesOnFromWhatIsStored) {
  for (int steps = 1; steps <= 5; ++steps) {
    rehome_.emplace(kShard, kRange, Copying());
    for (int i = 0; i < steps; ++i) Step();
    Restart();
    Write(KeyAt(10), absl::StrCat("after ", steps));
    Write(KeyAt(14), absl::StrCat("after ", steps));
    CopyAll();
    EXPECT_EQ(Of(kNew), Of(kOld)) << steps;
  }
}

TEST_F(RehomeTest, AnEmptyRange) {
  rehome_.emplace(kShard, KeyRange{{16, 0}, RoutingKey{17, 0}}, Copying());
  Step();
  EXPECT_TRUE(rehome_->record().copied);
  ASSERT_TRUE(Stored().has_value());
  EXPECT_TRUE(Stored()->copied);
}

// Plan: readers that look at the old table still read the old home, so it gets what is written.
TEST_F(RehomeTest, BothHomesUntilTheTableIsPublished) {
  CopyAll();
  Switch();
  EXPECT_FALSE(rehome_->HasWork()) << "nothing is cleared yet";
  EXPECT_EQ(rehome_->AlsoWrite(KeyAt(12)), kOld);
  Write(KeyAt(12), "both", kNew);
  EXPECT_EQ(Of(kOld), Of(kNew));
  rehome_->TablePublished(/*clear=*/true);
  EXPECT_TRUE(rehome_->HasWork());
  EXPECT_EQ(rehome_->AlsoWrite(KeyAt(12)), std::nullopt);
}

TEST_F(RehomeTest, AHomeThatIsDroppedNeedNotBeCleared) {
  CopyAll();
  Switch();
  rehome_->TablePublished(/*clear=*/false);
  Step();
  EXPECT_TRUE(rehome_->ended());
  EXPECT_EQ(Of(kOld).size(), 5u);
  EXPECT_EQ(Stored(), std::nullopt);
}

// Plan: a restart after the switch publishes the stored table, so clearing goes on by itself.
TEST_F(RehomeTest, ClearingGoesOnAfterARestart) {
  CopyAll();
  Switch();
  for (int restarts = 0; restarts < 4; ++restarts) {
    Restart();
    EXPECT_EQ(rehome_->AlsoWrite(KeyAt(12)), std::nullopt);
    ASSERT_TRUE(rehome_->HasWork());
    Step();
    EXPECT_FALSE(rehome_->ended());
  }
  EXPECT_EQ(Of(kOld).size(), 1u);
  Restart();
  WorkToTheEnd();
  EXPECT_EQ(Of(kOld), Records());
  EXPECT_TRUE(rehome_->ended());
  EXPECT_EQ(Stored(), std::nullopt);
}

// Plan: give it up before the first step, in between and when all is copied; with a restart or not.
TEST_F(RehomeTest, AbandonedItLeavesNothing) {
  const Records all = Of(kOld);
  for (int steps = 0; steps <= 6; ++steps) {
    rehome_.emplace(kShard, kRange, Copying());
    for (int i = 0; i < steps && rehome_->HasWork(); ++i) Step();
    Abandon(/*clear=*/true);
    EXPECT_EQ(rehome_->AlsoWrite(KeyAt(10)), std::nullopt);
    if (steps % 2 == 1) Restart();
    WorkToTheEnd();
    EXPECT_TRUE(rehome_->ended());
    EXPECT_EQ(Of(kNew), Records()) << steps;
    EXPECT_EQ(Of(kOld), all) << steps;
    EXPECT_EQ(Stored(), std::nullopt);
  }
  EXPECT_TRUE(OthersAreWhole());
}

TEST_F(RehomeTest, AbandonedAHomeThatIsDroppedNeedNotBeCleared) {
  Step();
  Abandon(/*clear=*/false);
  Restart();
  Step();
  EXPECT_TRUE(rehome_->ended());
  EXPECT_EQ(Of(kNew).size(), 1u);
}

// Plan: the home is not there; nothing is written, and the next try goes on where it was.
TEST_F(RehomeTest, AStepThatCannotReadWritesNothing) {
  RehomeRecord record = Copying();
  record.from = storage::Family{3};
  rehome_.emplace(kShard, kRange, record);
  storage::WriteSet batch;
  EXPECT_FALSE(rehome_->Step(store_, kOneRecord, batch).ok());
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(rehome_->record(), record);
}

TEST(RehomeRecordTest, StoredBytes) {
  RehomeRecord record = Copying();
  record.to = storage::Family{9999};
  record.cursor = "ab";
  // version, operation, from, to, stage, clear, copied, cursor
  EXPECT_EQ(Hex(record.Encode()),
            "01"
            "ac02"
            "01"
            "8f4e"
            "01"
            "01"
            "00"
            "026162");
  record.stage = RehomeStage::kAbandoning;
  record.clear = false;
  record.copied = true;
  record.cursor.clear();
  EXPECT_EQ(Hex(record.Encode()),
            "01"
            "ac02"
            "01"
            "8f4e"
            "03"
            "00"
            "01"
            "00");
  ASSERT_OK_AND_ASSIGN(const RehomeRecord decoded, RehomeRecord::Decode(record.Encode()));
  EXPECT_EQ(decoded, record);
  EXPECT_EQ(Hex(RehomeKey(ShardId{2})),
            "7265686f6d652f"
            "0000000000000002");
}

TEST(RehomeRecordTest, RefusesOtherBytes) {
  RehomeRecord record = Copying();
  record.cursor = "ab";
  ExpectOtherLengthsRefused(record.Encode(), RehomeRecord::Decode);
  ExpectOtherVersionsRefused(record.Encode(), RehomeRecord::Decode);
  ExpectGarbageIsHarmless(record.Encode(), RehomeRecord::Decode);
  const auto refused = [](auto edit) {
    RehomeRecord edited = Copying();
    edit(edited);
    EXPECT_THAT(RehomeRecord::Decode(edited.Encode()), HasReason(Reason::kStorageCorrupt));
  };
  refused([](RehomeRecord& r) { r.operation = OperationId{0}; });
  refused([](RehomeRecord& r) { r.from = storage::kMeta; });
  refused([](RehomeRecord& r) { r.to = storage::kMeta; });
  refused([](RehomeRecord& r) { r.to = storage::Family{10'000}; });
  refused([](RehomeRecord& r) { r.to = r.from; });
  refused([](RehomeRecord& r) { r.stage = static_cast<RehomeStage>(0); });
  refused([](RehomeRecord& r) { r.stage = static_cast<RehomeStage>(4); });
}

}  // namespace
}  // namespace shardd
