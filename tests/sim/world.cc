#include "tests/sim/world.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"

namespace shardd::sim {
namespace {

// More than any run needs to come to rest; a run that needs more never will.
constexpr uint64_t kSettleStepsMax = 20'000;
constexpr int kReceiveRoundsMax = 1000;
constexpr absl::Duration kPauseMax = absl::Milliseconds(40);

absl::Duration SomeOf(Random& random, absl::Duration most) {
  return absl::Nanoseconds(random.Below(static_cast<uint64_t>(absl::ToInt64Nanoseconds(most))));
}

}  // namespace

RunResult RunSeed(uint64_t seed, Bug bug, bool verbose) { return World(seed, bug, verbose).Run(); }

const std::vector<absl::string_view>& RareThings() {
  static const std::vector<absl::string_view>& things = *new std::vector<absl::string_view>{
      "a repeat after a crash",
      "a repeat after a deletion",
      "a repeat of a refusal",
      "a reused request id",
      "a forbidden request",
      "an outdated outcome",
      "a forgotten name used again",
      "a flight that survives",
      "a flight that is lost",
      "a failed sync",
      "a full mailbox",
      "a deadline that passed in the mailbox",
      "a deadline that passed before",
      "a stale epoch",
      "a request to a closed namespace",
      "a request held up past a deletion",
      "a watch that resumes",
      "a watch that is compacted",
      "a purge in steps",
      "a purge that finds accounts",
      "an operation that succeeds",
      "an operation that fails",
      "an operation that is cancelled",
      "an operation taken up again",
      "a frozen account",
      "a full account",
      "a split",
      "a merge",
      "a range that is taken over in the middle of a turn",
      "a rehome",
      "a rehome taken up again",
      "a home that is dropped",
      "a queue that is handed over",
      "a watch that is handed over",
      "a push by an old table",
      "a stale epoch in the mailbox",
      "a change that is cancelled",
      "a verification",
      "a commit that sends",
      "a send that is refused",
      "a message that is dealt with",
      "a message that is received again",
      "a consumer that is too late",
  };
  return things;
}

World::World(uint64_t seed, Bug bug, bool verbose)
    : random_(seed),
      trace_(verbose),
      scenario_(random_),
      oracle_(scenario_, verdict_, trace_),
      runtime_(scenario_, bug, clock_, random_, oracle_, verdict_, trace_),
      wishes_(scenario_, oracle_.model(), oracle_.messages(), random_),
      connections_(scenario_.connections) {}

RunResult World::Run() {
  runtime_.Start();
  MakeNamespaces();
  while (verdict_.ok() && steps_ < scenario_.steps) Step();
  if (verdict_.ok()) Finish();
  return {verdict_.violation(), trace_.hash(), steps_, trace_.met()};
}

void World::MakeNamespaces() {
  for (const char* name : {"a", "b"}) {
    runtime_.PushToCoordinator({CallId{next_coordinator_call_++},
                                CreateNamespaceRequest{name, absl::StrCat("create-", name)}});
    while (verdict_.ok() && runtime_.Advance()) {
    }
  }
}

void World::Step() {
  ++steps_;
  MoveClock(absl::Nanoseconds(random_.Below(2'000'000)));
  if (Fault()) return;
  Act(random_.Below(100));
  if (runtime_.failed()) Restart();
  if (verdict_.ok() && random_.OneIn(16)) oracle_.CheckStored(runtime_.store());
}

void World::Act(uint64_t choice) {
  if (choice < 18) return SendSomething();
  if (choice < 23) return SendAgain();
  if (choice < 45) return DeliverSomething();
  if (choice < 48) return PushSomething();
  if (choice < 54) return ReadSomething();
  if (choice < 56) return AskCoordinator();
  if (choice < 57) return EndSomeWatch();
  if (scenario_.storm && choice < 61) return ChangeShards();
  for (uint64_t i = random_.Below(4); i < 4; ++i) {
    if (verdict_.ok() && !runtime_.failed()) runtime_.Advance();
  }
}

ShardRequest World::Call(const std::shared_ptr<const Wish>& wish) {
  ShardRequest request;
  if (random_.OneIn(6)) request.deadline = clock_.Now() + absl::Milliseconds(random_.Below(30));
  request.epoch = SomeEpoch();
  if (std::holds_alternative<UnwatchRequest>(wish->body)) {
    request.deadline = absl::InfiniteFuture();
    request.epoch = 0;
  }
  request.call = oracle_.Send(wish, request.deadline, request.epoch);
  request.body = wish->body;
  return request;
}

uint64_t World::SomeEpoch() {
  const uint64_t current = runtime_.table().epoch().value;
  if (random_.OneIn(60)) return current + 1;
  if (random_.OneIn(20)) return 1 + random_.Below(current);
  return random_.OneIn(2) ? current : 0;
}

void World::Send(Message message) {
  for (const ShardRequest& request : message) trace_.Add("sent ", request.call.call);
  connections_[random_.Below(connections_.size())].push_back(std::move(message));
}

void World::SendSomething() {
  Message message;
  for (uint64_t i = random_.Below(6); i < 6; i += 2) message.push_back(Call(wishes_.Next()));
  Send(std::move(message));
}

void World::SendAgain() {
  if (wishes_.named().empty()) return;
  // Half of the time what was just sent, half of the time something from long ago.
  const size_t count = wishes_.named().size();
  const size_t recent = random_.OneIn(2) ? std::min<size_t>(count, 5) : count;
  Send({Call(wishes_.named()[count - 1 - random_.Below(recent)])});
}

void World::EndSomeWatch() {
  if (oracle_.watches().count() == 0) return;
  const auto [watch, account] = oracle_.watches().Some(random_.Next());
  if (!ending_.insert(watch).second) return;
  // A watch is ended under the call that began it, which then has a second answer.
  ShardRequest request;
  request.call = oracle_.EndWatch(watch, wishes_.Unwatch(account));
  request.body = UnwatchRequest{account};
  for (SimRuntime::Admitted& admitted : runtime_.Admit({request}))
    runtime_.Push(std::move(admitted));
}

void World::ReadSomething() {
  switch (random_.Below(3)) {
    case 0:
      return runtime_.ReadNow(wishes_.Get());
    case 1:
      return runtime_.ReadNow(wishes_.Scan());
    default:
      return runtime_.ReadNow(wishes_.Account());
  }
}

void World::AskCoordinator() {
  CoordinatorRequest request;
  request.call = CallId{next_coordinator_call_++};
  const std::string name = random_.OneIn(2) ? "a" : "b";
  const OperationId operation{1 + random_.Below(runtime_.operations().size() + 1)};
  switch (random_.Below(8)) {
    case 0:
    case 1:
      request.body = DeleteNamespaceRequest{name, /*delete_accounts=*/random_.OneIn(2)};
      break;
    case 2:
      request.body = CancelOperationRequest{operation};
      break;
    case 3:
      request.body = WaitOperationRequest{operation, clock_.Now() + absl::Milliseconds(20)};
      break;
    default:
      request.body = CreateNamespaceRequest{
          name, random_.OneIn(2) ? absl::StrCat("create-", name) : absl::StrCat("again-", steps_)};
  }
  runtime_.PushToCoordinator(std::move(request));
}

ShardId World::SomeShard() {
  const std::vector<Route>& routes = runtime_.table().routes();
  return routes[random_.Below(routes.size())].shard;
}

SplitShardRequest World::SomeSplit() {
  SplitShardRequest request;
  if (random_.OneIn(4)) {
    request.shard = SomeShard();  // where half of it is
    return request;
  }
  const AccountRef& account = scenario_.accounts[random_.Below(scenario_.accounts.size())];
  request.at = account.routing_key();
  request.shard = runtime_.table().Find(*request.at).shard;
  return request;
}

MergeShardsRequest World::SomeMerge() {
  const std::vector<Route>& routes = runtime_.table().routes();
  const size_t first = random_.Below(routes.size());
  const size_t second = first + 1 < routes.size() ? first + 1 : first - std::min<size_t>(first, 1);
  MergeShardsRequest request{routes[first].shard, routes[second].shard, {}};
  if (random_.OneIn(2)) std::swap(request.survivor, request.ended);
  return request;
}

MoveHomeRequest World::SomeMove() {
  MoveHomeRequest request{SomeShard(), std::nullopt, {}};
  if (random_.OneIn(2)) request.home = runtime_.table().FindShard(SomeShard())->home;
  return request;
}

void World::ChangeShards() {
  CoordinatorRequest request;
  request.call = CallId{next_coordinator_call_++};
  ChangeGuard guard;
  guard.expected_epoch = random_.OneIn(4) ? runtime_.table().epoch().value : 0;
  guard.dry_run = random_.OneIn(20);
  switch (random_.Below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
      SplitShardRequest split = SomeSplit();
      split.guard = guard;
      request.body = split;
      break;
    }
    case 5:
    case 6:
    case 7:
    case 8: {
      MergeShardsRequest merge = SomeMerge();
      merge.guard = guard;
      request.body = merge;
      break;
    }
    case 9:
    case 10:
    case 11: {
      MoveHomeRequest move = SomeMove();
      move.guard = guard;
      request.body = move;
      break;
    }
    case 12:
      request.body = VerifyShardRequest{SomeShard(), guard};
      break;
    case 13:
      request.body =
          PauseShardRequest{SomeShard(), clock_.Now() + SomeOf(random_, kPauseMax), guard};
      break;
    case 14:
      request.body =
          PinShardRequest{SomeShard(), clock_.Now() + SomeOf(random_, kPauseMax), guard};
      break;
    default:
      request.body =
          CancelOperationRequest{OperationId{1 + random_.Below(runtime_.operations().size() + 1)}};
  }
  runtime_.PushToCoordinator(std::move(request));
}

void World::DeliverSomething() {
  std::deque<Message>& connection = connections_[random_.Below(connections_.size())];
  if (!connection.empty()) Deliver(connection);
}

void World::Deliver(std::deque<Message>& connection) {
  std::vector<SimRuntime::Admitted> admitted = runtime_.Admit(std::move(connection.front()));
  connection.pop_front();
  for (SimRuntime::Admitted& part : admitted) {
    if (random_.OneIn(10)) {
      admitted_.push_back(std::move(part));
    } else {
      runtime_.Push(std::move(part));
    }
  }
}

void World::PushSomething() {
  if (admitted_.empty()) return;
  const auto chosen = admitted_.begin() + static_cast<ptrdiff_t>(random_.Below(admitted_.size()));
  SimRuntime::Admitted part = std::move(*chosen);
  admitted_.erase(chosen);
  runtime_.Push(std::move(part));
}

bool World::Fault() {
  const auto happens = [&](uint64_t one_in) { return one_in != 0 && random_.OneIn(one_in); };
  if (happens(scenario_.jump_one_in)) {
    MoveClock(absl::Nanoseconds(1) *
              static_cast<double>(random_.Below(absl::ToInt64Nanoseconds(scenario_.jump_max))));
  }
  if (happens(scenario_.sync_failure_one_in)) runtime_.FailNextSync();
  if (happens(scenario_.stop_one_in)) {
    trace_.Add("drains");
    runtime_.Drain();
    Restart();
    return true;
  }
  if (happens(scenario_.crash_one_in)) {
    Restart();
    return true;
  }
  return false;
}

void World::MoveClock(absl::Duration by) { clock_.Advance(by); }

void World::Restart() {
  if (!verdict_.ok()) return;
  runtime_.Die();
  admitted_.clear();
  // Connections break; what a proxy on the way still holds may arrive later.
  std::set<CallId> on_the_way;
  for (std::deque<Message>& connection : connections_) {
    std::erase_if(connection, [&](const Message&) { return random_.OneIn(2); });
    for (const Message& message : connection) {
      for (const ShardRequest& request : message) on_the_way.insert(request.call);
    }
  }
  const std::vector<BrokenWatch> watches = oracle_.watches().Break();
  oracle_.Died(on_the_way);
  oracle_.Recovered(runtime_.store());
  if (scenario_.clock_set_back) MoveClock(-absl::Seconds(random_.Below(100)));
  if (verdict_.ok()) runtime_.Start();
  for (const BrokenWatch& watch : watches) {
    if (random_.OneIn(2)) Send({Call(wishes_.Watch(watch.account, watch.next_revision))});
  }
}

void World::Settle() {
  for (uint64_t i = 0; verdict_.ok(); ++i) {
    if (i > kSettleStepsMax) return verdict_.Fail("the daemon does not come to rest");
    MoveClock(absl::Microseconds(1));
    if (runtime_.failed()) {
      Restart();
    } else if (!admitted_.empty()) {
      PushSomething();
    } else {
      const auto waiting = std::find_if(connections_.begin(), connections_.end(),
                                        [](const auto& messages) { return !messages.empty(); });
      if (waiting != connections_.end()) Deliver(*waiting);
      if (runtime_.Advance() || waiting != connections_.end() || !admitted_.empty()) continue;
      if (!runtime_.paused()) return;
      MoveClock(kPauseMax);
    }
  }
}

void World::Finish() {
  trace_.Add("comes to rest");
  Settle();
  if (verdict_.ok()) oracle_.CheckAtRest(runtime_.store());
  if (verdict_.ok()) oracle_.CheckStored(runtime_.store());
  if (random_.OneIn(2)) ReceiveEverything();
  Restart();
  RepeatEverything();
  ReceiveEverything();
  if (verdict_.ok() && random_.OneIn(4)) Outlive();
}

// A consumer that takes what there is, one by one, until nothing is left and nothing comes.
void World::ReceiveEverything() {
  size_t dealt_with = oracle_.messages().reached().size();
  for (int round = 0; verdict_.ok(); ++round) {
    const auto left = MessageLedger::StillToArrive(runtime_.store());
    if (!left.has_value()) return;
    if (round > kReceiveRoundsMax) return verdict_.Fail(absl::StrCat(*left, " and stays there"));
    for (const AccountRef& account : scenario_.accounts) {
      const ModelAccount* const known = oracle_.model().Find(account);
      if (known != nullptr && known->frozen) Send({Call(wishes_.Activate(account))});
      Send({Call(wishes_.Receive(account))});
    }
    Settle();
    const auto& reached = oracle_.messages().reached();
    for (; dealt_with < reached.size(); ++dealt_with) {
      Send({Call(wishes_.Ack(reached[dealt_with]))});
    }
    Settle();
    // A clock that was set back must come to where it was.
    MoveClock(absl::Seconds(1 + round / 10));
  }
}

void World::RepeatEverything() {
  const std::vector<std::shared_ptr<const Wish>> sent = wishes_.named();
  for (const auto& wish : sent) {
    if (!verdict_.ok()) return;
    Send({Call(random_.OneIn(5) ? wishes_.Outcome(*wish, /*forbid=*/false) : wish)});
    if (random_.OneIn(3)) Settle();
  }
  Settle();
  if (verdict_.ok()) oracle_.CheckAtRest(runtime_.store());
  Restart();
}

// After retention and enough sweeps nothing is left of what is outdated.
void World::Outlive() {
  Settle();
  MoveClock(scenario_.core.outcome_retention + absl::Hours(1));
  if (scenario_.clock_set_back) MoveClock(absl::Hours(1));
  // A sweep removes what is too many or too old at a bounded pace.
  for (int sweeps = 0; sweeps < 12; ++sweeps) {
    Settle();
    MoveClock(limits::kSweepRestInterval + absl::Seconds(1));
  }
  Settle();
  if (verdict_.ok()) oracle_.CheckForgotten(runtime_.store());
}

}  // namespace shardd::sim
