// Plan: threads ask before a gate that is open, held, released, or held for too long or too often;
// then a compaction of the real store has to wait for its end.

#include "storage/background_gate.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "storage/rocks_store.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/fake_clock.h"

namespace shardd::storage {
namespace {

constexpr absl::Duration kLong = absl::Hours(1);

void Ask(BackgroundGate& gate, rocksdb::Env::IOPriority priority = rocksdb::Env::IO_LOW) {
  gate.Request(100, priority, nullptr);
}

TEST(BackgroundGateTest, OpenItLetsEverythingThrough) {
  const FakeClock clock;
  BackgroundGate gate(clock, kLong);
  Ask(gate);
  gate.Release();
  Ask(gate);
}

TEST(BackgroundGateTest, HeldItLetsThroughWhatIsUrgentUntilItIsReleased) {
  const FakeClock clock;
  BackgroundGate gate(clock, kLong);
  gate.Hold();
  std::atomic<int> passed = 0;
  std::thread compaction([&] {
    Ask(gate);
    ++passed;
  });
  std::thread flush([&] {
    Ask(gate, rocksdb::Env::IO_HIGH);
    ++passed;
  });
  while (gate.waiting() < 2) std::this_thread::yield();
  Ask(gate, rocksdb::Env::IO_USER);
  EXPECT_EQ(passed, 0);
  gate.Release();
  compaction.join();
  flush.join();
  EXPECT_EQ(gate.waiting(), 0);
}

// Plan: nobody releases it.
TEST(BackgroundGateTest, AHoldEndsByItself) {
  FakeClock clock;
  BackgroundGate gate(clock, kLong);
  gate.Hold();
  clock.Advance(kLong);
  Ask(gate);
  Ask(gate);
}

// Plan: one that is refused, and one that is not, half a hold later.
TEST(BackgroundGateTest, SoonAfterAHoldNoneBegins) {
  FakeClock clock;
  BackgroundGate gate(clock, kLong);
  gate.Hold();
  gate.Release();
  clock.Advance(kLong / 2);
  gate.Hold();
  Ask(gate);
  clock.Advance(kLong / 2);
  gate.Hold();
  std::thread compaction([&] { Ask(gate); });
  while (gate.waiting() < 1) std::this_thread::yield();
  gate.Release();
  compaction.join();
}

// Plan: it could be done within a few milliseconds; it takes as long as a hold may last.
TEST(BackgroundGateTest, ACompactionOfTheStoreWaits) {
  constexpr absl::Duration kHold = absl::Milliseconds(200);
  const TestFolder folder;
  RocksOptions options;
  options.path = folder.path("data");
  options.background_hold_max = kHold;
  absl::StatusOr<std::unique_ptr<Store>> store = OpenRocksStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  constexpr Family kHome{1};
  ASSERT_TRUE((*store)->CreateHome(kHome).ok());
  for (int i = 0; i < 10; ++i) {
    WriteSet writes;
    writes.Put(kHome, absl::StrCat("k", i), std::string(100, 'v'));
    ASSERT_TRUE((*store)->Commit(writes).ok());
  }
  const absl::Time begun = RealClock().Now();
  (*store)->HoldBackgroundWork();
  std::atomic<bool> cancelled = false;
  EXPECT_TRUE((*store)->CompactRange(kHome, {}, cancelled).ok());
  EXPECT_GE(RealClock().Now() - begun, kHold);
  (*store)->ResumeBackgroundWork();
  EXPECT_TRUE((*store)->Close().ok());
}

}  // namespace
}  // namespace shardd::storage
