#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/base/random.h"
#include "tests/sim/bugs.h"
#include "tests/sim/oracle.h"
#include "tests/sim/runtime.h"
#include "tests/sim/scenario.h"
#include "tests/sim/trace.h"
#include "tests/sim/verdict.h"
#include "tests/sim/wish_maker.h"

namespace shardd::sim {

struct RunResult {
  std::string violation;  // empty: none
  uint64_t trace_hash = 0;
  uint64_t steps = 0;
  std::set<absl::string_view> met;  // which of RareThings()
};

// What the worlds of a few hundred seeds must all meet, taken together.
const std::vector<absl::string_view>& RareThings();

// Runs the world of one seed to its end, or to the first violation.
RunResult RunSeed(uint64_t seed, Bug bug, bool verbose);

// Clients, the network between them and a daemon, and everything that can go wrong: draws one event
// after the other from the seed.
//
// Messages on one connection arrive in order; connections overtake each other at will, and a
// message may lie on its connection for as long as the run lasts.
class World {
 public:
  World(uint64_t seed, Bug bug, bool verbose);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  RunResult Run();

 private:
  using Message = std::vector<ShardRequest>;  // sent together

  void MakeNamespaces();
  void Step();
  void Act(uint64_t choice);

  // Clients.
  void SendSomething();
  void SendAgain();
  ShardRequest Call(const std::shared_ptr<const Wish>& wish);
  void Send(Message message);
  void EndSomeWatch();
  void ReadSomething();
  void AskCoordinator();
  uint64_t SomeEpoch();
  ShardId SomeShard();
  SplitShardRequest SomeSplit();
  MergeShardsRequest SomeMerge();
  MoveHomeRequest SomeMove();
  void ChangeShards();

  // The network and the front end.
  void Deliver(std::deque<Message>& connection);
  void DeliverSomething();
  void PushSomething();

  // What goes wrong.
  bool Fault();
  void MoveClock(absl::Duration by);
  void Restart();

  // The end of the run.
  void Settle();
  void Finish();
  void ReceiveEverything();
  void RepeatEverything();
  void Outlive();

  Random random_;
  Verdict verdict_;
  Trace trace_;
  Scenario scenario_;
  FakeClock clock_;
  Oracle oracle_;
  SimRuntime runtime_;
  WishMaker wishes_;
  std::vector<std::deque<Message>> connections_;
  std::vector<SimRuntime::Admitted> admitted_;  // by threads that are held up before the push
  std::set<CallId> ending_;                     // watches that a client has asked to end
  uint64_t next_coordinator_call_ = 1;
  uint64_t steps_ = 0;
};

}  // namespace shardd::sim
