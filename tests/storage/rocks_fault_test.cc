// Plan: fail, fill up and cut the power of the disk under a real store at every call it makes, and
// check that nothing acknowledged is lost, nothing is half there, and no commit follows a failed
// one.

#include <algorithm>
#include <atomic>
#include <optional>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "storage/rocks_open.h"
#include "tests/storage/fault_file_system.h"
#include "tests/storage/store_fixture.h"

namespace shardd::storage {
namespace {

using rocksdb::IOStatus;

constexpr Family kHome{1};

RocksOptions SmallOptions(const std::string& path) {
  RocksOptions options;
  options.path = path;
  options.cache_bytes = size_t{1} << 20;
  options.write_buffer_bytes = size_t{4} << 20;
  options.wal_bytes_max = size_t{4} << 20;
  return options;
}

// Commits numbered batches and knows what was acknowledged. Batch i writes i under "last" in two
// families and a key of its own.
class Ledger {
 public:
  absl::Status CommitNext(Store& store) {
    const std::string number = absl::StrCat(acknowledged_ + 1);
    WriteSet writes;
    writes.Put(kMeta, "last", number);
    writes.Put(kHome, "last", number);
    writes.Put(kHome, absl::StrCat("k", number), std::string(value_bytes_, 'v'));
    const absl::Status status = store.Commit(writes);
    if (status.ok()) {
      ++acknowledged_;
    } else {
      EXPECT_EQ(ReasonOf(status), Reason::kStorageFailed) << status;
    }
    return status;
  }

  // What is there must be all that was acknowledged and, at most, the one batch after it.
  void Check(const Store& store) {
    const KeyValues found = Forward(store, kHome);
    const uint64_t recovered = found.empty() ? 0 : found.size() - 1;
    EXPECT_GE(recovered, acknowledged_) << "acknowledged changes are lost";
    EXPECT_LE(recovered, acknowledged_ + 1) << "changes appeared from nowhere";
    if (recovered == 0) return;
    EXPECT_EQ(ValueOf(store, kHome, "last"), absl::StrCat(recovered));
    EXPECT_EQ(ValueOf(store, kMeta, "last"), absl::StrCat(recovered)) << "a torn batch";
    for (uint64_t i = 1; i <= recovered; ++i) {
      EXPECT_EQ(ValueOf(store, kHome, absl::StrCat("k", i)).size(), value_bytes_);
    }
    acknowledged_ = recovered;
  }

  void set_value_bytes(size_t bytes) { value_bytes_ = bytes; }
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  size_t value_bytes_ = 100;
  uint64_t acknowledged_ = 0;
};

// Makes, fills and drops a home, and knows what was acknowledged of that. What it does last may
// fail, and then may or may not have happened.
class HomeLedger {
 public:
  absl::Status DoNext(Store& store, Random& random) {
    if (!known_.has_value()) {
      maybe_ = 0;
      ++life_;
      return Settle(store.CreateHome(kOther));
    }
    if (random.OneIn(4)) {
      maybe_ = std::nullopt;
      return Settle(store.DropHome(kOther));
    }
    maybe_ = *known_ + 1;
    return Settle(store.Commit(OnePut(kOther, absl::StrCat("k", *known_), absl::StrCat(life_))));
  }

  // The home is there with all of its changes, or not at all.
  void Check(const Store& store) {
    const std::vector<Family> homes = store.Homes();
    std::optional<size_t> actual;
    if (std::find(homes.begin(), homes.end(), kOther) != homes.end()) {
      const KeyValues found = Forward(store, kOther);
      actual = found.size();
      for (const auto& [key, value] : found) {
        EXPECT_EQ(value, absl::StrCat(life_)) << "left of a life before";
      }
    }
    EXPECT_TRUE(actual == known_ || actual == maybe_)
        << (actual ? absl::StrCat(*actual) : "no home") << ", acknowledged is "
        << (known_ ? absl::StrCat(*known_) : "no home");
    known_ = maybe_ = actual;
  }

 private:
  static constexpr Family kOther{2};

  absl::Status Settle(absl::Status status) {
    if (status.ok()) known_ = maybe_;
    EXPECT_TRUE(status.ok() || ReasonOf(status) == Reason::kStorageFailed) << status;
    return status;
  }

  // How many keys are in the home; nullopt: there is none.
  std::optional<size_t> known_;
  std::optional<size_t> maybe_;
  int life_ = 0;
};

class RocksFaultTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> TryOpen() {
    RocksOptions options = SmallOptions(folder_.path("data"));
    options.on_failure = [this](const absl::Status&) { ++failures_reported_; };
    return OpenRocksStoreOn(files_, options);
  }

  std::unique_ptr<Store> Open() {
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return nullptr;
    EXPECT_TRUE((*store)->CreateHome(kHome).ok());
    return *std::move(store);
  }

  // One life of a store, as far as it gets.
  void LiveOnce(int commits) {
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    if (!store.ok() || !(*store)->CreateHome(kHome).ok()) return;
    for (int i = 0; i < commits; ++i) {
      if (!ledger_.CommitNext(**store).ok()) break;
    }
    (*store)->Close().IgnoreError();
  }

  // The same with a home that comes and goes.
  void LiveOnceWithHomes(int steps, Random& random) {
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    if (!store.ok()) return;
    for (int i = 0; i < steps; ++i) {
      if (!home_ledger_.DoNext(**store, random).ok()) break;
    }
    (*store)->Close().IgnoreError();
  }

  void CheckHomesAfterReopening() {
    files_->SetFault(std::nullopt);
    const std::unique_ptr<Store> store = Open();
    ASSERT_NE(store, nullptr);
    home_ledger_.Check(*store);
    EXPECT_TRUE(store->Health().ok());
  }

  void CheckAfterReopening() {
    files_->SetFault(std::nullopt);
    const std::unique_ptr<Store> store = Open();
    ASSERT_NE(store, nullptr);
    ledger_.Check(*store);
    EXPECT_TRUE(ledger_.CommitNext(*store).ok());
  }

  TestFolder folder_;
  std::shared_ptr<FaultFileSystem> files_ = std::make_shared<FaultFileSystem>();
  Ledger ledger_;
  HomeLedger home_ledger_;
  std::atomic<int> failures_reported_ = 0;
};

TEST_F(RocksFaultTest, FailedSyncIsFinal) {
  std::unique_ptr<Store> store = Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(ledger_.CommitNext(*store).ok());
  Fault once{.operation = FileOperation::kSync, .name = ".log", .sticky = false};
  once.status = IOStatus::IOError("input/output error");
  files_->SetFault(once);
  const absl::Status failure = ledger_.CommitNext(*store);
  EXPECT_EQ(EffectOf(ReasonOf(failure)), Effect::kUnknown);
  EXPECT_EQ(files_->fired(), 1u);
  // The disk works again, and still nothing is acknowledged.
  EXPECT_FALSE(ledger_.CommitNext(*store).ok());
  EXPECT_FALSE(store->CreateHome(Family{2}).ok());
  EXPECT_FALSE(store->Health().ok());
  EXPECT_EQ(failures_reported_, 1);
  EXPECT_EQ(ValueOf(*store, kHome, "last"), "3") << "reads go on";
  EXPECT_FALSE(store->Close().ok());
  store.reset();
  CheckAfterReopening();
}

TEST_F(RocksFaultTest, FullDiskFailsTheCommitAndLosesNothing) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(ledger_.CommitNext(*store).ok());
  Fault full{.operation = FileOperation::kAppend};
  full.status = IOStatus::NoSpace("no space left on device");
  files_->SetFault(full);
  EXPECT_FALSE(ledger_.CommitNext(*store).ok());
  EXPECT_FALSE(store->Health().ok());
  EXPECT_EQ(ValueOf(*store, kHome, "last"), "1") << "reads go on";
  files_->SetFault(std::nullopt);
  EXPECT_FALSE(ledger_.CommitNext(*store).ok());
  store.reset();
  CheckAfterReopening();
}

TEST_F(RocksFaultTest, FullDiskWhileOpeningIsNamed) {
  Fault full{.operation = FileOperation::kAppend, .name = "MANIFEST"};
  full.status = IOStatus::NoSpace("no space left on device");
  files_->SetFault(full);
  const absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(OpenErrorOf(store.status()), OpenError::kDiskFull) << store.status();
  EXPECT_EQ(ReasonOf(store.status()), Reason::kDiskFull);
  CheckAfterReopening();
}

TEST_F(RocksFaultTest, ReadOnlyFolderIsNamed) {
  Fault read_only{.operation = FileOperation::kCreate};
  read_only.status = IOStatus::IOError("while opening a file", "Read-only file system");
  files_->SetFault(read_only);
  const absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(OpenErrorOf(store.status()), OpenError::kIo) << store.status();
  EXPECT_NE(store.status().message().find(folder_.path("data")), absl::string_view::npos);
}

TEST_F(RocksFaultTest, FailedFlushStopsCommits) {
  std::unique_ptr<Store> store = Open();
  ledger_.set_value_bytes(size_t{256} << 10);
  Fault fault{.operation = FileOperation::kAppend, .name = ".sst"};
  fault.status = IOStatus::IOError("input/output error");
  files_->SetFault(fault);
  int commits = 0;
  while (ledger_.CommitNext(*store).ok() && commits < 1000) ++commits;
  EXPECT_LT(commits, 1000);
  EXPECT_FALSE(store->Health().ok());
  EXPECT_EQ(failures_reported_, 1);
  store.reset();
  CheckAfterReopening();
}

TEST_F(RocksFaultTest, FailedWatermarkStopsCommits) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(ledger_.CommitNext(*store).ok());
  Fault fault{.operation = FileOperation::kSync, .name = "WATERMARK"};
  fault.status = IOStatus::IOError("input/output error");
  files_->SetFault(fault);
  ASSERT_TRUE(ledger_.CommitNext(*store).ok()) << "not due yet";
  EXPECT_TRUE(store->Space().ok());
  EXPECT_FALSE(store->Health().ok());
  store.reset();
  CheckAfterReopening();
}

// The workload of LiveOnce, with the Nth call failing, for N = 1, 2, … until none fails any more.
class RocksFaultSweepTest : public RocksFaultTest, public testing::WithParamInterface<bool> {};

TEST_P(RocksFaultSweepTest, EveryFailingCallIsHandled) {
  uint64_t fired = 1;
  for (uint64_t skip = 0; fired > 0 && !HasFailure(); ++skip) {
    SCOPED_TRACE(absl::StrCat("after ", skip, " calls"));
    Fault fault{.skip = skip, .sticky = GetParam()};
    fault.status = IOStatus::IOError("input/output error");
    files_->SetFault(fault);
    LiveOnce(3);
    fired = files_->fired();
    CheckAfterReopening();
    ASSERT_LT(skip, 1000u);
    if (skip % 10 == 0) {  // a new folder has calls of its own
      std::filesystem::remove_all(folder_.path("data"));
      ledger_ = Ledger();
    }
  }
}

TEST_P(RocksFaultSweepTest, HomesAreThereWholeOrNotAtAll) {
  uint64_t fired = 1;
  for (uint64_t skip = 0; fired > 0 && !HasFailure(); ++skip) {
    SCOPED_TRACE(absl::StrCat("after ", skip, " calls"));
    Random random(skip / 3);
    Fault fault{.skip = skip, .sticky = GetParam()};
    fault.status = IOStatus::IOError("input/output error");
    files_->SetFault(fault);
    LiveOnceWithHomes(12, random);
    fired = files_->fired();
    CheckHomesAfterReopening();
    ASSERT_LT(skip, 1000u);
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, RocksFaultSweepTest, testing::Bool(),
                         [](const auto& fault) { return fault.param ? "FromThenOn" : "Once"; });

// The power goes at a random call, again and again in one folder, from its making on.
TEST_F(RocksFaultTest, PowerLossKeepsWhatWasAcknowledged) {
  for (uint64_t seed = 1; seed <= 25 && !HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    std::filesystem::remove_all(folder_.path("data"));
    ledger_ = Ledger();
    for (int life = 0; life < 6 && !HasFailure(); ++life) {
      SCOPED_TRACE(absl::StrCat("life ", life));
      ledger_.set_value_bytes(100);
      Fault power{.skip = random.Below(80)};
      power.status = IOStatus::IOError("the power is off");
      files_->SetFault(power);
      LiveOnce(static_cast<int>(random.Below(30)));
      files_->LosePower(random);
      CheckAfterReopening();
      // This store was closed without a loss of power.
      files_->LosePower(random);
    }
  }
}

TEST_F(RocksFaultTest, PowerLossLeavesHomesWholeOrGone) {
  for (uint64_t seed = 1; seed <= 25 && !HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    std::filesystem::remove_all(folder_.path("data"));
    home_ledger_ = HomeLedger();
    for (int life = 0; life < 6 && !HasFailure(); ++life) {
      SCOPED_TRACE(absl::StrCat("life ", life));
      Fault power{.skip = random.Below(150)};
      power.status = IOStatus::IOError("the power is off");
      files_->SetFault(power);
      LiveOnceWithHomes(static_cast<int>(random.Below(30)), random);
      files_->LosePower(random);
      CheckHomesAfterReopening();
      files_->LosePower(random);
    }
  }
}

}  // namespace
}  // namespace shardd::storage
