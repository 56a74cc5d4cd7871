// Plan: count turns on both sides of a bound; hold a worker up and look at what waited; end a
// worker and find nothing forgotten.
#include "server/runtime/mailbox_waits.h"

#include <cstdint>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "tests/support/runtime_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

uint64_t CountOf(const MailboxWaits& waits) {
  return std::accumulate(waits.buckets.begin(), waits.buckets.end(), uint64_t{0});
}

TEST(MailboxWaitCounterTest, CountsRequestsByTheOldestOfTheirTurn) {
  MailboxWaitCounter counter;
  counter.Count(3, absl::Milliseconds(1));
  counter.Count(2, absl::Milliseconds(1) + absl::Nanoseconds(1));
  counter.Count(1, absl::Hours(1));
  counter.Count(4, absl::ZeroDuration());
  MailboxWaits waits = counter.Read();
  EXPECT_EQ(kMailboxWaitBuckets[4], absl::Milliseconds(1));
  EXPECT_EQ(waits.buckets[0], 4u);
  EXPECT_EQ(waits.buckets[4], 3u);
  EXPECT_EQ(waits.buckets[5], 2u);
  EXPECT_EQ(waits.buckets.back(), 1u);
  EXPECT_NEAR(absl::ToDoubleSeconds(waits.sum), 3600.005, 1e-6);
  waits.Add(waits);
  EXPECT_EQ(waits.buckets[4], 6u);
  EXPECT_EQ(CountOf(waits), 20u);
  EXPECT_NEAR(absl::ToDoubleSeconds(waits.sum), 7200.01, 1e-6);
}

// A mailbox full for as long as a shard may be paused is far from the end of the sum.
TEST(MailboxWaitCounterTest, TheSumHasNoEnd) {
  MailboxWaitCounter counter;
  for (int i = 0; i < 100; ++i) counter.Count(limits::kMailboxItemsMax, absl::Hours(24));
  EXPECT_NEAR(absl::FDivDuration(counter.Read().sum, absl::Hours(24)),
              100.0 * limits::kMailboxItemsMax, 1);
}

class MailboxWaitsTest : public RuntimeFixture {};

// Plan: two requests wait, one of them longer; both count as that one does.
TEST_F(MailboxWaitsTest, AWorkerCountsTheTurnsItRuns) {
  const AccountRef account{"", "account"};
  Start({.shard_count = 1});
  store_.Shut();
  Submit(AddOne(account));
  store_.WaitForArrivals(1);
  Submit(AddOne(account));
  clock_.Advance(absl::Milliseconds(10));
  const CallId last = Submit(AddOne(account));
  clock_.Advance(absl::Milliseconds(10));
  EXPECT_EQ(CountOf(runtime_->mailbox_waits()), 0u);  // the first turn is not over
  store_.Open();
  ASSERT_THAT(sink_.WaitForReply(last), IsOk());
  // A turn is counted when it is over, so at the latest when the next one has been answered.
  ASSERT_THAT(Ask(AddOne(account)), IsOk());
  const MailboxWaits waits = runtime_->mailbox_waits();
  EXPECT_EQ(kMailboxWaitBuckets[8], absl::Milliseconds(25));
  EXPECT_EQ(waits.buckets[8], 2u);
  EXPECT_NEAR(absl::ToDoubleSeconds(waits.sum), 0.04, 1e-9);
  EXPECT_EQ(waits.buckets[0], CountOf(waits) - 2);
  Stop();
}

TEST_F(MailboxWaitsTest, NothingIsForgottenWhenAShardEnds) {
  constexpr uint64_t kRequests = 40;
  Start({.shard_count = 2});
  for (uint64_t i = 0; i < kRequests; ++i) {
    ASSERT_THAT(Ask(AddOne({"", absl::StrCat(i)})), IsOk());
  }
  for (const ShardStatus& shard : runtime_->Shards()) ASSERT_GT(shard.requests_total, 0u);
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer begun,
                       AskCoordinator(MergeShardsRequest{ShardId{1}, ShardId{2}, {}}));
  const OperationId operation = std::get<OperationRecord>(begun).id;
  ASSERT_THAT(AskCoordinator(WaitOperationRequest{operation}), IsOk());
  ASSERT_EQ(runtime_->Shards().size(), 1u);
  EXPECT_EQ(CountOf(runtime_->mailbox_waits()), kRequests);
  Stop();
}

}  // namespace
}  // namespace shardd
