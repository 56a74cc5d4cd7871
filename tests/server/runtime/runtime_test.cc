// Plan: real threads on a store in memory; the test holds commits up where it wants to look at what
// waits, and every submitted call must be answered exactly once.

#include "server/runtime/runtime.h"

#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/runtime_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kRef{"", "account"};

class RuntimeTest : public RuntimeFixture {
 protected:
  // One worker, whose next commit waits at the gate; what is submitted now waits in the mailbox.
  CallId HoldWorker() {
    store_.Shut();
    const CallId held = Submit(AddOne(kRef));
    store_.WaitForArrivals(1);
    return held;
  }
};

TEST_F(RuntimeTest, AnswersAndReads) {
  Start();
  ASSERT_OK_AND_ASSIGN(const ShardAnswer answer, Ask(Put(kRef, "v")));
  EXPECT_EQ(std::get<ApplyResult>(answer).revision, 1u);
  EXPECT_EQ(ValueOf(kRef), "v");
  ASSERT_OK_AND_ASSIGN(const ScanResult page, runtime_->Scan({.account = kRef}, 0));
  EXPECT_EQ(page.entries.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const AccountResult account, runtime_->GetAccount({kRef}));
  EXPECT_EQ(account.record.entry_count, 1u);
  ASSERT_OK_AND_ASSIGN(const ShardAnswer in_worker, Ask(GetRequest{kRef, {"k"}}));
  EXPECT_EQ(std::get<GetResult>(in_worker).entries[0].value, "v");
  Stop();
}

// Plan: four clients, each with its own account and one shared one; per account the integers must
// come back in the order submitted, and none may be missing.
TEST_F(RuntimeTest, KeepsTheOrderOfEachAccount) {
  constexpr int kClients = 4;
  constexpr int kRequests = 300;
  Start({.shard_count = 3});
  std::vector<std::thread> clients;
  for (uint64_t client = 0; client < kClients; ++client) {
    clients.emplace_back([this, client] {
      for (uint64_t i = 0; i < kRequests; ++i) {
        ShardRequest request;
        request.call = CallId{(client + 1) * 1'000'000 + i, 0};
        request.body = AddOne({"", absl::StrCat("own", client)});
        ShardRequest shared;
        shared.call = CallId{(client + 101) * 1'000'000 + i, 0};
        shared.body = AddOne(kRef);
        std::vector<ShardRequest> both;
        both.push_back(std::move(request));
        both.push_back(std::move(shared));
        runtime_->Submit(std::move(both));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  Stop();
  const auto counts = sink_.reply_counts();
  EXPECT_EQ(counts.size(), size_t{2} * kClients * kRequests);
  for (const auto& [call, count] : counts) EXPECT_EQ(count, 1u);
  for (uint64_t client = 0; client < kClients; ++client) {
    for (uint64_t i = 0; i < kRequests; ++i) {
      const auto answer = sink_.WaitForReply(CallId{(client + 1) * 1'000'000 + i, 0});
      ASSERT_THAT(answer, IsOk());
      ASSERT_EQ(std::get<ApplyResult>(*answer).results[0].integer, static_cast<int64_t>(i + 1));
    }
  }
  Start();
  EXPECT_EQ(ValueOf(kRef), absl::StrCat(kClients * kRequests));
}

TEST_F(RuntimeTest, NothingLeavesBeforeTheCommit) {
  Start({.shard_count = 1});
  const CallId held = HoldWorker();
  EXPECT_TRUE(sink_.reply_counts().empty());
  EXPECT_EQ(ValueOf(kRef), "");
  store_.Open();
  EXPECT_THAT(sink_.WaitForReply(held), IsOk());
  EXPECT_EQ(ValueOf(kRef), "1");
}

// Plan: what comes during a commit shares the next one.
TEST_F(RuntimeTest, OneBatchCoversWhatWaits) {
  Start({.shard_count = 1});
  ASSERT_THAT(Ask(AddOne(kRef)), IsOk());
  const uint64_t batches = runtime_->Shards()[0].batches_total;
  HoldWorker();
  CallId last;
  for (int i = 0; i < 50; ++i) last = Submit(AddOne(kRef));
  EXPECT_EQ(runtime_->Shards()[0].mailbox_depth, 50u);
  store_.Open();
  EXPECT_THAT(sink_.WaitForReply(last), IsOk());
  EXPECT_EQ(runtime_->Shards()[0].batches_total, batches + 2);
  EXPECT_EQ(ValueOf(kRef), "52");
}

// Plan: more waits than one batch may hold; the worker commits as soon as a batch is full.
TEST_F(RuntimeTest, AFullBatchIsCommitted) {
  Start({.shard_count = 1});
  HoldWorker();
  const std::string large(limits::kEntryValueBytesMax, 'v');
  const size_t a_batch = limits::kBatchBytesMax / large.size();
  CallId last;
  for (size_t i = 0; i < 2 * a_batch + 1; ++i) last = Submit(Put({"", absl::StrCat(i)}, large));
  store_.Open();
  EXPECT_THAT(sink_.WaitForReply(last), IsOk());
  EXPECT_EQ(runtime_->Shards()[0].batches_total, 1u + 3u);
}

// Plan: between two writes wait more reads than one turn may answer; the worker commits the first
// write and lets the answers go before it takes the second.
TEST_F(RuntimeTest, ATurnThatHasReadMuchIsCommitted) {
  Start({.shard_count = 1});
  const std::string large(limits::kEntryValueBytesMax, 'v');
  const AccountRef large_account{"", "large"};
  ASSERT_THAT(Ask(Put(large_account, large)), IsOk());
  HoldWorker();
  const uint64_t batches = runtime_->Shards()[0].batches_total;
  Submit(Put({"", "first"}, ""));
  const size_t reads = limits::kTurnReadBytesMax / large.size();
  for (size_t i = 0; i < reads; ++i) Submit(GetRequest{large_account, {"k"}});
  const CallId last = Submit(Put({"", "second"}, ""));
  store_.Open();
  EXPECT_THAT(sink_.WaitForReply(last), IsOk());
  EXPECT_EQ(runtime_->Shards()[0].batches_total, batches + 1 + 2);
}

TEST_F(RuntimeTest, AFullMailboxRefuses) {
  Start({.shard_count = 1, .mailbox_items_max = 3});
  HoldWorker();
  std::vector<CallId> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(Submit(AddOne(kRef)));
  const absl::Status full = Ask(AddOne(kRef)).status();
  EXPECT_THAT(full, HasReason(Reason::kMailboxFull));
  EXPECT_EQ(RetryAfterOf(full), limits::kMailboxRetryAfter);
  EXPECT_THAT(runtime_->Get({kRef, {"k"}}, 0).status(), HasReason(Reason::kAccountNotFound))
      << "reads do not visit the worker";
  const CallId unwatch = Submit(UnwatchRequest{kRef});
  std::vector<ShardRequest> frame(2);
  for (ShardRequest& request : frame) {
    request.call = NextCall();
    request.body = AddOne(kRef);
  }
  const CallId refused[] = {frame[0].call, frame[1].call};
  runtime_->Submit(std::move(frame));
  for (const CallId call : refused) {
    EXPECT_THAT(sink_.WaitForReply(call), HasReason(Reason::kMailboxFull));
  }
  store_.Open();
  for (const CallId call : waiting) EXPECT_THAT(sink_.WaitForReply(call), IsOk());
  EXPECT_THAT(sink_.WaitForReply(unwatch), IsOk()) << "ending a watch is never refused";
  EXPECT_THAT(Ask(AddOne(kRef)), IsOk());
}

TEST_F(RuntimeTest, AMailboxIsBoundedInBytes) {
  Start({.shard_count = 1, .mailbox_bytes_max = 1 << 20});
  HoldWorker();
  const std::string large(600 << 10, 'v');
  Submit(Put(kRef, large));
  EXPECT_THAT(Ask(Put(kRef, large)), HasReason(Reason::kMailboxFull));
  EXPECT_THAT(Ask(ScanRequest{.account = kRef, .page_token = large}),
              HasReason(Reason::kMailboxFull));
  store_.Open();
}

// Plan: a deadline that passes in the mailbox, and one that has passed already.
TEST_F(RuntimeTest, DeadlinesHoldAtAdmissionAndAtDequeue) {
  Start({.shard_count = 1});
  HoldWorker();
  const absl::Time deadline = clock_.Now() + absl::Seconds(1);
  const CallId late = Submit(AddOne(kRef), deadline);
  clock_.Advance(absl::Seconds(2));
  ShardRequest expired;
  expired.call = NextCall();
  expired.deadline = deadline;
  expired.body = AddOne(kRef);
  EXPECT_THAT(runtime_->Submit(std::move(expired)), HasReason(Reason::kDeadlineExpired));
  store_.Open();
  EXPECT_THAT(sink_.WaitForReply(late), HasReason(Reason::kDeadlineExpired));
  EXPECT_EQ(ValueOf(kRef), "1");
}

TEST_F(RuntimeTest, ChecksEpochAndNamespace) {
  Start();
  CreateNamespace("ns");
  EXPECT_THAT(Ask(Put({"ns", "a"}, "v")), IsOk());
  EXPECT_THAT(Ask(Put({"nt", "a"}, "v")), HasReason(Reason::kNamespaceNotFound));
  EXPECT_THAT(runtime_->Get({{"nt", "a"}, {"k"}}, 0).status(),
              HasReason(Reason::kNamespaceNotFound));
  EXPECT_THAT(runtime_->Get({{"ns", "a"}, {"k"}}, 1).status(), IsOk());
  EXPECT_THAT(runtime_->Get({{"ns", "a"}, {"k"}}, 2).status(), HasReason(Reason::kStaleEpoch));
  EXPECT_THAT(runtime_->Scan({.account = {"ns", "a"}}, 2).status(), HasReason(Reason::kStaleEpoch));
  ShardRequest stale;
  stale.epoch = 9;
  stale.body = AddOne(kRef);
  EXPECT_THAT(runtime_->Submit(std::move(stale)), HasReason(Reason::kStaleEpoch));
  EXPECT_EQ(runtime_->stale_routes_total(), 3u);
}

// Plan: requests wait in a paused shard while it is split; its owners refuse what was routed by the
// table before, and only that.
TEST_F(RuntimeTest, WhatBecomesStaleInTheMailboxIsCounted) {
  Start({.shard_count = 1});
  const absl::Time until = clock_.Now() + absl::Hours(1);
  ASSERT_THAT(AskCoordinator(PauseShardRequest{ShardId{1}, until}), IsOk());
  for (uint32_t i = 0; i < 20; ++i) {
    ShardRequest request;
    request.call = CallId{1000, i};
    request.epoch = i < 15 ? 1 : 0;
    request.body = AddOne({"", absl::StrCat(i)});
    ASSERT_THAT(runtime_->Submit(std::move(request)), IsOk());
  }
  ASSERT_OK_AND_ASSIGN(
      const CoordinatorAnswer begun,
      AskCoordinator(SplitShardRequest{ShardId{1}, RoutingKey{1ull << 63, 0}, {}}));
  const OperationId operation = std::get<OperationRecord>(begun).id;
  ASSERT_THAT(AskCoordinator(WaitOperationRequest{operation}), IsOk());
  EXPECT_EQ(runtime_->stale_routes_total(), 0u);
  for (const ShardId shard : {ShardId{1}, ShardId{2}}) {
    ASSERT_THAT(AskCoordinator(PauseShardRequest{shard, clock_.Now()}), IsOk());
  }
  for (uint32_t i = 0; i < 20; ++i) {
    EXPECT_EQ(ReasonOf(sink_.WaitForReply(CallId{1000, i}).status()),
              i < 15 ? Reason::kStaleEpoch : Reason::kUnspecified);
  }
  EXPECT_EQ(runtime_->stale_routes_total(), 15u);
  Stop();
}

// Plan: a frame with good and bad requests for several shards: each gets its own answer.
TEST_F(RuntimeTest, AFrameIsAnsweredPartByPart) {
  Start({.shard_count = 4});
  std::vector<ShardRequest> frame(40);
  for (uint32_t i = 0; i < frame.size(); ++i) {
    frame[i].call = CallId{7, i};
    frame[i].body = AddOne({i % 5 == 0 ? "missing" : "", absl::StrCat(i)});
    if (i % 5 == 1) frame[i].deadline = clock_.Now() - absl::Seconds(1);
    if (i % 5 == 2) frame[i].epoch = 5;
  }
  runtime_->Submit(std::move(frame));
  for (uint32_t i = 0; i < 40; ++i) {
    const Reason expected[] = {Reason::kNamespaceNotFound, Reason::kDeadlineExpired,
                               Reason::kStaleEpoch, Reason::kUnspecified, Reason::kUnspecified};
    EXPECT_EQ(ReasonOf(sink_.WaitForReply(CallId{7, i}).status()), expected[i % 5]) << i;
  }
  EXPECT_EQ(runtime_->stale_routes_total(), 8u);
  Stop();
  for (const auto& [call, count] : sink_.reply_counts()) EXPECT_EQ(count, 1u);
}

TEST_F(RuntimeTest, ARestartKeepsEverything) {
  Start({.shard_count = 2});
  CreateNamespace("ns");
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Ask(Put({"ns", absl::StrCat(i)}, "v", "r")), IsOk());
  Stop();
  Start({.shard_count = 7});
  EXPECT_EQ(runtime_->Shards().size(), 2u);
  EXPECT_TRUE(runtime_->namespaces()->contains("ns"));
  uint64_t accounts = 0;
  for (const ShardStatus& shard : runtime_->Shards()) accounts += shard.stats.account_count;
  EXPECT_EQ(accounts, 20u);
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(const ShardAnswer again, Ask(Put({"ns", absl::StrCat(i)}, "v", "r")));
    EXPECT_TRUE(std::get<ApplyResult>(again).replayed);
  }
}

TEST_F(RuntimeTest, DeletesANamespaceAcrossShards) {
  Start({.shard_count = 4});
  CreateNamespace("ns");
  for (int i = 0; i < 200; ++i) Submit(Put({"ns", absl::StrCat(i)}, "v"));
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer begun,
                       AskCoordinator(DeleteNamespaceRequest{"ns", true}));
  const OperationId id = std::get<OperationRecord>(begun).id;
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer ended, AskCoordinator(WaitOperationRequest{id}));
  EXPECT_EQ(std::get<OperationRecord>(ended).state, OperationState::kSucceeded);
  EXPECT_EQ(runtime_->operations()->at(id).state, OperationState::kSucceeded);
  EXPECT_THAT(Ask(Put({"ns", "0"}, "v")), HasReason(Reason::kNamespaceNotFound));
  CreateNamespace("ns");
  EXPECT_THAT(Ask(Put({"ns", "0"}, "v")), IsOk());
  EXPECT_EQ(std::get<OperationRecord>(ended).steps_done, 200u);
}

TEST_F(RuntimeTest, WatchesAreTold) {
  Start({.shard_count = 1});
  ASSERT_THAT(Ask(AddOne(kRef)), IsOk());
  const CallId watch = Submit(WatchRequest{kRef, 1});
  EXPECT_EQ(sink_.WaitForWatchEvent(watch, 1).changes.size(), 1u);
  ASSERT_THAT(Ask(AddOne(kRef)), IsOk());
  EXPECT_EQ(sink_.WaitForWatchEvent(watch, 2).progress_revision, 2u);
  clock_.Advance(limits::kWatchProgressInterval);
  ASSERT_THAT(Ask(GetRequest{kRef, {"k"}}), IsOk());  // a reason to look at the clock
  EXPECT_TRUE(sink_.WaitForWatchEvent(watch, 3).changes.empty());
}

TEST_F(RuntimeTest, ThreadsAreListed) {
  Start({.shard_count = 3});
  ASSERT_THAT(Ask(AddOne(kRef)), IsOk());
  std::set<std::string> names;
  for (const ThreadStatus& thread : threads_.List()) names.insert(thread.name);
  for (const char* name : {"worker/s-0001", "worker/s-0002", "worker/s-0003", "coordinator"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_TRUE(runtime_->Shard(ShardId{3}).has_value());
  EXPECT_FALSE(runtime_->Shard(ShardId{4}).has_value());
  const ThreadId worker = runtime_->Shard(ShardId{2})->thread;
  EXPECT_EQ(threads_.Find(worker)->shard, ShardId{2});
  Stop();
  for (const ThreadStatus& thread : threads_.List()) {
    EXPECT_EQ(thread.state, ThreadState::kStopped) << thread.name;
  }
}

// Plan: a split, a move of the upper half to another home and a merge; the store's own work stands
// aside for each flip of the table, and only for that.
TEST_F(RuntimeTest, BackgroundWorkStandsAsideForFlips) {
  Start({.shard_count = 1});
  const auto change = [this](decltype(CoordinatorRequest::body) body) {
    ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer begun, AskCoordinator(std::move(body)));
    const OperationId operation = std::get<OperationRecord>(begun).id;
    ASSERT_THAT(AskCoordinator(WaitOperationRequest{operation}), IsOk());
  };
  change(SplitShardRequest{ShardId{1}, RoutingKey{1ull << 63, 0}, {}});
  EXPECT_EQ(store_.background_calls(), "hr");
  change(MoveHomeRequest{.shard = ShardId{2}});
  EXPECT_EQ(store_.background_calls(), "hrhr");
  change(MoveHomeRequest{.shard = ShardId{2}, .home = storage::Family{1}});
  change(MergeShardsRequest{ShardId{1}, ShardId{2}, {}});
  EXPECT_EQ(store_.background_calls(), "hrhrhrhr");
  ASSERT_THAT(AskCoordinator(PauseShardRequest{ShardId{1}, clock_.Now()}), IsOk());
  ASSERT_THAT(Ask(AddOne(kRef)), IsOk());
  EXPECT_EQ(store_.background_calls(), "hrhrhrhr");
}

// Plan: fill the coordinator's queue while its commit waits.
TEST_F(RuntimeTest, TheCoordinatorsQueueIsBounded) {
  Start();
  store_.Shut();
  const CallId first = NextCall();
  ASSERT_THAT(runtime_->SubmitToCoordinator({first, CreateNamespaceRequest{"ns", ""}}), IsOk());
  store_.WaitForArrivals(1);
  size_t accepted = 0;
  while (runtime_->SubmitToCoordinator({NextCall(), CancelOperationRequest{OperationId{1}}}).ok()) {
    ASSERT_LE(++accepted, limits::kCoordinatorQueueItemsMax);
  }
  EXPECT_EQ(accepted, limits::kCoordinatorQueueItemsMax);
  EXPECT_THAT(AskCoordinator(CancelOperationRequest{OperationId{1}}),
              HasReason(Reason::kMailboxFull));
  store_.Open();
  Stop();
  EXPECT_EQ(sink_.coordinator_reply_counts().size(), accepted + 1);
}

}  // namespace
}  // namespace shardd
