// Plan: a ledger on a store in memory, flipped table by table as owners and the coordinator do it;
// hold what it says and what is stored against what was done, up to the limits and after restarts.

#include "server/core/shard_ledger.h"

#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/core/meta_records.h"
#include "server/routing/table_edits.h"
#include "storage/memory_store.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr ShardId kOnly{1};
constexpr TableEpoch kFirstEpoch{1};

class ShardLedgerTest : public testing::Test {
 protected:
  ShardLedgerTest() { Restart(); }

  // A new ledger of what is stored.
  void Restart() {
    ledger_ = std::make_unique<ShardLedger>();
    published_ = PublishTables();
    ASSERT_THAT(ledger_->Load(store_, 1), IsOk());
    Stored([&](storage::WriteSet& batch) { ledger_->Start(batch); });
  }

  // The owner's batch of a flip is stored; the coordinator hears of it.
  NextTable StoreFlip(RouteTable after, OperationKind kind) {
    TableChange change;
    change.time = now_ += absl::Seconds(1);
    change.kind = kind;
    change.operation = OperationId{1};
    NextTable next = ledger_->Next(std::move(after), std::move(change));
    Stored([&](storage::WriteSet& batch) { ShardLedger::WriteFlip(next, batch); });
    return next;
  }
  void Hear(const NextTable& next) {
    Stored([&](storage::WriteSet& batch) { ledger_->HasFlipped(next, batch); });
  }
  void Flip(absl::StatusOr<RouteTable> after, OperationKind kind) {
    ASSERT_THAT(after, IsOk());
    Hear(StoreFlip(*std::move(after), kind));
  }

  // To one home and back again: the quickest change there is.
  RouteTable Moved() const {
    const storage::Family home = ledger_->table().FindShard(kOnly)->home;
    return *WithHome(ledger_->table(), kOnly, storage::Family{3 - home.number});
  }
  void MoveTimes(size_t count) {
    for (size_t i = 0; i < count; ++i) Flip(Moved(), OperationKind::kRehome);
  }

  // What everybody was told last.
  const PublishTables& Published() {
    ledger_->TakeChanged(published_);
    return published_;
  }
  // The epochs of the changes that are stored.
  std::vector<uint64_t> StoredChanges() const {
    std::vector<uint64_t> epochs;
    EXPECT_THAT(ForEachRecord(store_, kTableChangePrefix,
                              [&](absl::string_view, absl::string_view value) -> absl::Status {
                                SHARDD_ASSIGN_OR_RETURN(const TableChange change,
                                                        TableChange::Decode(value));
                                epochs.push_back(change.diff.epoch.value);
                                return absl::OkStatus();
                              }),
                IsOk());
    return epochs;
  }
  // The ledger remembers just these changes, and just these are stored.
  void ExpectChanges(uint64_t first_epoch, uint64_t last_epoch) {
    std::vector<uint64_t> expected;
    for (uint64_t epoch = first_epoch; epoch <= last_epoch; ++epoch) expected.push_back(epoch);
    std::vector<uint64_t> remembered;
    for (const auto& change : *Published().lineage) remembered.push_back(change->diff.epoch.value);
    // Not one by one: ten thousand of them would be printed.
    EXPECT_TRUE(remembered == expected) << remembered.size() << " from " << remembered.front();
    const std::vector<uint64_t> stored = StoredChanges();
    EXPECT_TRUE(stored == expected) << stored.size() << " from " << stored.front();
  }

  template <typename Use>
  void Stored(Use use) {
    storage::WriteSet batch;
    use(batch);
    ASSERT_THAT(store_.Commit(batch), IsOk());
  }

  storage::MemoryStore store_;
  std::unique_ptr<ShardLedger> ledger_;
  PublishTables published_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
};

// Plan: as many changes as are kept are all there; each one more takes the oldest with it, in
// memory and in the store.
TEST_F(ShardLedgerTest, TheOldestChangesAreForgotten) {
  const uint64_t full = kFirstEpoch.value + limits::kLineageKept;
  MoveTimes(limits::kLineageKept);
  ExpectChanges(2, full);
  MoveTimes(1);
  ExpectChanges(3, full + 1);
  MoveTimes(4);
  ExpectChanges(7, full + 5);
  Restart();
  ExpectChanges(7, full + 5);
  EXPECT_EQ(ledger_->table().epoch(), TableEpoch{full + 5});
  MoveTimes(1);
  ExpectChanges(8, full + 6);
}

// Plan: the daemon dies between a flip and what makes room for it, so one change too many is found
// at start; the next flip makes room for both.
TEST_F(ShardLedgerTest, AChangeTooManyAtStartIsForgottenWithTheNext) {
  const uint64_t full = kFirstEpoch.value + limits::kLineageKept;
  MoveTimes(limits::kLineageKept);
  StoreFlip(Moved(), OperationKind::kRehome);
  Restart();
  ExpectChanges(2, full + 1);
  MoveTimes(1);
  ExpectChanges(4, full + 2);
}

// Plan: one change more than tables are kept; the first table is gone, and so is what changed
// since. After a start only the newest is known: older ones are not stored.
TEST_F(ShardLedgerTest, TheOldestTablesAreForgotten) {
  const TableEpoch second{kFirstEpoch.value + 1};
  MoveTimes(limits::kTablesKept - 1);
  EXPECT_NE(Published().routing->Find(kFirstEpoch), nullptr);
  MoveTimes(1);
  EXPECT_EQ(Published().routing->Find(kFirstEpoch), nullptr);
  EXPECT_FALSE(Published().routing->DiffsSince(kFirstEpoch).has_value());
  ASSERT_NE(Published().routing->Find(second), nullptr);
  EXPECT_EQ(Published().routing->DiffsSince(second)->size(), limits::kTablesKept - 1);
  Restart();
  const TableEpoch last = ledger_->table().epoch();
  EXPECT_EQ(last, TableEpoch{kFirstEpoch.value + limits::kTablesKept});
  EXPECT_NE(Published().routing->Find(last), nullptr);
  EXPECT_EQ(Published().routing->Find(TableEpoch{last.value - 1}), nullptr);
}

// Plan: split, merge and move, and hold the notes against what was done; a restart changes none.
TEST_F(ShardLedgerTest, ShardsOfTheTableHaveANoteEach) {
  const auto expect_notes = [this](const std::vector<ShardId>& shards) {
    std::vector<ShardId> noted;
    for (const auto& [shard, note] : *Published().notes) noted.push_back(shard);
    EXPECT_EQ(noted, shards);
    const ShardNotes before = *Published().notes;
    Restart();
    EXPECT_EQ(*Published().notes, before);
  };
  expect_notes({kOnly});
  const ShardId child = ledger_->next_shard();
  Stored([&](storage::WriteSet& batch) { ledger_->UseNextShard(batch); });
  Flip(WithSplit(ledger_->table(), kOnly, RoutingKey{100, 0}, child), OperationKind::kSplit);
  const absl::Time split = now_;
  Stored([&](storage::WriteSet& batch) {
    EXPECT_THAT(ledger_->Pin({child, now_ + absl::Hours(1)}, now_, batch), IsOk());
  });
  expect_notes({kOnly, child});
  EXPECT_EQ(ledger_->note(child).pinned_until, now_ + absl::Hours(1));
  Flip(WithMerge(ledger_->table(), kOnly, child), OperationKind::kMerge);
  expect_notes({kOnly});
  EXPECT_EQ(ledger_->note(kOnly).last_change, now_);
  EXPECT_EQ(ledger_->note(kOnly).last_split, split);
  EXPECT_GT(ledger_->next_shard(), child);
}

// Plan: what has not changed is not told again.
TEST_F(ShardLedgerTest, OnlyWhatChangedIsPublished) {
  PublishTables first;
  ledger_->TakeChanged(first);
  EXPECT_TRUE(first.routing != nullptr && first.notes != nullptr && first.lineage != nullptr);
  const auto expect_nothing = [this] {
    PublishTables none;
    ledger_->TakeChanged(none);
    EXPECT_EQ(none, PublishTables());
  };
  expect_nothing();
  ledger_->Free(kOnly, OperationId{1});
  ledger_->Occupy(ShardId{2}, OperationId{1}, OperationKind::kSplit);
  expect_nothing();
  ledger_->Occupy(kOnly, OperationId{1}, OperationKind::kSplit);
  ledger_->Free(kOnly, OperationId{2});
  PublishTables notes;
  ledger_->TakeChanged(notes);
  ASSERT_NE(notes.notes, nullptr);
  EXPECT_EQ(notes.notes->at(kOnly).operation, OperationId{1});
  EXPECT_TRUE(notes.routing == nullptr && notes.lineage == nullptr);
}

}  // namespace
}  // namespace shardd
