// Plan: fail commits, fill the disk, spoil what is stored, and stop in the middle; nothing is
// acknowledged that is not kept, and every call is answered exactly once.

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/codec.h"
#include "server/runtime/runtime.h"
#include "tests/support/runtime_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kFailingAccount{"", "account"};

class RuntimeFailureTest : public RuntimeFixture {
 protected:
  // One worker. Counts what is told of storage failures.
  void StartCounting() {
    Start({.shard_count = 1, .on_storage_failure = [this](absl::Status status) {
             EXPECT_FALSE(status.ok());
             failures_.fetch_add(1);
           }});
  }
  // It waits for the workers no longer: the thread that looks at the disk ends then.
  void WaitUntilDrainGivesUp() {
    const auto gave_up = [this] {
      for (const ThreadStatus& thread : threads_.List()) {
        if (thread.name == "space") return thread.state == ThreadState::kStopped;
      }
      return false;  // it has only just begun
    };
    while (!gave_up()) std::this_thread::yield();
  }
  void ExpectOneAnswerEach(size_t calls) {
    const auto counts = sink_.reply_counts();
    EXPECT_EQ(counts.size(), calls);
    for (const auto& [call, count] : counts) {
      EXPECT_EQ(count, 1u) << call.call;
      EXPECT_NE(call.call, 0u) << "an answer that nobody asked for";
    }
  }

  std::atomic<int> failures_{0};
};

// Plan: a turn of three requests, one of them a read, whose commit fails, with more waiting behind.
TEST_F(RuntimeFailureTest, AFailedCommitIsUnknownForItsTurnOnly) {
  StartCounting();
  ASSERT_THAT(Ask(AddOne(kFailingAccount)), IsOk());
  store_.Shut();
  const CallId held = Submit(AddOne(kFailingAccount));
  store_.WaitForArrivals(1);
  const CallId after = Submit(AddOne(kFailingAccount));
  memory_.FailNextCommit(Error(Reason::kStorageFailed, "the disk is gone"));
  store_.Open();
  const absl::Status unknown = sink_.WaitForReply(held).status();
  EXPECT_THAT(unknown, HasReason(Reason::kStorageFailed));
  EXPECT_EQ(EffectOf(ReasonOf(unknown)), Effect::kUnknown);
  EXPECT_THAT(sink_.WaitForReply(after), HasReason(Reason::kDraining));
  EXPECT_THAT(Ask(AddOne(kFailingAccount)), HasReason(Reason::kDraining));
  EXPECT_THAT(AskCoordinator(CreateNamespaceRequest{"ns", ""}), HasReason(Reason::kDraining));
  EXPECT_FALSE(runtime_->storage_health().ok());
  EXPECT_EQ(ValueOf(kFailingAccount), "1") << "what was durable can still be read";
  Stop();
  EXPECT_EQ(failures_.load(), 1);
  ExpectOneAnswerEach(3);
}

// Plan: a read in the turn that fails saw what is not kept; it must not say so.
TEST_F(RuntimeFailureTest, ReadsOfAFailedTurnAreNotAnswered) {
  StartCounting();
  store_.Shut();
  Submit(AddOne(kFailingAccount));
  store_.WaitForArrivals(1);
  const CallId write = Submit(AddOne(kFailingAccount));
  const CallId read = Submit(GetRequest{kFailingAccount, {"k"}});
  const CallId refused_watch = Submit(WatchRequest{{"", "missing"}, 0});
  store_.LetThrough(1);
  store_.WaitForArrivals(2);
  memory_.FailNextCommit(Error(Reason::kStorageFailed, "the disk is gone"));
  store_.Open();
  for (const CallId call : {write, read, refused_watch}) {
    EXPECT_THAT(sink_.WaitForReply(call), HasReason(Reason::kStorageFailed));
  }
  Stop();
  ExpectOneAnswerEach(4);
}

// Plan: a commit that failed may have reached the disk; after a restart the request is either there
// or not, and a repeat makes it so once.
TEST_F(RuntimeFailureTest, ARepeatAfterAnUnknownOutcome) {
  for (const size_t kept : {size_t{0}, size_t{1}}) {
    StartCounting();
    const AccountRef ref{"", absl::StrCat("account", kept)};
    ApplyRequest request = AddOne(ref);
    request.request_id = "r";
    ASSERT_THAT(Ask(GetRequest{ref, {"k"}}), HasReason(Reason::kAccountNotFound));
    memory_.FailNextCommit(Error(Reason::kStorageFailed, "the disk is gone"));
    EXPECT_THAT(Ask(request), HasReason(Reason::kStorageFailed));
    Stop();
    memory_.Crash(kept);
    StartCounting();
    ASSERT_OK_AND_ASSIGN(const ShardAnswer again, Ask(request));
    EXPECT_EQ(std::get<ApplyResult>(again).replayed, kept == 1);
    EXPECT_EQ(ValueOf(ref), "1");
    Stop();
  }
}

TEST_F(RuntimeFailureTest, AFailedCommitOfTheCoordinator) {
  StartCounting();
  memory_.FailNextCommit(Error(Reason::kStorageFailed, "the disk is gone"));
  EXPECT_THAT(AskCoordinator(CreateNamespaceRequest{"ns", ""}), HasReason(Reason::kStorageFailed));
  EXPECT_FALSE(runtime_->namespaces()->contains("ns"));
  EXPECT_THAT(Ask(AddOne(kFailingAccount)), HasReason(Reason::kDraining));
  Stop();
  EXPECT_EQ(failures_.load(), 1);
}

TEST_F(RuntimeFailureTest, AFailedFirstCommitEndsTheStart) {
  memory_.FailNextCommit(Error(Reason::kStorageFailed, "the disk is gone"));
  EXPECT_THAT(TryStart(), HasReason(Reason::kStorageFailed));
  for (const ThreadStatus& thread : threads_.List()) {
    EXPECT_EQ(thread.state, ThreadState::kStopped) << thread.name;
  }
  memory_.Crash(0);
  EXPECT_THAT(TryStart(), IsOk());
}

// Plan: start on a full disk; what makes the store grow is refused from the first request on, reads
// and deletions are not.
TEST_F(RuntimeFailureTest, AFullDiskRefusesGrowthOnly) {
  StartCounting();
  CreateNamespace("ns");
  ASSERT_THAT(Ask(Put(kFailingAccount, "v", "first")), IsOk());
  Stop();
  memory_.SetSpace({.free_bytes = 99, .used_bytes = 7});
  Start({.shard_count = 1, .reserve_bytes = 100});
  EXPECT_TRUE(runtime_->disk_full());
  ASSERT_OK_AND_ASSIGN(const storage::SpaceUsage space, runtime_->space());
  EXPECT_EQ(space.free_bytes, 99u);
  EXPECT_EQ(space.used_bytes, 7u);
  const absl::Status full = Ask(Put(kFailingAccount, "w")).status();
  EXPECT_THAT(full, HasReason(Reason::kDiskFull));
  EXPECT_TRUE(RetryAfterOf(full).has_value());
  EXPECT_THAT(Ask(AddOne(kFailingAccount)), HasReason(Reason::kDiskFull));
  EXPECT_THAT(Ask(CreateAccountRequest{.account = {"", "b"}}), HasReason(Reason::kDiskFull));
  EXPECT_THAT(Ask(UpdateAccountRequest{.account = kFailingAccount, .labels = Labels{}}),
              HasReason(Reason::kDiskFull));
  EXPECT_THAT(Ask(ApplyRequest{.account = kFailingAccount, .mutations = {Delete{"k"}, Append{"k", "v"}}}),
              HasReason(Reason::kDiskFull));
  EXPECT_THAT(
      Ask(ApplyRequest{.account = kFailingAccount, .request_id = "r", .preconditions = {EntryExists{"k"}}}),
      HasReason(Reason::kDiskFull))
      << "its outcome would be kept";
  EXPECT_THAT(Ask(GetOutcomeRequest{.account = kFailingAccount, .request_id = "r", .forbid = true}),
              HasReason(Reason::kDiskFull));
  EXPECT_THAT(AskCoordinator(CreateNamespaceRequest{"nt", ""}), HasReason(Reason::kDiskFull));
  EXPECT_FALSE(runtime_->namespaces()->contains("nt"));
  EXPECT_EQ(ValueOf(kFailingAccount), "v");
  EXPECT_THAT(Ask(GetRequest{kFailingAccount, {"k"}}), IsOk());
  EXPECT_THAT(Ask(ScanRequest{.account = kFailingAccount}), IsOk());
  EXPECT_THAT(Ask(ApplyRequest{.account = kFailingAccount, .preconditions = {EntryExists{"k"}}}), IsOk());
  EXPECT_THAT(Ask(GetOutcomeRequest{.account = kFailingAccount, .request_id = "first"}), IsOk());
  EXPECT_THAT(Ask(ApplyRequest{.account = kFailingAccount, .request_id = "r", .mutations = {Delete{"k"}}}),
              IsOk());
  EXPECT_THAT(Ask(DeleteAccountRequest{.account = kFailingAccount, .request_id = "s"}), IsOk());
  EXPECT_THAT(AskCoordinator(DeleteNamespaceRequest{"ns", true}), IsOk());
  EXPECT_EQ(failures_.load(), 0);
}

TEST_F(RuntimeFailureTest, ABackgroundErrorStopsEverything) {
  memory_.Fail(Error(Reason::kStorageFailed, "a compaction failed"));
  EXPECT_FALSE(TryStart().ok());
}

TEST_F(RuntimeFailureTest, DoesNotStartOnDataItDoesNotUnderstand) {
  Start({.shard_count = 1});
  Stop();
  ASSERT_THAT(memory_.CreateHome(storage::Family{7}), IsOk());
  const absl::Status unknown = TryStart();
  EXPECT_THAT(unknown, HasReason(Reason::kStorageCorrupt));
  EXPECT_NE(unknown.message().find("h0007"), absl::string_view::npos);
}

TEST_F(RuntimeFailureTest, DoesNotStartWithoutAHome) {
  ASSERT_OK_AND_ASSIGN(
      const RouteTable table,
      RouteTable::Make(TableEpoch{1},
                       {{ShardId{1}, {kFirstRoutingKey, std::nullopt}, storage::Family{1}}}));
  storage::WriteSet writes;
  writes.Put(storage::kMeta, "table", table.Encode());
  ASSERT_THAT(memory_.Commit(writes), IsOk());
  EXPECT_THAT(TryStart(), HasReason(Reason::kStorageCorrupt));
  EXPECT_TRUE(memory_.Homes().empty()) << "none was made in its place";
}

TEST_F(RuntimeFailureTest, DoesNotStartOnUnreadableStatistics) {
  Start({.shard_count = 1});
  Stop();
  storage::WriteSet writes;
  writes.Put(storage::kMeta, ShardStatsKey(ShardId{1}), "garbage");
  ASSERT_THAT(memory_.Commit(writes), IsOk());
  EXPECT_THAT(TryStart(), HasReason(Reason::kStorageCorrupt));
}

TEST_F(RuntimeFailureTest, DrainFinishesWhatIsQueued) {
  StartCounting();
  store_.Shut();
  Submit(AddOne(kFailingAccount));
  store_.WaitForArrivals(1);
  for (int i = 0; i < 20; ++i) Submit(AddOne(kFailingAccount));
  std::thread drain([this] { EXPECT_THAT(runtime_->Drain(absl::InfiniteFuture()), IsOk()); });
  WaitUntilDraining();
  EXPECT_THAT(AskCoordinator(CreateNamespaceRequest{"ns", ""}), HasReason(Reason::kDraining));
  store_.Open();
  drain.join();
  EXPECT_EQ(ValueOf(kFailingAccount), "21");
  for (const auto& [call, count] : sink_.reply_counts()) {
    EXPECT_EQ(count, 1u);
  }
}

// Plan: the time to drain is up at once, with a purge of the coordinator's in the mailbox: what is
// queued is answered, and only what somebody asked for.
TEST_F(RuntimeFailureTest, DrainGivesUpButAnswersEverybody) {
  StartCounting();
  CreateNamespace("ns");
  ASSERT_THAT(Ask(Put({"ns", "a"}, "v")), IsOk());
  store_.Shut();
  const CallId held = Submit(AddOne(kFailingAccount));
  store_.WaitForArrivals(1);
  std::vector<CallId> queued;
  for (int i = 0; i < 20; ++i) queued.push_back(Submit(AddOne(kFailingAccount)));
  const CallId deletion = NextCall();
  ASSERT_THAT(runtime_->SubmitToCoordinator({deletion, DeleteNamespaceRequest{"ns", true}}),
              IsOk());
  store_.WaitForArrivals(2);
  store_.LetThrough(2);  // the coordinator's; now its purge waits behind the worker's commit
  EXPECT_THAT(sink_.WaitForCoordinatorReply(deletion), IsOk());
  std::thread drain([this] {
    EXPECT_EQ(runtime_->Drain(clock_.Now()).code(), absl::StatusCode::kDeadlineExceeded);
  });
  WaitUntilDrainGivesUp();
  store_.Open();
  drain.join();
  EXPECT_THAT(sink_.WaitForReply(held), IsOk()) << "its commit was under way";
  for (const CallId call : queued) {
    const absl::Status status = sink_.WaitForReply(call).status();
    EXPECT_TRUE(status.ok() || ReasonOf(status) == Reason::kDraining) << status;
  }
  for (const auto& [call, count] : sink_.reply_counts()) {
    EXPECT_EQ(count, 1u) << call.call;
    EXPECT_NE(call.call, 0u);
  }
  runtime_.reset();
  StartCounting();
  ASSERT_OK_AND_ASSIGN(const CoordinatorAnswer ended,
                       AskCoordinator(WaitOperationRequest{OperationId{1}}));
  EXPECT_EQ(std::get<OperationRecord>(ended).state, OperationState::kSucceeded)
      << "the deletion goes on at the next start";
}

// Plan: a purge waits in the mailbox of a worker whose commit fails; nobody is answered for it.
TEST_F(RuntimeFailureTest, AFailedWorkerAnswersNoPurge) {
  StartCounting();
  CreateNamespace("ns");
  store_.Shut();
  Submit(AddOne(kFailingAccount));
  store_.WaitForArrivals(1);
  const CallId deletion = NextCall();
  ASSERT_THAT(runtime_->SubmitToCoordinator({deletion, DeleteNamespaceRequest{"ns", true}}),
              IsOk());
  store_.WaitForArrivals(2);
  store_.LetThrough(2);
  EXPECT_THAT(sink_.WaitForCoordinatorReply(deletion), IsOk());
  memory_.FailNextCommit(Error(Reason::kStorageFailed, "the disk is gone"));
  store_.Open();
  Stop();
  ExpectOneAnswerEach(1);
  EXPECT_EQ(failures_.load(), 1);
}

// Plan: somebody waits for an operation that cannot end while the runtime stops.
TEST_F(RuntimeFailureTest, DrainEndsWaits) {
  StartCounting();
  CreateNamespace("ns");
  store_.Shut();
  Submit(AddOne(kFailingAccount));
  store_.WaitForArrivals(1);
  ASSERT_THAT(runtime_->SubmitToCoordinator({NextCall(), DeleteNamespaceRequest{"ns", true}}),
              IsOk());
  const CallId wait = NextCall();
  ASSERT_THAT(runtime_->SubmitToCoordinator({wait, WaitOperationRequest{OperationId{1}}}), IsOk());
  std::thread drain([this] { runtime_->Drain(clock_.Now()).IgnoreError(); });
  WaitUntilDraining();
  store_.Open();
  drain.join();
  const auto counts = sink_.coordinator_reply_counts();
  EXPECT_EQ(counts.at(wait), 1u);
}

}  // namespace
}  // namespace shardd
