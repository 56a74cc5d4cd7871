// Plan: drive the coordinator and real shard cores on one store in memory, one message at a time,
// with writes between any two; refuse what cannot be done, and cancel and restart at every step:
// what comes out is always a whole table whose shards hold and count what was written.

#include "server/core/shard_changes.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/core/coordinator_core.h"
#include "server/core/meta_records.h"
#include "server/core/shard_core.h"
#include "server/runtime/survey.h"
#include "storage/memory_store.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr storage::Family kHome{1};
constexpr storage::Family kOther{2};
constexpr int kWrittenAccounts = 24;
constexpr int kStepsMax = 2000;

// A daemon without threads: everything that is under way lies in the test's hands.
class World {
 public:
  explicit World(size_t shards = 2) : shards_(shards) {
    Start();
    for (int i = 0; i < 2 * kWrittenAccounts; ++i) Write();
  }

  // As a daemon does: everything from what is stored; what was under way is lost.
  void Start() {
    under_way_.clear();
    owners_.clear();
    absl::StatusOr<CoordinatorCore> core = CoordinatorCore::Load(store_, shards_);
    ASSERT_THAT(core, IsOk());
    core_ = std::make_unique<CoordinatorCore>(*std::move(core));
    const std::vector<storage::Family> known = core_->Homes();
    for (const storage::Family home : store_.Homes()) {
      EXPECT_NE(std::find(known.begin(), known.end(), home), known.end()) << "nobody's home";
    }
    for (const Route& route : table().routes()) {
      if (core_->first_start()) {
        ASSERT_THAT(store_.CreateHome(route.home), IsOk());
      }
      Own(std::make_unique<ShardCore>(route, table().epoch(), StatsOf(route.shard), options_));
      std::string bytes;
      if (!*store_.Get(storage::kMeta, RehomeKey(route.shard), &bytes)) continue;
      ASSERT_OK_AND_ASSIGN(RehomeRecord rehome, RehomeRecord::Decode(bytes));
      owners_.at(route.shard).core->TakeUp(std::move(rehome));
    }
    CoordinatorTurn turn = NewTurn();
    core_->Start(turn);
    static_cast<void>(Finish(std::move(turn)));
  }

  // Asks the coordinator.
  template <typename Answer = OperationRecord>
  absl::StatusOr<Answer> Ask(decltype(CoordinatorRequest::body) body) {
    CoordinatorTurn turn = NewTurn();
    core_->Step(CoordinatorRequest{CallId{next_call_++, 0}, std::move(body)}, turn);
    absl::StatusOr<CoordinatorAnswer> answer = Finish(std::move(turn));
    if (!answer.ok()) return answer.status();
    return std::get<Answer>(*answer);
  }

  // Hands over what has waited longest, or takes a step of a rehome; false: all is quiet.
  bool Step() {
    if (!under_way_.empty()) {
      Message message = std::move(under_way_.front());
      under_way_.pop_front();
      std::visit([this](auto&& body) { Handle(std::move(body)); }, std::move(message));
      return true;
    }
    for (auto& [shard, owner] : owners_) {
      if (owner.wake_at > now_) continue;
      RunIn(owner, [](ShardTurn&) {});
      return true;
    }
    return false;
  }
  // The same, with a write after each.
  void Steps(int count) {
    for (int i = 0; i < count && Step(); ++i) Write();
  }
  void RunToTheEnd() {
    for (int i = 0; i < kStepsMax; ++i) {
      if (!Step()) return;
      Write();
    }
    FAIL() << "steps without end";
  }

  // Writes to the next account, if its shard takes requests now.
  void Write() {
    const AccountRef account{"ns", absl::StrCat("id", next_write_++ % kWrittenAccounts)};
    const auto owner = std::find_if(owners_.begin(), owners_.end(), [&](const auto& candidate) {
      const ShardCore& core = *candidate.second.core;
      return core.route().range.Contains(account.routing_key()) && core.TakesRequests(now_);
    });
    if (owner == owners_.end()) return;
    ShardRequest request;
    request.body = ApplyRequest{.account = account,
                                .create_account = true,
                                .mutations = {Put{"k", absl::StrCat(next_write_)}}};
    written_ = false;
    RunIn(owner->second,
          [&](ShardTurn& turn) { owner->second.core->Step(std::move(request), turn); });
    EXPECT_TRUE(written_) << account.id;
    values_[account] = absl::StrCat(next_write_);
  }

  // Everything that was written is where the table says, is counted, and nothing else is anywhere.
  void ExpectWhole() {
    for (const auto& [id, operation] : core_->operations()) {
      EXPECT_FALSE(operation.running()) << operation.status_message;
    }
    std::string bytes;
    ASSERT_TRUE(*store_.Get(storage::kMeta, "table", &bytes));
    ASSERT_OK_AND_ASSIGN(const RouteTable stored, RouteTable::Decode(bytes));
    EXPECT_EQ(stored.epoch(), table().epoch());
    EXPECT_EQ(stored.routes(), table().routes());
    EXPECT_EQ(owners_.size(), table().routes().size());
    for (const Route& route : table().routes()) ExpectWhole(route);
    for (const auto& [account, value] : values_) {
      const absl::StatusOr<GetResult> found =
          ShardReader(store_, table().Find(account.routing_key()).home).Get({account, {"k"}});
      ASSERT_THAT(found, IsOk()) << account.id;
      ASSERT_EQ(found->entries.size(), 1u);
      EXPECT_EQ(found->entries[0].value, value);
    }
    EXPECT_EQ(store_.Homes(), core_->Homes());
    ExpectNothingBeside();
  }

  SurveyTotals Survey(const KeyRange& range, storage::Family home) {
    const SurveyOrder order{OperationId{}, ShardId{}, SurveyPurpose::kVerify, home, range, {}};
    const SurveyDone done = *RunSurvey(store_, order, [](const SurveyTotals&) { return true; });
    EXPECT_EQ(done.error_count, 0u) << done.first_error;
    return done.totals;
  }

  size_t under_way() const { return under_way_.size(); }
  const std::vector<OperationId>& cancelled_jobs() const { return cancelled_jobs_; }
  CoordinatorCore& core() { return *core_; }
  const ShardCore& owner(ShardId shard) const { return *owners_.at(shard).core; }
  const RouteTable& table() const { return core_->table(); }
  const OperationRecord& operation(OperationId id) const { return core_->operations().at(id); }
  storage::MemoryStore& store() { return store_; }
  const std::shared_ptr<const ShardNotes>& notes() const { return notes_; }
  const std::shared_ptr<const Lineage>& lineage() const { return lineage_; }
  const std::map<AccountRef, std::string>& values() const { return values_; }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);

 private:
  struct Owner {
    std::unique_ptr<ShardCore> core;
    absl::Time wake_at = absl::InfinitePast();
  };
  // With the store as it was when it was ordered.
  struct OrderedSurvey {
    SurveyOrder order;
    std::shared_ptr<const storage::Reader> view;
  };
  using Message = std::variant<CommandShard, ShardReport, OrderedSurvey, DropHome, CompactRange>;

  void Own(std::unique_ptr<ShardCore> core) {
    const ShardId shard = core->shard();
    owners_[shard] = Owner{std::move(core)};
  }
  ShardStats StatsOf(ShardId shard) const {
    std::string bytes;
    if (!*store_.Get(storage::kMeta, ShardStatsKey(shard), &bytes)) return {};
    const auto stats = ShardStats::Decode(bytes);
    EXPECT_THAT(stats, IsOk());
    return *stats;
  }

  CoordinatorTurn NewTurn() const {
    CoordinatorTurn turn;
    turn.now = now_;
    return turn;
  }
  // The last answer.
  absl::StatusOr<CoordinatorAnswer> Finish(CoordinatorTurn turn) {
    absl::StatusOr<CoordinatorAnswer> answer = absl::InternalError("not answered");
    core_->FinishTurn(turn);
    EXPECT_THAT(store_.Commit(turn.batch), IsOk());
    for (CoordinatorEffect& effect : turn.effects) {
      if (auto* reply = std::get_if<CoordinatorReply>(&effect)) answer = std::move(reply->answer);
      if (auto* command = std::get_if<CommandShard>(&effect)) Send(std::move(*command));
      if (auto* create = std::get_if<CreateHome>(&effect)) {
        EXPECT_THAT(store_.CreateHome(create->home), IsOk());
      }
      if (auto* drop = std::get_if<DropHome>(&effect)) Send(*drop);
      if (auto* compact = std::get_if<CompactRange>(&effect)) Send(*compact);
      if (auto* forget = std::get_if<ForgetShard>(&effect)) owners_.erase(forget->shard);
      if (auto* cancel = std::get_if<CancelJob>(&effect))
        cancelled_jobs_.push_back(cancel->operation);
      if (auto* tables = std::get_if<PublishTables>(&effect)) {
        if (tables->notes != nullptr) notes_ = tables->notes;
        if (tables->lineage != nullptr) lineage_ = tables->lineage;
      }
    }
    return answer;
  }
  template <typename Result>
  void Tell(Result result) {
    CoordinatorTurn turn = NewTurn();
    core_->Step(std::move(result), turn);
    static_cast<void>(Finish(std::move(turn)));
  }
  template <typename Body>
  void Send(Body body) {
    under_way_.push_back(std::move(body));
  }

  void RunIn(Owner& owner, const std::function<void(ShardTurn&)>& run) {
    ShardTurn turn;
    turn.now = now_;
    turn.committed = &store_;
    run(turn);
    owner.core->FinishTurn(turn);
    EXPECT_THAT(store_.Commit(turn.batch), IsOk());
    owner.wake_at = turn.wake_at;
    for (ShardEffect& effect : turn.effects) {
      if (const auto* reply = std::get_if<Reply>(&effect)) written_ = reply->answer.ok();
      if (auto* report = std::get_if<ShardReport>(&effect)) Send(std::move(*report));
      if (auto* cancel = std::get_if<CancelJob>(&effect))
        cancelled_jobs_.push_back(cancel->operation);
      if (auto* order = std::get_if<SurveyOrder>(&effect)) {
        Send(OrderedSurvey{*order, store_.Snapshot()});
      }
      if (auto* start = std::get_if<StartShard>(&effect)) {
        Own(std::make_unique<ShardCore>(start->route, start->epoch, std::move(*start->state),
                                        options_));
      }
    }
  }

  void Handle(CommandShard command) {
    const auto found = owners_.find(command.shard);
    if (found == owners_.end()) return;  // it has ended, and the coordinator will hear of it
    Owner& owner = found->second;
    RunIn(owner, [&](ShardTurn& turn) { owner.core->Step(std::move(command.command), turn); });
  }
  void Handle(ShardReport report) { Tell(std::move(report)); }
  void Handle(OrderedSurvey ordered) {
    Tell(*RunSurvey(*ordered.view, ordered.order, [](const SurveyTotals&) { return true; }));
  }
  void Handle(DropHome drop) {
    EXPECT_THAT(store_.DropHome(drop.home), IsOk());
    Tell(HomeDropped{drop.operation});
  }
  void Handle(CompactRange order) { Tell(RangeCompacted{order.operation, absl::OkStatus()}); }

  void ExpectWhole(const Route& route) {
    ASSERT_TRUE(owners_.contains(route.shard));
    const ShardCore& owner = *owners_.at(route.shard).core;
    EXPECT_EQ(owner.route(), route);
    const SurveyTotals totals = Survey(route.range, route.home);
    EXPECT_EQ(owner.stats().account_count, totals.account_count);
    EXPECT_EQ(owner.stats().entry_count, totals.entry_count);
    EXPECT_EQ(owner.stats().byte_count, totals.byte_count);
    EXPECT_EQ(StatsOf(route.shard), owner.stats());
  }
  void ExpectNothingBeside() {
    for (const storage::Family home : store_.Homes()) {
      const auto cursor = store_.NewCursor(home, {});
      for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
        const auto key = RoutingKeyFromBytes(cursor->key().substr(0, kRoutingKeyBytes));
        ASSERT_TRUE(key.has_value());
        EXPECT_EQ(table().Find(*key).home, home) << "left behind";
      }
    }
    EXPECT_THAT(ForEachRecord(store_, "rehome/",
                              [](absl::string_view, absl::string_view) {
                                return absl::InternalError("a rehome is left");
                              }),
                IsOk());
    size_t counted = 0;
    EXPECT_THAT(ForEachRecord(store_, "shard/",
                              [&](absl::string_view, absl::string_view) {
                                ++counted;
                                return absl::OkStatus();
                              }),
                IsOk());
    EXPECT_LE(counted, table().routes().size()) << "statistics of a shard that is no more";
  }

  const size_t shards_;
  const ShardCore::Options options_ = {.rehome_pace = {6, size_t{1} << 20}};
  storage::MemoryStore store_;
  std::unique_ptr<CoordinatorCore> core_;
  std::vector<OperationId> cancelled_jobs_;
  std::map<ShardId, Owner> owners_;
  std::deque<Message> under_way_;
  std::map<AccountRef, std::string> values_;
  std::shared_ptr<const ShardNotes> notes_;
  std::shared_ptr<const Lineage> lineage_;
  uint64_t next_write_ = 0;
  bool written_ = false;
  uint64_t next_call_ = 1;
};

// All accounts of one namespace lie close together: shards of their own for its halves.
constexpr ShardId kFirst{1};
constexpr ShardId kSecond{2};

// The middle account of those that were written.
RoutingKey MiddleOf(const World& world) {
  std::vector<RoutingKey> keys;
  for (const auto& [account, value] : world.values()) keys.push_back(account.routing_key());
  std::sort(keys.begin(), keys.end());
  return keys.at(keys.size() / 2);
}
ShardId OwnerOfAll(const World& world) { return world.table().Find(MiddleOf(world)).shard; }
SplitShardRequest SplitAll(const World& world) { return {OwnerOfAll(world), MiddleOf(world), {}}; }

// One kind of change of a world that is made ready for it.
struct Case {
  const char* name;
  std::function<void(World&)> prepare;
  std::function<decltype(CoordinatorRequest::body)(World&)> request;
  size_t shards_after;
};

void Do(World& world, decltype(CoordinatorRequest::body) body) {
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(std::move(body)));
  world.RunToTheEnd();
  ASSERT_EQ(world.operation(begun.id).state, OperationState::kSucceeded)
      << world.operation(begun.id).error_message;
}
void SplitOnce(World& world) { Do(world, SplitAll(world)); }
// The accounts lie in the parent and in shard 3, and that in a home of its own.
void SplitAndMove(World& world) {
  SplitOnce(world);
  Do(world, MoveHomeRequest{ShardId{3}, std::nullopt, {}});
}
ShardId ParentOf(const World& world) {
  const std::vector<Route>& routes = world.table().routes();
  const auto child = std::find_if(routes.begin(), routes.end(),
                                  [](const Route& route) { return route.shard == ShardId{3}; });
  return std::prev(child)->shard;
}

std::vector<Case> Cases() {
  const auto nothing = [](World&) {};
  return {
      {"split", nothing, [](World& world) { return SplitAll(world); }, 3},
      {"split in half", nothing,
       [](World& world) {
         return SplitShardRequest{OwnerOfAll(world), std::nullopt, {}};
       },
       3},
      {"merge", SplitOnce,
       [](World& world) {
         return MergeShardsRequest{ParentOf(world), ShardId{3}, {}};
       },
       2},
      {"merge into the upper", SplitOnce,
       [](World& world) {
         return MergeShardsRequest{ShardId{3}, ParentOf(world), {}};
       },
       2},
      {"merge of two homes", SplitAndMove,
       [](World& world) {
         return MergeShardsRequest{ParentOf(world), ShardId{3}, {}};
       },
       2},
      {"rehome to a new home", SplitOnce,
       [](World&) {
         return MoveHomeRequest{ShardId{3}, std::nullopt, {}};
       },
       3},
      {"rehome to the home of others", SplitAndMove,
       [](World&) {
         return MoveHomeRequest{ShardId{3}, kHome, {}};
       },
       3},
  };
}

// How many steps it takes when nothing comes between.
int StepsOf(const Case& change) {
  World world;
  change.prepare(world);
  EXPECT_THAT(world.Ask(change.request(world)), IsOk());
  int steps = 0;
  for (; steps < kStepsMax && world.Step(); ++steps) world.Write();
  EXPECT_GT(steps, 2);
  return steps;
}

TEST(ShardChangesTest, EachChangeKeepsEverything) {
  for (const Case& change : Cases()) {
    SCOPED_TRACE(change.name);
    World world;
    change.prepare(world);
    const TableEpoch before = world.table().epoch();
    Do(world, change.request(world));
    world.ExpectWhole();
    EXPECT_EQ(world.table().routes().size(), change.shards_after);
    EXPECT_GT(world.table().epoch(), before);
    EXPECT_EQ(world.lineage()->size(), world.table().epoch().value - 1) << "one for each epoch";
  }
}

TEST(ShardChangesTest, ARestartAtAnyStepEndsInAWholeTable) {
  for (const Case& change : Cases()) {
    for (int steps = 0, all = StepsOf(change); steps <= all; ++steps) {
      SCOPED_TRACE(absl::StrCat(change.name, ", restart after ", steps, " of ", all));
      World world;
      change.prepare(world);
      ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(change.request(world)));
      world.Steps(steps);
      world.Start();
      world.Steps(1);
      world.Start();
      world.RunToTheEnd();
      world.ExpectWhole();
      EXPECT_EQ(world.operation(begun.id).state, OperationState::kSucceeded);
      EXPECT_EQ(world.table().routes().size(), change.shards_after);
      world.Start();
      world.ExpectWhole();
      if (testing::Test::HasFailure()) return;
    }
  }
}

// Plan: cancelled in time, all shards have the ranges they had; too late, it has succeeded. With a
// restart right after it, or not.
TEST(ShardChangesTest, ACancellationAtAnyStepEndsInAWholeTable) {
  for (const Case& change : Cases()) {
    int cancelled = 0;
    for (int steps = 0, all = StepsOf(change); steps < 2 * all; ++steps) {
      const bool restart = steps % 2 == 1;
      SCOPED_TRACE(absl::StrCat(change.name, ", cancelled after ", steps / 2, " of ", all,
                                restart ? ", then a restart" : ""));
      World world;
      change.prepare(world);
      const size_t shards_before = world.table().routes().size();
      ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(change.request(world)));
      world.Steps(steps / 2);
      const bool ended = !world.operation(begun.id).running();
      const bool asked = world.Ask(CancelOperationRequest{begun.id}).ok();
      EXPECT_TRUE(!ended || !asked);
      if (restart) world.Start();
      world.RunToTheEnd();
      world.ExpectWhole();
      const bool in_vain = world.operation(begun.id).state == OperationState::kCancelled;
      cancelled += in_vain ? 1 : 0;
      EXPECT_EQ(in_vain, asked) << "whoever is told that it is cancelled finds it cancelled";
      if (!in_vain) {
        EXPECT_EQ(world.operation(begun.id).state, OperationState::kSucceeded);
      }
      EXPECT_EQ(world.table().routes().size(), in_vain ? shards_before : change.shards_after);
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(cancelled, 0) << change.name;
  }
}

TEST(ShardChangesTest, OneOperationWorksOnAShard) {
  World world;
  const ShardId shard = OwnerOfAll(world);
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(SplitAll(world)));
  EXPECT_EQ(world.notes()->at(shard).operation, begun.id);
  const absl::Status busy = world.Ask(SplitAll(world)).status();
  EXPECT_THAT(busy, HasReason(Reason::kShardBusy));
  EXPECT_TRUE(RetryAfterOf(busy).has_value());
  EXPECT_THAT(world.Ask(MoveHomeRequest{shard, std::nullopt, {}}), HasReason(Reason::kShardBusy));
  EXPECT_THAT(world.Ask(MergeShardsRequest{kFirst, kSecond, {}}), HasReason(Reason::kShardBusy));
  EXPECT_THAT(world.Ask(VerifyShardRequest{shard}), HasReason(Reason::kShardBusy));
  EXPECT_THAT(world.Ask(CompactShardRequest{shard}), HasReason(Reason::kShardBusy));
  world.RunToTheEnd();
  EXPECT_EQ(world.notes()->at(shard).operation, OperationId{});
  EXPECT_THAT(world.Ask(VerifyShardRequest{shard}), IsOk());
}

// Plan: a merge takes over when its parts were last split, a move changes nothing of that; the
// balancer goes by it after a restart as before.
TEST(ShardChangesTest, AgesOfShardsSurviveARestart) {
  World world;
  const ShardId parent = OwnerOfAll(world);
  SplitAndMove(world);
  world.now_ += absl::Hours(1);
  Do(world, MergeShardsRequest{parent, ShardId{3}, {}});
  const ShardNotes before = *world.notes();
  world.Start();
  int split_once = 0;
  for (const Route& route : world.table().routes()) {
    const ShardNote& note = world.notes()->at(route.shard);
    EXPECT_EQ(note.last_change, before.at(route.shard).last_change) << ToText(route.shard);
    EXPECT_EQ(note.last_split, before.at(route.shard).last_split) << ToText(route.shard);
    if (note.last_split == absl::InfinitePast()) continue;
    ++split_once;
    EXPECT_GT(note.last_change, note.last_split);
  }
  EXPECT_EQ(split_once, 1);
}

// Plan: pause a shard that is being split, at every step of it; both halves must be paused in the
// end, and a resume of one must not wake the other.
TEST(ShardChangesTest, APauseGoesWithTheRange) {
  for (int steps = 0; steps < 20; ++steps) {
    World world;
    const ShardId shard = OwnerOfAll(world);
    ASSERT_THAT(world.Ask(SplitAll(world)), IsOk());
    for (int i = 0; i < steps; ++i) world.Step();
    const bool split = world.table().FindShard(ShardId{3}) != nullptr;
    const absl::Time until = world.now_ + absl::Hours(1);
    ASSERT_THAT(world.Ask<ShardNote>(PauseShardRequest{shard, until}), IsOk());
    world.RunToTheEnd();
    EXPECT_FALSE(world.owner(shard).TakesRequests(world.now_));
    EXPECT_EQ(world.owner(ShardId{3}).TakesRequests(world.now_), split);
    EXPECT_EQ(world.notes()->at(ShardId{3}).paused_until == until, !split);
    ASSERT_THAT(world.Ask<ShardNote>(PauseShardRequest{shard, world.now_}), IsOk());
    world.RunToTheEnd();
    EXPECT_TRUE(world.owner(shard).TakesRequests(world.now_));
    EXPECT_EQ(world.owner(ShardId{3}).TakesRequests(world.now_), split);
    world.now_ = until;
    EXPECT_TRUE(world.owner(ShardId{3}).TakesRequests(world.now_));
    world.ExpectWhole();
  }
}

// Plan: a shard is paused, then resumed while a merge ends it, at every step; the merge is given
// up.
TEST(ShardChangesTest, AResumeHoldsThoughAMergeIsGivenUp) {
  int given_up = 0;
  for (int steps = 0; steps < 20; ++steps) {
    World world;
    const absl::Time until = world.now_ + absl::Hours(1);
    ASSERT_THAT(world.Ask<ShardNote>(PauseShardRequest{kSecond, until}), IsOk());
    world.RunToTheEnd();
    const auto begun = world.Ask(MergeShardsRequest{kFirst, kSecond, {}});
    ASSERT_THAT(begun, IsOk());
    for (int i = 0; i < steps; ++i) world.Step();
    if (world.table().FindShard(kSecond) == nullptr) break;
    ASSERT_THAT(world.Ask<ShardNote>(PauseShardRequest{kSecond, world.now_}), IsOk());
    static_cast<void>(world.Ask(CancelOperationRequest{begun->id}));
    world.RunToTheEnd();
    if (world.table().FindShard(kSecond) == nullptr) continue;
    ++given_up;
    EXPECT_TRUE(world.owner(kSecond).TakesRequests(world.now_)) << steps;
  }
  EXPECT_GT(given_up, 1);
}

TEST(ShardChangesTest, APinnedShardStaysAsItIs) {
  World world;
  const ShardId shard = OwnerOfAll(world);
  const absl::Time until = world.now_ + absl::Hours(1);
  ASSERT_THAT(world.Ask<ShardNote>(PinShardRequest{shard, until}), IsOk());
  for (const bool restarted : {false, true}) {
    if (restarted) world.Start();
    EXPECT_EQ(world.notes()->at(shard).pinned_until, until);
    EXPECT_THAT(world.Ask(SplitAll(world)), HasReason(Reason::kShardPinned));
    EXPECT_THAT(world.Ask(MergeShardsRequest{kFirst, kSecond, {}}),
                HasReason(Reason::kShardPinned));
    EXPECT_THAT(world.Ask(MergeShardsRequest{kSecond, kFirst, {}}),
                HasReason(Reason::kShardPinned));
    EXPECT_THAT(world.Ask(MoveHomeRequest{shard, std::nullopt, {}}),
                HasReason(Reason::kShardPinned));
  }
  world.now_ = until;
  EXPECT_THAT(world.Ask(SplitAll(world)), IsOk()) << "it has run out";
}

TEST(ShardChangesTest, UnpinnedItCanBeSplit) {
  World world;
  const ShardId shard = OwnerOfAll(world);
  ASSERT_THAT(world.Ask<ShardNote>(PinShardRequest{shard, world.now_ + absl::Hours(1)}), IsOk());
  ASSERT_THAT(world.Ask<ShardNote>(PinShardRequest{shard, world.now_}), IsOk());
  world.Start();
  EXPECT_THAT(world.Ask(SplitAll(world)), IsOk());
  EXPECT_THAT(world.Ask<ShardNote>(PinShardRequest{ShardId{9}, world.now_}),
              HasReason(Reason::kShardNotFound));
}

TEST(ShardChangesTest, TheExpectedEpochIsCompared) {
  World world;
  SplitShardRequest request = SplitAll(world);
  request.guard.expected_epoch = 2;
  const absl::Status refused = world.Ask(request).status();
  EXPECT_THAT(refused, HasReason(Reason::kStaleEpoch));
  EXPECT_EQ(refused.message(), "the change expects epoch 2; the routing table is at epoch 1");
  request.guard.expected_epoch = 1;
  ASSERT_THAT(world.Ask(request), IsOk());
  world.RunToTheEnd();
  MoveHomeRequest late{ShardId{3}, std::nullopt, {.expected_epoch = 1}};
  EXPECT_THAT(world.Ask(late), HasReason(Reason::kStaleEpoch));
  MergeShardsRequest merge{ParentOf(world), ShardId{3}, {.expected_epoch = 1}};
  EXPECT_THAT(world.Ask(merge), HasReason(Reason::kStaleEpoch));
  world.ExpectWhole();
}

TEST(ShardChangesTest, TheExpectedEpochIsComparedByWhateverLooksAfterAShard) {
  World world;
  const absl::Time until = world.now_ + absl::Hours(1);
  for (const uint64_t epoch : {2, 1}) {
    const ChangeGuard guard{.expected_epoch = epoch};
    const auto outcome = epoch == 1 ? testing::Matcher<absl::Status>(IsOk())
                                    : HasReason(Reason::kStaleEpoch);
    EXPECT_THAT(world.Ask<ShardNote>(PauseShardRequest{kFirst, until, guard}).status(), outcome);
    EXPECT_THAT(world.Ask<ShardNote>(PinShardRequest{kFirst, until, guard}).status(), outcome);
    EXPECT_THAT(world.Ask(VerifyShardRequest{kFirst, guard}).status(), outcome);
    EXPECT_THAT(world.Ask(CompactShardRequest{kSecond, guard}).status(), outcome);
    const bool took = epoch == 1;
    EXPECT_EQ(world.notes()->at(kFirst).paused_until == until, took);
    EXPECT_EQ(world.notes()->at(kFirst).pinned_until == until, took);
    EXPECT_EQ(world.under_way() > 0, took);
  }
}

// Plan: a dry run says what would be done, and neither stores nor begins anything.
TEST(ShardChangesTest, ADryRunWritesNothing) {
  for (const Case& change : Cases()) {
    SCOPED_TRACE(change.name);
    World world;
    change.prepare(world);
    const auto all_of_meta = [&world] {
      std::map<std::string, std::string> records;
      const auto cursor = world.store().NewCursor(storage::kMeta, {});
      for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
        records.emplace(cursor->key(), cursor->value());
      }
      return records;
    };
    const auto before = all_of_meta();
    auto request = change.request(world);
    std::visit(
        [](auto& body) {
          if constexpr (requires { body.guard; }) body.guard.dry_run = true;
        },
        request);
    ASSERT_OK_AND_ASSIGN(const OperationRecord planned, world.Ask(request));
    EXPECT_EQ(planned.id, OperationId{});
    ASSERT_TRUE(planned.change.has_value());
    EXPECT_EQ(world.under_way(), 0u);
    EXPECT_EQ(all_of_meta(), before);
    Do(world, change.request(world));
  }
}

// Plan: plan each, also where it is refused; the shard stays as it was, in memory, in its owner and
// on disk.
TEST(ShardChangesTest, ADryRunOfWhatLooksAfterAShardDoesNothing) {
  World world;
  const absl::Time until = world.now_ + absl::Hours(1);
  const ChangeGuard guard{.dry_run = true};
  const ShardNote before = world.notes()->at(kFirst);
  ASSERT_OK_AND_ASSIGN(const ShardNote paused,
                       world.Ask<ShardNote>(PauseShardRequest{kFirst, until, guard}));
  EXPECT_EQ(paused.paused_until, until);
  ASSERT_OK_AND_ASSIGN(const ShardNote pinned,
                       world.Ask<ShardNote>(PinShardRequest{kFirst, until, guard}));
  EXPECT_EQ(pinned.pinned_until, until);
  ASSERT_OK_AND_ASSIGN(const OperationRecord verify, world.Ask(VerifyShardRequest{kFirst, guard}));
  EXPECT_EQ(verify.id, OperationId{});
  ASSERT_OK_AND_ASSIGN(const OperationRecord compact,
                       world.Ask(CompactShardRequest{kFirst, guard}));
  EXPECT_EQ(compact.id, OperationId{});
  EXPECT_EQ(compact.status_message, "nothing is changed: this only says what would be done");

  world.RunToTheEnd();
  EXPECT_EQ(world.under_way(), 0u);
  EXPECT_EQ(world.notes()->at(kFirst), before);
  EXPECT_TRUE(world.owner(kFirst).TakesRequests(world.now_));
  world.Start();
  EXPECT_EQ(world.notes()->at(kFirst), before);
  EXPECT_THAT(world.Ask<ShardNote>(PinShardRequest{ShardId{9}, until, guard}),
              HasReason(Reason::kShardNotFound));
  ASSERT_THAT(world.Ask(VerifyShardRequest{kFirst}), IsOk());
  EXPECT_THAT(world.Ask(CompactShardRequest{kFirst, guard}), HasReason(Reason::kShardBusy));
}

// Plan: plan a split at a key and one without; only the second warns that it may fail.
TEST(ShardChangesTest, ADryRunSaysThatTheKeyIsNotKnownYet) {
  World world;
  SplitShardRequest request = SplitAll(world);
  request.guard.dry_run = true;
  ASSERT_OK_AND_ASSIGN(const OperationRecord at_key, world.Ask(request));
  EXPECT_EQ(at_key.status_message, "nothing is changed: this only says what would be done");
  request.at = std::nullopt;
  ASSERT_OK_AND_ASSIGN(const OperationRecord keyless, world.Ask(request));
  EXPECT_EQ(keyless.status_message,
            "nothing is changed: this only says what would be done; the key is found when it runs, "
            "which fails if the shard holds no two routing keys");
}

TEST(ShardChangesTest, WhatCannotBeDone) {
  World world(3);
  const ShardId none{9};
  EXPECT_THAT(world.Ask(SplitShardRequest{none, std::nullopt, {}}),
              HasReason(Reason::kShardNotFound));
  EXPECT_THAT(world.Ask(MergeShardsRequest{none, kFirst, {}}), HasReason(Reason::kShardNotFound));
  EXPECT_THAT(world.Ask(MergeShardsRequest{kFirst, kFirst, {}}), HasReason(Reason::kNotNeighbours));
  EXPECT_THAT(world.Ask(MergeShardsRequest{kFirst, ShardId{3}, {}}),
              HasReason(Reason::kNotNeighbours));
  EXPECT_THAT(world.Ask(MoveHomeRequest{kFirst, kHome, {}}), HasReason(Reason::kAlreadyThere));
  EXPECT_THAT(world.Ask(MoveHomeRequest{kFirst, kOther, {}}), HasReason(Reason::kHomeNotFound));
  EXPECT_THAT(world.Ask(SplitShardRequest{kFirst, kFirstRoutingKey, {}}),
              HasReason(Reason::kCannotSplit));
  EXPECT_THAT(world.Ask(SplitShardRequest{kFirst, kLastRoutingKey, {}}),
              HasReason(Reason::kCannotSplit));
  world.ExpectWhole();
}

TEST(ShardChangesTest, AShardWithoutTwoKeysHasNoHalf) {
  World world(4);
  const ShardId empty = OwnerOfAll(world) == kFirst ? kSecond : kFirst;
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun,
                       world.Ask(SplitShardRequest{empty, std::nullopt, {}}));
  world.RunToTheEnd();
  EXPECT_EQ(world.operation(begun.id).state, OperationState::kFailed);
  EXPECT_EQ(world.operation(begun.id).error_reason, Reason::kCannotSplit);
  world.ExpectWhole();
  EXPECT_THAT(world.Ask(VerifyShardRequest{empty}), IsOk()) << "free again";
}

// Plan: one below the limit, a split that is under way counts.
TEST(ShardChangesTest, AsManyShardsAsAllowed) {
  storage::MemoryStore store;
  ASSERT_OK_AND_ASSIGN(CoordinatorCore core, CoordinatorCore::Load(store, limits::kShardsMax - 1));
  const auto split = [&](uint64_t shard) {
    CoordinatorTurn turn;
    core.Step(CoordinatorRequest{CallId{}, SplitShardRequest{ShardId{shard}, std::nullopt, {}}},
              turn);
    const auto reply = std::find_if(
        turn.effects.begin(), turn.effects.end(),
        [](const auto& effect) { return std::holds_alternative<CoordinatorReply>(effect); });
    return std::get<CoordinatorReply>(*reply).answer.status();
  };
  EXPECT_THAT(split(1), IsOk());
  EXPECT_THAT(split(2), HasReason(Reason::kTooManyShards));
}

TEST(ShardChangesTest, AsManyHomesAsAllowed) {
  World world;
  ASSERT_EQ(world.table().routes().size(), 2u);
  while (world.table().routes().size() < limits::kHomesMax + 1) {
    const Route last = world.table().routes().back();
    Do(world, SplitShardRequest{last.shard, *Successor(last.range.start), {}});
  }
  for (size_t i = 1; i + 1 < limits::kHomesMax; ++i) {
    Do(world, MoveHomeRequest{world.table().routes()[i].shard, std::nullopt, {}});
  }
  const std::vector<Route> routes = world.table().routes();
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun,
                       world.Ask(MoveHomeRequest{routes[0].shard, std::nullopt, {}}));
  EXPECT_EQ(begun.change->to, storage::Family{limits::kHomesMax});
  EXPECT_THAT(world.Ask(MoveHomeRequest{routes.back().shard, std::nullopt, {}}),
              HasReason(Reason::kTooManyHomes))
      << "the one that is being filled counts";
  world.RunToTheEnd();
  world.ExpectWhole();
}

// Plan: two splits are prepared at once; each flips the table once, and neither undoes the other.
TEST(ShardChangesTest, PreparationsOverlapFlipsDoNot) {
  World world;
  const ShardId other = OwnerOfAll(world) == kFirst ? kSecond : kFirst;
  ASSERT_OK_AND_ASSIGN(const OperationRecord first, world.Ask(SplitAll(world)));
  const RoutingKey at = *Successor(world.table().FindShard(other)->range.start);
  ASSERT_OK_AND_ASSIGN(const OperationRecord second, world.Ask(SplitShardRequest{other, at, {}}));
  world.RunToTheEnd();
  world.ExpectWhole();
  EXPECT_EQ(world.table().routes().size(), 4u);
  EXPECT_EQ(world.operation(first.id).change->epoch, TableEpoch{2});
  EXPECT_EQ(world.operation(second.id).change->epoch, TableEpoch{3});
}

TEST(ShardChangesTest, IdsOfShardsAreNotUsedAgain) {
  World world;
  SplitOnce(world);
  Do(world, MergeShardsRequest{ParentOf(world), ShardId{3}, {}});
  world.Start();
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(SplitAll(world)));
  EXPECT_EQ(begun.change->other, ShardId{4});
}

// Plan: a pin of a shard that ends must not wait for another one with its name.
TEST(ShardChangesTest, AMergeForgetsThePinOfTheOneThatEnded) {
  World world;
  SplitOnce(world);
  const absl::Time until = world.now_ + absl::Seconds(1);
  ASSERT_THAT(world.Ask<ShardNote>(PinShardRequest{ShardId{3}, until}), IsOk());
  world.now_ = until;
  Do(world, MergeShardsRequest{ParentOf(world), ShardId{3}, {}});
  EXPECT_THAT(ForEachRecord(world.store(), "pin/",
                            [](absl::string_view, absl::string_view) {
                              return absl::InternalError("a pin is left");
                            }),
              IsOk());
}

// Plan: a drain begins no flip; the change goes on at the next start.
TEST(ShardChangesTest, ADrainLeavesChangesForTheNextStart) {
  World world;
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(SplitAll(world)));
  world.core().StopChanges();
  world.RunToTheEnd();
  EXPECT_FALSE(world.core().flipping());
  EXPECT_TRUE(world.operation(begun.id).running());
  EXPECT_EQ(world.table().epoch(), TableEpoch{1});
  world.Start();
  world.RunToTheEnd();
  EXPECT_EQ(world.operation(begun.id).state, OperationState::kSucceeded);
  world.ExpectWhole();
}

TEST(ShardChangesTest, VerifySaysWhatAShardHolds) {
  World world;
  const ShardId shard = OwnerOfAll(world);
  const Route route = *world.table().FindShard(shard);
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(VerifyShardRequest{shard}));
  while (world.Step()) {
  }
  const OperationRecord& ended = world.operation(begun.id);
  EXPECT_EQ(ended.state, OperationState::kSucceeded);
  ASSERT_TRUE(ended.verification.has_value());
  EXPECT_EQ(ended.verification->totals, world.Survey(route.range, route.home));
}

// Plan: an entry disappears behind the daemon's back.
TEST(ShardChangesTest, VerifyFindsWhatIsWrong) {
  World world;
  const ShardId shard = OwnerOfAll(world);
  const AccountKeys keys(world.values().begin()->first);
  storage::WriteSet spoil;
  spoil.Delete(kHome, keys.Key(RecordType::kEntry, "k"));
  ASSERT_THAT(world.store().Commit(spoil), IsOk());
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(VerifyShardRequest{shard}));
  while (world.Step()) {
  }
  EXPECT_EQ(world.operation(begun.id).state, OperationState::kFailed);
  EXPECT_EQ(world.operation(begun.id).error_reason, Reason::kStorageCorrupt);
  EXPECT_EQ(world.operation(begun.id).verification->error_count, 1u);
}

TEST(ShardChangesTest, CompactsAShard) {
  World world;
  Do(world, CompactShardRequest{kFirst});
  world.ExpectWhole();
}

TEST(ShardChangesTest, ACancelledCompactionEndsAtOnce) {
  World world;
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(CompactShardRequest{kFirst}));
  ASSERT_THAT(world.Ask(CancelOperationRequest{begun.id}), IsOk());
  EXPECT_EQ(world.operation(begun.id).state, OperationState::kCancelled);
  EXPECT_EQ(world.cancelled_jobs(), std::vector<OperationId>{begun.id});
  world.RunToTheEnd();  // what the compaction had told already
  EXPECT_EQ(world.operation(begun.id).state, OperationState::kCancelled);
  world.ExpectWhole();
}

TEST(ShardChangesTest, ACancelledVerificationIsReadNoFurther) {
  World world;
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(VerifyShardRequest{kFirst}));
  ASSERT_THAT(world.Ask(CancelOperationRequest{begun.id}), IsOk());
  EXPECT_EQ(world.operation(begun.id).state, OperationState::kCancelled);
  world.RunToTheEnd();
  EXPECT_EQ(world.cancelled_jobs(), std::vector<OperationId>{begun.id});
  world.ExpectWhole();
}

// Plan: steps of a few records, with the time of a report between them; what is told survives a
// restart halfway.
TEST(ShardChangesTest, ARehomeSaysHowFarItIs) {
  World world;
  const ShardId shard = OwnerOfAll(world);
  const Route route = *world.table().FindShard(shard);
  const uint64_t records = world.Survey(route.range, route.home).record_count;
  ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(MoveHomeRequest{shard, {}, {}}));
  std::set<uint64_t> told;
  for (int i = 0; world.operation(begun.id).running(); ++i) {
    ASSERT_LT(i, kStepsMax);
    ASSERT_TRUE(world.Step());
    world.now_ += limits::kOperationProgressInterval;
    const uint64_t steps = world.operation(begun.id).steps_done;
    if (told.insert(steps).second && told.size() == 4) {
      world.Start();
      EXPECT_EQ(world.operation(begun.id).steps_done, steps);
    }
  }
  EXPECT_EQ(world.operation(begun.id).state, OperationState::kSucceeded);
  EXPECT_GT(told.size(), 5u);
  EXPECT_EQ(*told.begin(), 0u);
  EXPECT_LE(*told.rbegin(), records);
  EXPECT_EQ(world.operation(begun.id).steps_done, *told.rbegin());
}

// Plan: each kind of change, undisturbed and with a restart at any step, told often; only what is
// read anew, and a restart, may make it begin anew.
TEST(ShardChangesTest, AnOperationGoesForward) {
  for (const Case& change : Cases()) {
    SCOPED_TRACE(change.name);
    const int all = StepsOf(change);
    for (int at = -1; at <= all; ++at) {
      World world;
      change.prepare(world);
      ASSERT_OK_AND_ASSIGN(const OperationRecord begun, world.Ask(change.request(world)));
      uint64_t last = 0;
      for (int i = 0; world.operation(begun.id).running(); ++i) {
        ASSERT_LT(i, kStepsMax);
        if (i == at) world.Start();
        ASSERT_TRUE(world.Step());
        world.now_ += limits::kOperationProgressInterval / 2;
        const OperationRecord& now = world.operation(begun.id);
        const bool reads = now.kind == OperationKind::kSplit || now.kind == OperationKind::kVerify;
        EXPECT_TRUE(now.steps_done >= last || (reads && now.steps_done == 0))
            << "restart at " << at << ": from " << last << " to " << now.steps_done;
        last = now.steps_done;
      }
    }
  }
}

}  // namespace
}  // namespace shardd
