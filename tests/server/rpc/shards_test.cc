// Plan: change the shards of a running daemon over a real connection: split, merge, move, pause,
// pin, verify; look at the shards, the operations, the table and its history; and refuse what
// cannot be done, with nothing changed.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

constexpr int kAccounts = 60;

class ShardsTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon_.CreateNamespace(kNamespace);
    for (int i = 0; i < kAccounts; ++i) daemon_.Put(absl::StrCat("a", i), "k", "value");
    // All of a namespace lie side by side, here in one shard.
    full_ = ShardOf("a0");
  }

  template <typename Stub, typename Request, typename Response>
  static grpc::Status Call(const std::unique_ptr<Stub>& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                           const std::type_identity_t<Request>& request, Response* response) {
    CallScope call;
    return ((*stub).*method)(&call, request, response);
  }
  // For calls that answer with an operation.
  template <typename Request, typename Response>
  v1::Operation Begin(grpc::Status (v1::ShardService::Stub::*method)(grpc::ClientContext*,
                                                                     const Request&, Response*),
                      const std::type_identity_t<Request>& request) {
    Response response;
    const grpc::Status status = Call(daemon_.shards, method, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.operation();
  }
  v1::Operation Await(const v1::Operation& begun) {
    v1::WaitOperationRequest request;
    request.set_id(begun.id());
    v1::WaitOperationResponse response;
    const grpc::Status status =
        Call(daemon_.operations, &v1::OperationService::Stub::WaitOperation, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.operation().state(), v1::OPERATION_STATE_SUCCEEDED)
        << response.operation().ShortDebugString();
    return response.operation();
  }

  static v1::SplitShardRequest SplitOf(const std::string& shard) {
    v1::SplitShardRequest request;
    request.set_id(shard);
    return request;
  }
  static v1::SplitShardRequest SplitAt(const std::string& shard, const std::string& account) {
    v1::SplitShardRequest request = SplitOf(shard);
    request.mutable_account()->set_namespace_(kNamespace);
    request.mutable_account()->set_id(account);
    return request;
  }
  static v1::MergeShardsRequest MergeOf(const std::string& shard, const std::string& other) {
    v1::MergeShardsRequest request;
    request.set_id(shard);
    request.set_other_id(other);
    return request;
  }
  v1::Operation Split(const v1::SplitShardRequest& request) {
    return Await(Begin(&v1::ShardService::Stub::SplitShard, request));
  }
  v1::Operation Merge(const std::string& shard, const std::string& other) {
    return Await(Begin(&v1::ShardService::Stub::MergeShards, MergeOf(shard, other)));
  }
  v1::Operation MoveHome(const std::string& shard, const std::string& home) {
    v1::MoveShardHomeRequest request;
    request.set_id(shard);
    request.set_home(home);
    return Await(Begin(&v1::ShardService::Stub::MoveShardHome, request));
  }
  v1::ShardTotals Verify(const std::string& shard) {
    v1::VerifyShardRequest request;
    request.set_id(shard);
    const v1::Operation ended = Await(Begin(&v1::ShardService::Stub::VerifyShard, request));
    EXPECT_EQ(ended.kind(), v1::OPERATION_KIND_VERIFY);
    EXPECT_EQ(ended.totals().error_count(), 0u) << ended.totals().first_error();
    return ended.totals();
  }
  template <typename Request, typename Response>
  grpc::Status Try(grpc::Status (v1::ShardService::Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                   const std::type_identity_t<Request>& request) {
    Response response;
    return Call(daemon_.shards, method, request, &response);
  }
  grpc::Status TrySplit(const v1::SplitShardRequest& request) {
    return Try(&v1::ShardService::Stub::SplitShard, request);
  }

  v1::ResolveResponse Resolve(const std::string& account) {
    v1::ResolveRequest request;
    request.mutable_account()->set_namespace_(kNamespace);
    request.mutable_account()->set_id(account);
    v1::ResolveResponse response;
    EXPECT_TRUE(Call(daemon_.routing, &v1::RoutingService::Stub::Resolve, request, &response).ok());
    return response;
  }
  std::string ShardOf(const std::string& account) { return Resolve(account).route().shard_id(); }

  v1::ListShardsResponse List() {
    v1::ListShardsResponse response;
    EXPECT_TRUE(Call(daemon_.shards, &v1::ShardService::Stub::ListShards, {}, &response).ok());
    return response;
  }
  v1::Shard Get(const std::string& shard) {
    v1::GetShardRequest request;
    request.set_id(shard);
    v1::GetShardResponse response;
    const grpc::Status status =
        Call(daemon_.shards, &v1::ShardService::Stub::GetShard, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.shard();
  }
  v1::GetShardLineageResponse Lineage(const std::string& shard) {
    v1::GetShardLineageRequest request;
    request.set_id(shard);
    v1::GetShardLineageResponse response;
    EXPECT_TRUE(
        Call(daemon_.shards, &v1::ShardService::Stub::GetShardLineage, request, &response).ok());
    return response;
  }
  grpc::Status DiffTables(uint64_t from, uint64_t to, v1::RouteTableDiff* diff) {
    v1::DiffTablesRequest request;
    request.set_from_epoch(from);
    request.set_to_epoch(to);
    v1::DiffTablesResponse response;
    const grpc::Status status =
        Call(daemon_.routing, &v1::RoutingService::Stub::DiffTables, request, &response);
    *diff = response.diff();
    return status;
  }
  int CountOperations() {
    v1::ListOperationsResponse response;
    EXPECT_TRUE(
        Call(daemon_.operations, &v1::OperationService::Stub::ListOperations, {}, &response).ok());
    return response.operations_size();
  }
  void ExpectAllReadable() {
    for (int i = 0; i < kAccounts; ++i) {
      v1::GetRequest request;
      request.mutable_account()->set_namespace_(kNamespace);
      request.mutable_account()->set_id(absl::StrCat("a", i));
      request.add_keys("k");
      v1::GetResponse response;
      EXPECT_TRUE(Call(daemon_.state, &v1::StateService::Stub::Get, request, &response).ok());
      EXPECT_EQ(response.entries_size(), 1) << i;
    }
  }

  TestDaemon daemon_;
  std::string full_;
};

TEST_F(ShardsTest, ASplitGivesAPartToANewShard) {
  const v1::Operation ended = Split(SplitOf(full_));
  EXPECT_EQ(ended.kind(), v1::OPERATION_KIND_SPLIT);
  EXPECT_EQ(ended.target(), full_);
  const v1::ShardChange& change = ended.shard_change();
  EXPECT_EQ(change.shard_id(), full_);
  EXPECT_EQ(change.other_shard_id(), "s-0005");
  EXPECT_EQ(change.split_key().size(), 16u);
  EXPECT_EQ(change.epoch(), 2u);
  EXPECT_TRUE(change.has_pause());
  EXPECT_EQ(change.from_home(), "");

  const v1::ListShardsResponse list = List();
  EXPECT_EQ(list.epoch(), 2u);
  ASSERT_EQ(list.shards_size(), 5);
  const v1::Shard parent = Get(full_);
  const v1::Shard child = Get("s-0005");
  EXPECT_EQ(parent.route().end(), change.split_key());
  EXPECT_EQ(child.route().start(), change.split_key());
  EXPECT_EQ(child.route().home(), "h0001");
  EXPECT_EQ(parent.account_count() + child.account_count(), uint64_t{kAccounts});
  EXPECT_GT(parent.account_count(), 0u);
  EXPECT_GT(child.account_count(), 0u);
  for (const v1::Shard& shard : {parent, child}) {
    EXPECT_EQ(shard.state(), v1::SHARD_STATE_ACTIVE);
    EXPECT_TRUE(shard.has_last_change_time());
    EXPECT_EQ(shard.operation_id(), "");
  }
  ExpectAllReadable();
}

TEST_F(ShardsTest, ASplitAtAnAccountOrKeyIsMadeThere) {
  const std::string key = Resolve("a7").routing_key();
  EXPECT_EQ(Split(SplitAt(full_, "a7")).shard_change().split_key(), key);
  EXPECT_EQ(ShardOf("a7"), "s-0005");
  // There already, at the start of the range.
  EXPECT_EQ(FactsOf(TrySplit(SplitAt("s-0005", "a7"))).reason, "CANNOT_SPLIT");
  v1::SplitShardRequest elsewhere = SplitOf(full_);
  elsewhere.set_routing_key(key);
  EXPECT_EQ(FactsOf(TrySplit(elsewhere)).reason, "CANNOT_SPLIT");
}

// Plan: verify before a split, after it, and after the merge; the sums must be those of the whole.
TEST_F(ShardsTest, MergeUndoesASplitAndCountsAreConserved) {
  const v1::ShardTotals before = Verify(full_);
  EXPECT_EQ(before.account_count(), uint64_t{kAccounts});
  EXPECT_EQ(before.entry_count(), uint64_t{kAccounts});
  EXPECT_NE(before.checksum(), 0u);
  Split(SplitOf(full_));
  const v1::ShardTotals lower = Verify(full_);
  const v1::ShardTotals upper = Verify("s-0005");
  EXPECT_EQ(lower.account_count() + upper.account_count(), before.account_count());
  EXPECT_EQ(lower.byte_count() + upper.byte_count(), before.byte_count());
  EXPECT_EQ(lower.checksum() + upper.checksum(), before.checksum());

  const v1::Operation ended = Merge(full_, "s-0005");
  EXPECT_EQ(ended.shard_change().other_shard_id(), "s-0005");
  EXPECT_EQ(ended.shard_change().epoch(), 3u);
  const v1::ShardTotals after = Verify(full_);
  EXPECT_EQ(after.account_count(), before.account_count());
  EXPECT_EQ(after.checksum(), before.checksum());
  EXPECT_EQ(List().shards_size(), 4);
  ExpectAllReadable();
}

TEST_F(ShardsTest, AShardThatWasMergedSaysWhereItWent) {
  Split(SplitOf(full_));
  Merge(full_, "s-0005");
  v1::GetShardRequest get;
  get.set_id("s-0005");
  v1::GetShardResponse got;
  v1::ResolveRequest resolve;
  resolve.set_shard_id("s-0005");
  v1::ResolveResponse resolved;
  const grpc::Status refusals[] = {
      Call(daemon_.shards, &v1::ShardService::Stub::GetShard, get, &got),
      Call(daemon_.routing, &v1::RoutingService::Stub::Resolve, resolve, &resolved),
      TrySplit(SplitOf("s-0005")),
      Try(&v1::ShardService::Stub::MergeShards, MergeOf(full_, "s-0005")),
  };
  for (const grpc::Status& status : refusals) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
    const ErrorFacts facts = FactsOf(status);
    EXPECT_EQ(facts.reason, "SHARD_NOT_FOUND");
    EXPECT_EQ(facts.metadata.at("merged_into"), full_);
    EXPECT_EQ(facts.metadata.at("epoch"), "3");
    EXPECT_EQ(status.error_message(),
              absl::StrCat("shard s-0005 is no more: merged into ", full_, " at epoch 3"));
  }
  // One that never was says nothing of the kind.
  EXPECT_EQ(FactsOf(TrySplit(SplitOf("s-0077"))).metadata.count("merged_into"), 0u);
}

TEST_F(ShardsTest, AShardMovesToAnotherHomeAndBack) {
  const v1::ShardTotals before = Verify(full_);
  const v1::Operation ended = MoveHome(full_, "");
  EXPECT_EQ(ended.kind(), v1::OPERATION_KIND_REHOME);
  EXPECT_EQ(ended.shard_change().from_home(), "h0001");
  EXPECT_EQ(ended.shard_change().to_home(), "h0002");
  EXPECT_EQ(Get(full_).home(), "h0002");
  EXPECT_EQ(Resolve("a0").route().home(), "h0002");
  EXPECT_EQ(Verify(full_).checksum(), before.checksum());
  ExpectAllReadable();
  daemon_.Put("a0", "k", "value");

  v1::MoveShardHomeRequest request;
  request.set_id(full_);
  request.set_home("h0002");
  EXPECT_EQ(FactsOf(Try(&v1::ShardService::Stub::MoveShardHome, request)).reason, "ALREADY_THERE");
  request.set_home("h0042");
  EXPECT_EQ(FactsOf(Try(&v1::ShardService::Stub::MoveShardHome, request)).reason, "HOME_NOT_FOUND");
  MoveHome(full_, "h0001");
  EXPECT_EQ(Get(full_).home(), "h0001");
  ExpectAllReadable();
}

TEST_F(ShardsTest, NeighboursInTwoHomesAreBroughtTogetherAndMerged) {
  Split(SplitOf(full_));
  MoveHome("s-0005", "");
  Merge(full_, "s-0005");
  EXPECT_EQ(Get(full_).home(), "h0001");
  EXPECT_EQ(Get(full_).account_count(), uint64_t{kAccounts});
  EXPECT_EQ(Verify(full_).account_count(), uint64_t{kAccounts});
  ExpectAllReadable();
}

TEST_F(ShardsTest, OnlyNeighboursAreMerged) {
  const grpc::Status status =
      Try(&v1::ShardService::Stub::MergeShards, MergeOf("s-0001", "s-0003"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(FactsOf(status).reason, "NOT_NEIGHBOURS");
}

TEST_F(ShardsTest, CompactionIsAnOperation) {
  v1::CompactShardRequest request;
  request.set_id(full_);
  EXPECT_EQ(Await(Begin(&v1::ShardService::Stub::CompactShard, request)).kind(),
            v1::OPERATION_KIND_COMPACT);
  ExpectAllReadable();
}

TEST_F(ShardsTest, AnExpectedEpochIsComparedWithTheTable) {
  v1::SplitShardRequest split = SplitOf(full_);
  split.set_expected_epoch(7);
  const grpc::Status status = TrySplit(split);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.reason, "STALE_EPOCH");
  EXPECT_EQ(facts.metadata.at("epoch"), "1");
  EXPECT_EQ(facts.metadata.at("shard"), full_);
  v1::MergeShardsRequest merge = MergeOf("s-0001", "s-0002");
  merge.set_expected_epoch(7);
  EXPECT_EQ(FactsOf(Try(&v1::ShardService::Stub::MergeShards, merge)).reason, "STALE_EPOCH");
  v1::MoveShardHomeRequest move;
  move.set_id(full_);
  move.set_expected_epoch(7);
  EXPECT_EQ(FactsOf(Try(&v1::ShardService::Stub::MoveShardHome, move)).reason, "STALE_EPOCH");
  const auto refused = [this](auto method, auto request) {
    request.set_id(full_);
    request.set_expected_epoch(7);
    EXPECT_EQ(FactsOf(Try(method, request)).reason, "STALE_EPOCH") << request.GetTypeName();
  };
  v1::PinShardRequest pin;
  pin.mutable_duration()->set_seconds(60);
  refused(&v1::ShardService::Stub::PinShard, pin);
  refused(&v1::ShardService::Stub::UnpinShard, v1::UnpinShardRequest());
  refused(&v1::ShardService::Stub::PauseShard, v1::PauseShardRequest());
  refused(&v1::ShardService::Stub::ResumeShard, v1::ResumeShardRequest());
  refused(&v1::ShardService::Stub::VerifyShard, v1::VerifyShardRequest());
  refused(&v1::ShardService::Stub::CompactShard, v1::CompactShardRequest());
  EXPECT_EQ(CountOperations(), 0);
  EXPECT_EQ(Get(full_).state(), v1::SHARD_STATE_ACTIVE);
  EXPECT_FALSE(Get(full_).has_pinned_until());

  split.set_expected_epoch(1);
  Split(split);
}

TEST_F(ShardsTest, ValidationSaysWhatWouldBeDoneAndDoesNothing) {
  v1::SplitShardRequest split = SplitAt(full_, "a7");
  split.set_validate_only(true);
  const v1::Operation planned = Begin(&v1::ShardService::Stub::SplitShard, split);
  EXPECT_EQ(planned.id(), "");
  EXPECT_EQ(planned.state(), v1::OPERATION_STATE_UNSPECIFIED);
  EXPECT_FALSE(planned.has_create_time());
  EXPECT_EQ(planned.kind(), v1::OPERATION_KIND_SPLIT);
  EXPECT_EQ(planned.shard_change().split_key(), Resolve("a7").routing_key());
  v1::MergeShardsRequest merge = MergeOf("s-0001", "s-0002");
  merge.set_validate_only(true);
  EXPECT_EQ(Begin(&v1::ShardService::Stub::MergeShards, merge).id(), "");
  v1::MoveShardHomeRequest move;
  move.set_id(full_);
  move.set_validate_only(true);
  EXPECT_EQ(Begin(&v1::ShardService::Stub::MoveShardHome, move).shard_change().to_home(), "h0002");
  v1::VerifyShardRequest verify;
  verify.set_id(full_);
  verify.set_validate_only(true);
  EXPECT_EQ(Begin(&v1::ShardService::Stub::VerifyShard, verify).kind(), v1::OPERATION_KIND_VERIFY);
  v1::CompactShardRequest compact;
  compact.set_id(full_);
  compact.set_validate_only(true);
  EXPECT_EQ(Begin(&v1::ShardService::Stub::CompactShard, compact).id(), "");
  v1::PauseShardRequest pause;
  pause.set_id(full_);
  pause.set_validate_only(true);
  v1::PauseShardResponse paused;
  ASSERT_TRUE(Call(daemon_.shards, &v1::ShardService::Stub::PauseShard, pause, &paused).ok());
  EXPECT_TRUE(paused.has_paused_until());
  v1::PinShardRequest pin;
  pin.set_id(full_);
  pin.mutable_duration()->set_seconds(60);
  pin.set_validate_only(true);
  v1::PinShardResponse pinned;
  ASSERT_TRUE(Call(daemon_.shards, &v1::ShardService::Stub::PinShard, pin, &pinned).ok());
  EXPECT_TRUE(pinned.has_pinned_until());
  EXPECT_EQ(Get(full_).state(), v1::SHARD_STATE_ACTIVE);
  EXPECT_FALSE(Get(full_).has_pinned_until());
  // What cannot be done is refused all the same.
  split.set_id("s-0077");
  EXPECT_EQ(FactsOf(TrySplit(split)).reason, "SHARD_NOT_FOUND");

  EXPECT_EQ(CountOperations(), 0);
  EXPECT_EQ(List().epoch(), 1u);
  EXPECT_EQ(List().shards_size(), 4);
  // The id that was named is still the next.
  EXPECT_EQ(Split(SplitAt(full_, "a7")).shard_change().other_shard_id(),
            planned.shard_change().other_shard_id());
}

// Plan: hold a split in the middle of its flip; whoever wants the same shard is told to come back.
TEST_F(ShardsTest, AShardThatIsBusySaysWithWhat) {
  daemon_.gate().Shut();
  daemon_.gate().LetThrough(1);  // that the split is recorded
  const v1::Operation begun = Begin(&v1::ShardService::Stub::SplitShard, SplitAt(full_, "a7"));
  daemon_.gate().WaitForArrivals(2);
  EXPECT_EQ(begun.state(), v1::OPERATION_STATE_RUNNING);
  EXPECT_EQ(Get(full_).state(), v1::SHARD_STATE_SPLITTING);
  EXPECT_EQ(Get(full_).operation_id(), begun.id());
  const grpc::Status status = TrySplit(SplitAt(full_, "a8"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.reason, "SHARD_BUSY");
  EXPECT_EQ(facts.metadata.at("operation"), begun.id());
  EXPECT_TRUE(facts.retry_after.has_value());
  daemon_.gate().Open();
  Await(begun);
  EXPECT_EQ(Get(full_).state(), v1::SHARD_STATE_ACTIVE);
}

TEST_F(ShardsTest, APinnedShardStaysAsItIs) {
  v1::PinShardRequest pin;
  pin.set_id(full_);
  pin.mutable_duration()->set_seconds(3600);
  v1::PinShardResponse pinned;
  ASSERT_TRUE(Call(daemon_.shards, &v1::ShardService::Stub::PinShard, pin, &pinned).ok());
  EXPECT_EQ(Get(full_).pinned_until().seconds(), pinned.pinned_until().seconds());
  EXPECT_EQ(FactsOf(TrySplit(SplitOf(full_))).reason, "SHARD_PINNED");
  v1::MoveShardHomeRequest move;
  move.set_id(full_);
  EXPECT_EQ(FactsOf(Try(&v1::ShardService::Stub::MoveShardHome, move)).reason, "SHARD_PINNED");
  Verify(full_);

  v1::UnpinShardRequest unpin;
  unpin.set_id(full_);
  ASSERT_TRUE(Try(&v1::ShardService::Stub::UnpinShard, unpin).ok());
  EXPECT_FALSE(Get(full_).has_pinned_until());
  Split(SplitOf(full_));
}

TEST_F(ShardsTest, RequestsToAPausedShardWait) {
  v1::PauseShardRequest pause;
  pause.set_id(full_);
  v1::PauseShardResponse paused;
  ASSERT_TRUE(Call(daemon_.shards, &v1::ShardService::Stub::PauseShard, pause, &paused).ok());
  EXPECT_EQ(Get(full_).state(), v1::SHARD_STATE_PAUSED);
  EXPECT_EQ(Get(full_).paused_until().seconds(), paused.paused_until().seconds());
  v1::StatusResponse status;
  ASSERT_TRUE(Call(daemon_.admin, &v1::AdminService::Stub::Status, {}, &status).ok());
  EXPECT_EQ(status.verdict(), v1::VERDICT_DEGRADED);
  ASSERT_EQ(status.reasons_size(), 1);
  EXPECT_EQ(status.reasons(0).next_command(), absl::StrCat("shardctl shard resume ", full_));

  std::thread writer([this] { EXPECT_GT(daemon_.Put("a0", "k", "value"), 0u); });
  while (Get(full_).mailbox_depth() == 0) {
  }
  ExpectAllReadable();
  v1::ResumeShardRequest resume;
  resume.set_id(full_);
  EXPECT_TRUE(Try(&v1::ShardService::Stub::ResumeShard, resume).ok());
  writer.join();
  EXPECT_EQ(Get(full_).state(), v1::SHARD_STATE_ACTIVE);
}

TEST_F(ShardsTest, LineageLeadsBackToWhereAShardCameFrom) {
  EXPECT_EQ(Lineage(full_).changes_size(), 0);
  Split(SplitOf(full_));
  const v1::Operation second = Split(SplitOf("s-0005"));
  Merge("s-0005", "s-0006");
  MoveHome("s-0005", "");

  const v1::GetShardLineageResponse lineage = Lineage("s-0005");
  EXPECT_FALSE(lineage.compacted());
  std::vector<std::pair<uint64_t, v1::OperationKind>> changes;
  for (const v1::TableChange& change : lineage.changes()) {
    changes.emplace_back(change.epoch(), change.kind());
    EXPECT_TRUE(change.has_time());
  }
  EXPECT_EQ(changes,
            (std::vector<std::pair<uint64_t, v1::OperationKind>>{{5, v1::OPERATION_KIND_REHOME},
                                                                 {4, v1::OPERATION_KIND_MERGE},
                                                                 {3, v1::OPERATION_KIND_SPLIT},
                                                                 {2, v1::OPERATION_KIND_SPLIT}}));
  EXPECT_EQ(lineage.changes(2).operation_id(), second.id());
  EXPECT_EQ(lineage.changes(3).removed(0).shard_id(), full_);
  EXPECT_EQ(lineage.changes(3).added_size(), 2);
  // Also of one that is no more, but not of one that never was.
  EXPECT_EQ(Lineage("s-0006").changes_size(), 3);
  v1::GetShardLineageRequest never;
  never.set_id("s-0099");
  EXPECT_EQ(FactsOf(Try(&v1::ShardService::Stub::GetShardLineage, never)).reason,
            "SHARD_NOT_FOUND");
}

TEST_F(ShardsTest, TablesAreComparedAsOneChange) {
  Split(SplitOf(full_));
  Split(SplitOf("s-0005"));
  v1::RouteTableDiff diff;
  ASSERT_TRUE(DiffTables(1, 0, &diff).ok());
  EXPECT_EQ(diff.epoch(), 3u);
  ASSERT_EQ(diff.removed_size(), 1);
  EXPECT_EQ(diff.removed(0).shard_id(), full_);
  EXPECT_EQ(diff.added_size(), 3);
  ASSERT_TRUE(DiffTables(1, 2, &diff).ok());
  EXPECT_EQ(diff.added_size(), 2);
  ASSERT_TRUE(DiffTables(2, 2, &diff).ok());
  EXPECT_EQ(diff.added_size() + diff.removed_size(), 0);

  EXPECT_EQ(FactsOf(DiffTables(0, 2, &diff)).field, "from_epoch");
  EXPECT_EQ(FactsOf(DiffTables(3, 2, &diff)).field, "to_epoch");
  EXPECT_EQ(FactsOf(DiffTables(1, 9, &diff)).reason, "EPOCH_COMPACTED");
}

// Plan: a watch from before a split gets the diff; one from before all that is kept, the table.
TEST_F(ShardsTest, TableWatchesFollowAndSayWhenTheyAreTooLate) {
  v1::WatchTableRequest request;
  request.set_start_epoch(1);
  CallScope call;
  const auto reader = daemon_.routing->WatchTable(&call, request);
  v1::WatchTableResponse update;
  ASSERT_TRUE(reader->Read(&update));
  EXPECT_EQ(update.progress_epoch(), 1u);
  Split(SplitOf(full_));
  ASSERT_TRUE(reader->Read(&update));
  EXPECT_EQ(update.diff().epoch(), 2u);
  EXPECT_EQ(update.diff().removed_size(), 1);
  EXPECT_EQ(update.diff().added_size(), 2);
  call.TryCancel();

  // The first child takes over its parent's upper part again and again.
  std::string child = "s-0005";
  for (size_t i = 0; 2 * i < limits::kTablesKept; ++i) {
    Merge(full_, child);
    child = Split(SplitAt(full_, "a7")).shard_change().other_shard_id();
  }
  CallScope late_call;
  const auto late = daemon_.routing->WatchTable(&late_call, request);
  ASSERT_TRUE(late->Read(&update));
  EXPECT_EQ(update.table().epoch(), 2 + limits::kTablesKept);
  EXPECT_EQ(update.table().routes_size(), 5);
  late_call.TryCancel();
  v1::RouteTableDiff diff;
  EXPECT_EQ(FactsOf(DiffTables(2, 0, &diff)).reason, "EPOCH_COMPACTED");
  EXPECT_TRUE(DiffTables(3, 0, &diff).ok());
}

TEST_F(ShardsTest, AChangeThatTakesEffectCannotBeCancelled) {
  daemon_.gate().Shut();
  daemon_.gate().LetThrough(1);
  const v1::Operation first = Begin(&v1::ShardService::Stub::SplitShard, SplitAt(full_, "a7"));
  daemon_.gate().WaitForArrivals(2);  // in the middle of the flip
  v1::CancelOperationRequest request;
  request.set_id(first.id());
  v1::CancelOperationResponse response;
  EXPECT_EQ(FactsOf(Call(daemon_.operations, &v1::OperationService::Stub::CancelOperation, request,
                         &response))
                .reason,
            "OPERATION_ENDED");
  daemon_.gate().Open();
  EXPECT_EQ(Await(first).state(), v1::OPERATION_STATE_SUCCEEDED);
}

struct BadShardRequest {
  std::string name;
  std::function<grpc::Status()> call;
  std::string field;
};

TEST_F(ShardsTest, BadRequestsNameTheField) {
  using Stub = v1::ShardService::Stub;
  const auto split = [this](auto spoil) {
    v1::SplitShardRequest request = SplitOf(full_);
    spoil(request);
    return TrySplit(request);
  };
  const auto pause = [this](int64_t seconds, int32_t nanos) {
    v1::PauseShardRequest request;
    request.set_id(full_);
    request.mutable_duration()->set_seconds(seconds);
    request.mutable_duration()->set_nanos(nanos);
    return Try(&Stub::PauseShard, request);
  };
  const auto pin = [this](int64_t seconds) {
    v1::PinShardRequest request;
    request.set_id(full_);
    request.mutable_duration()->set_seconds(seconds);
    return Try(&Stub::PinShard, request);
  };
  const auto with_id = [this](auto method, auto request) {
    request.set_id("1");
    return Try(method, request);
  };
  const auto move_to = [this](const std::string& home) {
    v1::MoveShardHomeRequest request;
    request.set_id(full_);
    request.set_home(home);
    return Try(&Stub::MoveShardHome, request);
  };
  const int64_t pause_max = absl::ToInt64Seconds(limits::kShardPauseMax);
  const int64_t pin_max = absl::ToInt64Seconds(limits::kShardPinMax);
  const BadShardRequest bad_requests[] = {
      {"split without id", [&] { return split([](auto& r) { r.clear_id(); }); }, "id"},
      {"short key", [&] { return split([](auto& r) { r.set_routing_key("x"); }); }, "routing_key"},
      {"account without id", [&] { return split([](auto& r) { r.mutable_account(); }); },
       "account.id"},
      {"merge with nothing", [&] { return Try(&Stub::MergeShards, MergeOf(full_, "")); },
       "other_id"},
      {"merge with itself", [&] { return Try(&Stub::MergeShards, MergeOf(full_, full_)); },
       "other_id"},
      {"home of another form", [&] { return move_to("h2"); }, "home"},
      {"home meta", [&] { return move_to("meta"); }, "home"},
      {"pause of nothing", [&] { return pause(0, 0); }, "duration"},
      {"pause backwards", [&] { return pause(-1, 0); }, "duration"},
      {"pause of too many nanoseconds", [&] { return pause(1, 2'000'000'000); }, "duration"},
      {"pause for too long", [&] { return pause(pause_max, 1); }, "duration"},
      {"pin of nothing", [&] { return pin(0); }, "duration"},
      {"pin for too long", [&] { return pin(pin_max + 1); }, "duration"},
      {"pause of no shard", [&] { return with_id(&Stub::PauseShard, v1::PauseShardRequest()); },
       "id"},
      {"resume of no shard", [&] { return with_id(&Stub::ResumeShard, v1::ResumeShardRequest()); },
       "id"},
      {"unpin of no shard", [&] { return with_id(&Stub::UnpinShard, v1::UnpinShardRequest()); },
       "id"},
      {"verification of no shard",
       [&] { return with_id(&Stub::VerifyShard, v1::VerifyShardRequest()); }, "id"},
      {"compaction of no shard",
       [&] { return with_id(&Stub::CompactShard, v1::CompactShardRequest()); }, "id"},
      {"lineage of no shard",
       [&] { return with_id(&Stub::GetShardLineage, v1::GetShardLineageRequest()); }, "id"},
  };
  for (const BadShardRequest& bad : bad_requests) {
    SCOPED_TRACE(bad.name);
    const grpc::Status status = bad.call();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    const ErrorFacts facts = FactsOf(status);
    EXPECT_EQ(facts.reason, "INVALID_FIELD");
    EXPECT_EQ(facts.field, bad.field);
  }
  EXPECT_EQ(CountOperations(), 0);
  EXPECT_EQ(Get(full_).state(), v1::SHARD_STATE_ACTIVE);

  EXPECT_TRUE(pin(pin_max).ok());
  EXPECT_TRUE(pause(pause_max, 0).ok());
  v1::ResumeShardRequest resume;
  resume.set_id(full_);
  EXPECT_TRUE(Try(&Stub::ResumeShard, resume).ok());
}

}  // namespace
}  // namespace shardd::rpc
