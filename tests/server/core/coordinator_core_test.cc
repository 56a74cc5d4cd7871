// Plan: drive the coordinator and real shard cores on one store in memory, with every message in
// the test's hands, so that a restart can come between any two steps.

#include "server/core/coordinator_core.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/codec.h"
#include "server/core/shard_core.h"
#include "storage/memory_store.h"
#include "tests/support/record_bytes.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr size_t kShards = 4;

class CoordinatorCoreTest : public testing::Test {
 protected:
  CoordinatorCoreTest() {
    EXPECT_THAT(store_.CreateHome(kTestHome), IsOk());
    Start();
  }

  // As a daemon does: everything from what is stored; messages under way are lost.
  void Start() {
    messages_.clear();
    shards_.clear();
    absl::StatusOr<CoordinatorCore> core = CoordinatorCore::Load(store_, kShards);
    ASSERT_THAT(core, IsOk());
    core_ = std::make_unique<CoordinatorCore>(*std::move(core));
    for (const Route& route : core_->table().routes()) {
      shards_.push_back(std::make_unique<ShardCore>(route, core_->table().epoch(), ShardStats(),
                                                    ShardCore::Options()));
    }
    CoordinatorTurn turn = NewTurn();
    core_->Start(turn);
    Finish(turn);
  }

  // As after splits within the namespace: its accounts lie in three shards.
  void StartWithThreeShardsOf(const std::string& name) {
    const uint64_t high = RangeOfNamespace(name).start.high;
    const RoutingKey first{high, uint64_t{1} << 62};
    const RoutingKey second{high, uint64_t{1} << 63};
    ASSERT_OK_AND_ASSIGN(
        const RouteTable table,
        RouteTable::Make(TableEpoch{2}, {{ShardId{1}, {kFirstRoutingKey, first}, kTestHome},
                                         {ShardId{2}, {first, second}, kTestHome},
                                         {ShardId{3}, {second, std::nullopt}, kTestHome}}));
    storage::WriteSet batch;
    batch.Put(storage::kMeta, "table", table.Encode());
    ASSERT_THAT(store_.Commit(batch), IsOk());
    Start();
  }

  CoordinatorTurn NewTurn() const {
    CoordinatorTurn turn;
    turn.now = now_;
    return turn;
  }

  void Finish(CoordinatorTurn& turn) {
    core_->FinishTurn(turn);
    EXPECT_THAT(store_.Commit(turn.batch), IsOk());
    wake_at_ = turn.wake_at;
    last_effects_ = turn.effects;
    for (CoordinatorEffect& effect : turn.effects) {
      if (auto* reply = std::get_if<CoordinatorReply>(&effect)) {
        EXPECT_FALSE(answers_.contains(reply->call)) << "answered twice";
        answers_.emplace(reply->call, std::move(reply->answer));
      } else if (auto* message = std::get_if<SendToShard>(&effect)) {
        messages_.push_back(std::move(*message));
      } else if (auto* to_range = std::get_if<SendToRange>(&effect)) {
        for (const Route& route : core_->table().routes()) {
          if (!route.range.Overlaps(to_range->range)) continue;
          messages_.push_back(SendToShard{route.shard, to_range->body});
        }
      } else {
        const auto& tables = std::get<PublishTables>(effect);
        if (tables.namespaces != nullptr) published_namespaces_ = tables.namespaces;
        if (tables.operations != nullptr) published_operations_ = tables.operations;
      }
    }
  }

  CallId Send(decltype(CoordinatorRequest::body) body) {
    const CallId call{next_call_++, 0};
    SendAs(call, std::move(body));
    return call;
  }
  void SendAs(CallId call, decltype(CoordinatorRequest::body) body) {
    CoordinatorTurn turn = NewTurn();
    core_->Step(CoordinatorRequest{call, std::move(body)}, turn);
    Finish(turn);
  }
  void Wake() {
    CoordinatorTurn turn = NewTurn();
    Finish(turn);
  }

  // Shards hear of it before anybody can use it.
  absl::StatusOr<NamespaceResult> Create(std::string name, std::string request_id = "") {
    const CallId call = Send(CreateNamespaceRequest{std::move(name), std::move(request_id)});
    DeliverReopenings();
    return As<NamespaceResult>(call);
  }
  void DeliverReopenings() {
    std::deque<SendToShard> others;
    for (SendToShard& message : std::exchange(messages_, {})) {
      if (std::holds_alternative<ReopenNamespace>(message.body)) {
        Deliver(std::move(message));
      } else {
        others.push_back(std::move(message));
      }
    }
    messages_.insert(messages_.begin(), others.begin(), others.end());
  }
  absl::StatusOr<OperationRecord> Delete(std::string name, bool delete_accounts) {
    return As<OperationRecord>(Send(DeleteNamespaceRequest{std::move(name), delete_accounts}));
  }
  absl::StatusOr<OperationRecord> Cancel(OperationId operation) {
    return As<OperationRecord>(Send(CancelOperationRequest{operation}));
  }
  bool Answered(CallId call) const { return answers_.contains(call); }
  template <typename Answer>
  absl::StatusOr<Answer> As(CallId call) const {
    const auto found = answers_.find(call);
    if (found == answers_.end()) return absl::InternalError("not answered");
    if (!found->second.ok()) return found->second.status();
    return std::get<Answer>(*found->second);
  }

  ShardCore& ShardOf(ShardId shard) { return *shards_[shard.value - 1]; }

  // Runs requests in their shard and gives the answers; results of purges go to the coordinator.
  std::vector<Reply> RunInShard(ShardId shard, ShardRequest request) {
    ShardTurn turn;
    turn.now = now_;
    turn.committed = &store_;
    ShardOf(shard).Step(std::move(request), turn);
    ShardOf(shard).FinishTurn(turn);
    EXPECT_THAT(store_.Commit(turn.batch), IsOk());
    std::vector<Reply> replies;
    for (ShardEffect& effect : turn.effects) {
      if (auto* reply = std::get_if<Reply>(&effect)) replies.push_back(std::move(*reply));
      if (auto* result = std::get_if<PurgeResult>(&effect)) {
        CoordinatorTurn next = NewTurn();
        core_->Step(std::move(*result), next);
        Finish(next);
      }
    }
    return replies;
  }
  void Deliver(SendToShard message) {
    ShardRequest request;
    request.body = std::move(message.body);
    EXPECT_TRUE(RunInShard(message.shard, std::move(request)).empty());
  }
  // Delivers the oldest message; false if there is none.
  bool DeliverOne() {
    if (messages_.empty()) return false;
    SendToShard message = std::move(messages_.front());
    messages_.pop_front();
    Deliver(std::move(message));
    return true;
  }
  void DeliverAll() {
    for (int i = 0; i < 100'000; ++i) {
      if (!DeliverOne()) return;
    }
    FAIL() << "messages without end";
  }

  absl::Status Put(const AccountRef& ref) {
    ShardRequest request;
    request.body = ApplyRequest{.account = ref,
                                .request_id = "r",
                                .create_account = true,
                                .mutations = {shardd::Put{"k", "v"}}};
    std::vector<Reply> replies =
        RunInShard(core_->table().Find(ref.routing_key()).shard, std::move(request));
    EXPECT_EQ(replies.size(), 1u);
    return replies[0].answer.status();
  }
  void Fill(const std::string& name, size_t count) {
    for (size_t i = 0; i < count; ++i) ASSERT_THAT(Put({name, absl::StrCat("id", i)}), IsOk());
  }
  size_t CountAccounts() const {
    AccountCursor cursor(store_, kTestHome, {kFirstRoutingKey, std::nullopt});
    size_t count = 0;
    while (cursor.Next()) count += cursor.account().record.exists() ? 1 : 0;
    return count;
  }
  OperationState StateOf(OperationId operation) const {
    return core_->operations().at(operation).state;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
  absl::Time wake_at_;
  storage::MemoryStore store_;
  std::unique_ptr<CoordinatorCore> core_;
  std::vector<std::unique_ptr<ShardCore>> shards_;
  std::deque<SendToShard> messages_;
  std::map<CallId, absl::StatusOr<CoordinatorAnswer>> answers_;
  std::vector<CoordinatorEffect> last_effects_;
  std::shared_ptr<const NamespaceTable> published_namespaces_;
  std::shared_ptr<const OperationTable> published_operations_;
  uint64_t next_call_ = 1;
};

TEST_F(CoordinatorCoreTest, StoresItsTableOnceAndKeepsIt) {
  std::string bytes;
  ASSERT_TRUE(*store_.Get(storage::kMeta, "table", &bytes));
  ASSERT_OK_AND_ASSIGN(const RouteTable stored, RouteTable::Decode(bytes));
  EXPECT_EQ(stored.routes(), RouteTable::Uniform(kShards, kTestHome).routes());
  ASSERT_OK_AND_ASSIGN(const CoordinatorCore again, CoordinatorCore::Load(store_, kShards + 3));
  EXPECT_EQ(again.table().routes().size(), kShards) << "--shards is for an empty folder";
  EXPECT_FALSE(again.first_start());
}

TEST_F(CoordinatorCoreTest, KeysInMeta) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_THAT(Delete("ns", true), IsOk());
  std::string bytes;
  EXPECT_TRUE(*store_.Get(storage::kMeta, "namespace/ns", &bytes));
  EXPECT_TRUE(*store_.Get(storage::kMeta,
                          FromHex("6f7065726174696f6e2f"
                                  "0000000000000001"),
                          &bytes));
}

TEST_F(CoordinatorCoreTest, CreatesNamespaces) {
  now_ += absl::Nanoseconds(1);
  ASSERT_OK_AND_ASSIGN(const NamespaceResult created, Create("ns", "r"));
  EXPECT_EQ(created.name, "ns");
  EXPECT_EQ(created.record.state, NamespaceState::kActive);
  ASSERT_TRUE(published_namespaces_->contains("ns"));
  for (const bool restarted : {false, true}) {
    if (restarted) Start();
    EXPECT_THAT(Create("ns"), HasReason(Reason::kNamespaceExists));
    EXPECT_THAT(Create("ns", "other"), HasReason(Reason::kNamespaceExists));
    ASSERT_OK_AND_ASSIGN(const NamespaceResult repeat, Create("ns", "r"));
    EXPECT_EQ(repeat.record, created.record) << "a repeat gets the first answer";
  }
}

TEST_F(CoordinatorCoreTest, AsManyNamespacesAsAllowed) {
  CoordinatorTurn turn = NewTurn();
  for (size_t i = 0; i < limits::kNamespacesMax; ++i) {
    core_->Step(CoordinatorRequest{CallId{100 + i, 0}, CreateNamespaceRequest{absl::StrCat(i), ""}},
                turn);
  }
  Finish(turn);
  EXPECT_THAT(Create("one-more"), HasReason(Reason::kTooManyNamespaces));
  ASSERT_THAT(Delete("7", false), IsOk());
  DeliverAll();
  EXPECT_THAT(Create("one-more"), IsOk());
}

TEST_F(CoordinatorCoreTest, DeletesAnEmptyNamespace) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", false));
  EXPECT_EQ(begun.id, OperationId{1});
  EXPECT_EQ(begun.kind, OperationKind::kDeleteNamespace);
  EXPECT_EQ(begun.state, OperationState::kRunning);
  EXPECT_EQ(published_namespaces_->at("ns").state, NamespaceState::kDeleting);
  EXPECT_THAT(Delete("ns", true), HasReason(Reason::kNamespaceDeleting));
  DeliverAll();
  const OperationRecord& ended = published_operations_->at(begun.id);
  EXPECT_EQ(ended.state, OperationState::kSucceeded);
  EXPECT_EQ(ended.end_time, now_);
  EXPECT_FALSE(published_namespaces_->contains("ns"));
  EXPECT_THAT(Delete("ns", false), HasReason(Reason::kNamespaceNotFound));
  EXPECT_THAT(Delete("", true), HasReason(Reason::kInvalidField));
  EXPECT_THAT(Create("ns"), IsOk());
  EXPECT_THAT(Put({"ns", "a"}), IsOk()) << "open again in its shards";
}

TEST_F(CoordinatorCoreTest, DeletesANamespaceWithItsAccounts) {
  ASSERT_THAT(Create("ns"), IsOk());
  const size_t count = limits::kPurgeAccountsPerStep * 2 + 7;
  Fill("ns", count);
  Fill("nt", 3);
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", true));
  DeliverAll();
  EXPECT_EQ(StateOf(begun.id), OperationState::kSucceeded);
  EXPECT_EQ(core_->operations().at(begun.id).steps_done, count);
  EXPECT_EQ(CountAccounts(), 3u);
}

// Plan: the namespace must come out of a refused deletion exactly as it was.
TEST_F(CoordinatorCoreTest, RefusesToDeleteWhatHoldsAccounts) {
  ASSERT_THAT(Create("ns"), IsOk());
  Fill("ns", 3);
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", false));
  DeliverAll();
  const OperationRecord& ended = core_->operations().at(begun.id);
  EXPECT_EQ(ended.state, OperationState::kFailed);
  EXPECT_EQ(ended.error_reason, Reason::kNamespaceNotEmpty);
  EXPECT_EQ(core_->namespaces().at("ns").state, NamespaceState::kActive);
  EXPECT_EQ(CountAccounts(), 3u);
  EXPECT_THAT(Put({"ns", "id3"}), IsOk());
}

// Plan: a deletion that is refused must forget nothing on its way: what a deleted account of
// another shard remembers is still there, so that a late duplicate does not take effect.
TEST_F(CoordinatorCoreTest, ARefusedDeletionForgetsNothing) {
  ASSERT_THAT(Create("ns"), IsOk());
  Fill("ns", 8);
  for (int i = 0; i < 7; ++i) {
    const AccountRef gone{"ns", absl::StrCat("id", i)};
    ShardRequest deletion;
    deletion.body = DeleteAccountRequest{gone, /*request_id=*/"", /*expected_revision=*/0};
    RunInShard(core_->table().Find(gone.routing_key()).shard, std::move(deletion));
  }
  ASSERT_EQ(CountAccounts(), 1u);
  ASSERT_THAT(Delete("ns", false), IsOk());
  DeliverAll();
  Fill("ns", 8);  // the same requests again: they get their first answers
  EXPECT_EQ(CountAccounts(), 1u);
}

// Plan: a request let in before a deletion reaches its shard after it; it must not leave an account
// in a namespace that does not exist. The namespace is open again when it is created again.
TEST_F(CoordinatorCoreTest, ANamespaceThatIsGoneStaysClosed) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_THAT(Delete("ns", true), IsOk());
  DeliverAll();
  ASSERT_FALSE(core_->namespaces().contains("ns"));
  EXPECT_THAT(Put({"ns", "late"}), HasReason(Reason::kNamespaceDeleting));
  ASSERT_THAT(Create("ns"), IsOk());
  EXPECT_THAT(Put({"ns", "late"}), IsOk());
}

// Plan: the first turn of an empty daemon; whoever asks finds something, be it empty.
TEST_F(CoordinatorCoreTest, TheFirstTurnPublishesEverything) {
  const auto found =
      std::find_if(last_effects_.begin(), last_effects_.end(), [](const CoordinatorEffect& effect) {
        return std::holds_alternative<PublishTables>(effect);
      });
  ASSERT_NE(found, last_effects_.end());
  const auto& tables = std::get<PublishTables>(*found);
  EXPECT_NE(tables.routing, nullptr);
  EXPECT_NE(tables.namespaces, nullptr);
  EXPECT_NE(tables.operations, nullptr);
  EXPECT_NE(tables.notes, nullptr);
  EXPECT_NE(tables.lineage, nullptr);
}

// Plan: when a deletion ends, shards open the namespace before anybody is told that it is open.
TEST_F(CoordinatorCoreTest, ShardsHearFirstThenEverybody) {
  ASSERT_THAT(Create("ns"), IsOk());
  Fill("ns", 1);
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", false));
  Send(WaitOperationRequest{begun.id, absl::InfiniteFuture()});
  while (StateOf(begun.id) == OperationState::kRunning) ASSERT_TRUE(DeliverOne());
  int stage = 0;
  for (const CoordinatorEffect& effect : last_effects_) {
    const int now = std::holds_alternative<SendToRange>(effect)     ? 1
                    : std::holds_alternative<PublishTables>(effect) ? 2
                                                                    : 3;
    EXPECT_GE(now, stage);
    stage = now;
  }
  EXPECT_EQ(stage, 3);
}

// Plan: restart after every possible number of delivered messages; the deletion always ends, and
// deletes everything.
TEST_F(CoordinatorCoreTest, ADeletionSurvivesARestartAtAnyStep) {
  for (int delivered = 0; delivered < 12; ++delivered) {
    ASSERT_THAT(Create("ns"), IsOk());
    Fill("ns", limits::kPurgeAccountsPerStep + 3);
    ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", true));
    for (int i = 0; i < delivered; ++i) DeliverOne();
    Start();
    DeliverAll();
    EXPECT_EQ(StateOf(begun.id), OperationState::kSucceeded) << delivered;
    EXPECT_EQ(CountAccounts(), 0u) << delivered;
    EXPECT_FALSE(core_->namespaces().contains("ns")) << delivered;
  }
}

TEST_F(CoordinatorCoreTest, ACancelledDeletionStops) {
  for (const bool restarted : {false, true}) {
    ASSERT_THAT(Create("ns"), restarted ? testing::Matcher<absl::StatusOr<NamespaceResult>>(
                                              HasReason(Reason::kNamespaceExists))
                                        : IsOk());
    Fill("ns", limits::kPurgeAccountsPerStep * 3);
    ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", true));
    ASSERT_OK_AND_ASSIGN(const OperationRecord cancelled, Cancel(begun.id));
    EXPECT_EQ(cancelled.state, OperationState::kCancelling);
    EXPECT_THAT(Cancel(begun.id), IsOk()) << "twice is harmless";
    const size_t before = CountAccounts();
    if (restarted) Start();
    DeliverAll();
    EXPECT_EQ(StateOf(begun.id), OperationState::kCancelled);
    EXPECT_GT(CountAccounts(), 0u);
    if (restarted) {
      EXPECT_EQ(CountAccounts(), before) << "nothing was under way any more";
    }
    EXPECT_EQ(core_->namespaces().at("ns").state, NamespaceState::kActive);
    EXPECT_EQ(published_namespaces_->at("ns").state, NamespaceState::kActive);
    EXPECT_THAT(Put({"ns", "one-more"}), IsOk());
    EXPECT_THAT(Cancel(begun.id), HasReason(Reason::kOperationEnded));
  }
  EXPECT_THAT(Cancel(OperationId{99}), HasReason(Reason::kOperationNotFound));
}

// Plan: results of an operation that has ended, or never was, change nothing.
TEST_F(CoordinatorCoreTest, LateResultsAreIgnored) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", false));
  DeliverAll();
  ASSERT_THAT(Create("ns"), IsOk());
  for (const OperationId id : {begun.id, OperationId{77}}) {
    CoordinatorTurn turn = NewTurn();
    PurgeResult late;
    late.operation = id;
    late.shard = ShardId{1};
    late.holds_accounts = true;
    core_->Step(std::move(late), turn);
    EXPECT_TRUE(turn.batch.empty());
    Finish(turn);
    EXPECT_TRUE(last_effects_.empty());
  }
  EXPECT_EQ(StateOf(begun.id), OperationState::kSucceeded);
}

// Plan: one shard fails its step while the others are at theirs; the operation fails, but not
// before all have answered, and sends no further step meanwhile. A cancellation changes nothing.
TEST_F(CoordinatorCoreTest, AFailedStepFailsTheDeletionOnceEveryShardHasAnswered) {
  StartWithThreeShardsOf("ns");
  for (const bool cancelled : {false, true}) {
    SCOPED_TRACE(cancelled);
    if (!cancelled) {
      ASSERT_THAT(Create("ns"), IsOk());
    }
    Fill("ns", limits::kPurgeAccountsPerStep * 8);
    ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", true));
    const size_t steps = messages_.size();
    ASSERT_EQ(steps, 3u);
    PurgeResult broken;
    broken.operation = begun.id;
    broken.shard = messages_.front().shard;
    broken.status = Error(Reason::kStorageCorrupt, "cannot be read");
    messages_.pop_front();
    CoordinatorTurn turn = NewTurn();
    core_->Step(std::move(broken), turn);
    Finish(turn);
    if (cancelled) {
      ASSERT_THAT(Cancel(begun.id), IsOk());
    }
    for (size_t left = steps - 1; left > 0; --left) {
      EXPECT_EQ(messages_.size(), left) << "a further step was sent";
      EXPECT_TRUE(core_->operations().at(begun.id).running());
      EXPECT_EQ(published_namespaces_->at("ns").state, NamespaceState::kDeleting);
      ASSERT_TRUE(DeliverOne());
    }
    EXPECT_EQ(StateOf(begun.id), OperationState::kFailed);
    EXPECT_EQ(core_->operations().at(begun.id).error_reason, Reason::kStorageCorrupt);
    EXPECT_EQ(core_->namespaces().at("ns").state, NamespaceState::kActive);
    const size_t held = CountAccounts();
    DeliverAll();  // shards hear that the namespace is open again
    EXPECT_EQ(CountAccounts(), held);
  }
}

TEST_F(CoordinatorCoreTest, WaitsForAnOperation) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", false));
  const absl::Time later = now_ + absl::Seconds(5);
  const CallId patient = Send(WaitOperationRequest{begun.id, absl::InfiniteFuture()});
  const CallId hasty = Send(WaitOperationRequest{begun.id, later});
  EXPECT_EQ(wake_at_, later);
  const CallId glance = Send(WaitOperationRequest{begun.id, now_});
  EXPECT_TRUE(Answered(glance));
  EXPECT_FALSE(Answered(hasty));
  now_ = later;
  Wake();
  ASSERT_OK_AND_ASSIGN(const OperationRecord running, As<OperationRecord>(hasty));
  EXPECT_EQ(running.state, OperationState::kRunning);
  EXPECT_FALSE(Answered(patient));
  EXPECT_EQ(wake_at_, absl::InfiniteFuture());
  DeliverAll();
  ASSERT_OK_AND_ASSIGN(const OperationRecord ended, As<OperationRecord>(patient));
  EXPECT_EQ(ended.state, OperationState::kSucceeded);
  EXPECT_TRUE(Answered(Send(WaitOperationRequest{begun.id, absl::InfiniteFuture()})))
      << "it has ended already";
  EXPECT_THAT(As<OperationRecord>(Send(WaitOperationRequest{OperationId{9}, later})),
              HasReason(Reason::kOperationNotFound));
}

TEST_F(CoordinatorCoreTest, StopWaitingAnswersOnce) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", false));
  const CallId call = Send(WaitOperationRequest{begun.id, absl::InfiniteFuture()});
  SendAs(call, StopWaiting{});
  EXPECT_TRUE(Answered(call));
  SendAs(call, StopWaiting{});  // Finish checks that nobody is answered twice
  DeliverAll();
}

TEST_F(CoordinatorCoreTest, EndWaitsAnswersEverybody) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", false));
  const CallId call = Send(WaitOperationRequest{begun.id, absl::InfiniteFuture()});
  CoordinatorTurn turn = NewTurn();
  core_->EndWaits(turn);
  Finish(turn);
  EXPECT_THAT(As<OperationRecord>(call), HasReason(Reason::kDraining));
}

TEST_F(CoordinatorCoreTest, AsManyWaitersAsAllowed) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, Delete("ns", false));
  const WaitOperationRequest wait{begun.id, absl::InfiniteFuture()};
  for (size_t i = 0; i < limits::kOperationWaitersMax; ++i) ASSERT_FALSE(Answered(Send(wait)));
  EXPECT_THAT(As<OperationRecord>(Send(wait)), HasReason(Reason::kTooManyCalls));
  DeliverAll();
  EXPECT_EQ(answers_.size(), limits::kOperationWaitersMax + 3);
}

TEST_F(CoordinatorCoreTest, AsManyOperationsAsMayRun) {
  for (size_t i = 0; i <= limits::kOperationsRunningMax; ++i) {
    ASSERT_THAT(Create(absl::StrCat(i)), IsOk());
  }
  for (size_t i = 0; i < limits::kOperationsRunningMax; ++i) {
    ASSERT_THAT(Delete(absl::StrCat(i), false), IsOk());
  }
  const std::string last = absl::StrCat(limits::kOperationsRunningMax);
  const absl::Status refused = Delete(last, false).status();
  EXPECT_THAT(refused, HasReason(Reason::kTooManyCalls));
  EXPECT_TRUE(RetryAfterOf(refused).has_value());
  EXPECT_EQ(core_->namespaces().at(last).state, NamespaceState::kActive);
  DeliverAll();
  EXPECT_THAT(Delete(last, false), IsOk());
}

// Plan: one more than are kept; the oldest is forgotten, also after a restart, ids are not reused.
TEST_F(CoordinatorCoreTest, ForgetsTheOldestOperations) {
  for (size_t i = 0; i < limits::kOperationsKept + 2; ++i) {
    ASSERT_THAT(Create("ns"), IsOk());
    ASSERT_THAT(Delete("ns", false), IsOk());
    DeliverAll();
  }
  for (const bool restarted : {false, true}) {
    if (restarted) Start();
    EXPECT_EQ(core_->operations().size(), limits::kOperationsKept);
    EXPECT_FALSE(core_->operations().contains(OperationId{2}));
    EXPECT_TRUE(core_->operations().contains(OperationId{3}));
  }
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_OK_AND_ASSIGN(const OperationRecord next, Delete("ns", false));
  EXPECT_EQ(next.id, OperationId{limits::kOperationsKept + 3});
}

TEST_F(CoordinatorCoreTest, DoesNotLoadWhatItCannotRead) {
  ASSERT_THAT(Create("ns"), IsOk());
  ASSERT_THAT(Delete("ns", false), IsOk());
  const std::string operation = ByteWriter().Raw("operation/").Fixed64(1).Take();
  for (const std::string& key : {std::string("table"), std::string("namespace/ns"), operation}) {
    std::string before;
    ASSERT_TRUE(*store_.Get(storage::kMeta, key, &before));
    storage::WriteSet spoil;
    spoil.Put(storage::kMeta, key, "garbage");
    ASSERT_THAT(store_.Commit(spoil), IsOk());
    EXPECT_THAT(CoordinatorCore::Load(store_, kShards).status(),
                HasReason(Reason::kStorageCorrupt));
    storage::WriteSet restore;
    restore.Put(storage::kMeta, key, before);
    ASSERT_THAT(store_.Commit(restore), IsOk());
  }
  EXPECT_THAT(CoordinatorCore::Load(store_, kShards).status(), IsOk());
  storage::WriteSet lose;
  lose.Delete(storage::kMeta, "namespace/ns");
  ASSERT_THAT(store_.Commit(lose), IsOk());
  EXPECT_THAT(CoordinatorCore::Load(store_, kShards).status(), HasReason(Reason::kStorageCorrupt))
      << "a running deletion of nothing";
}

}  // namespace
}  // namespace shardd
