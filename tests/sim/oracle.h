#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "server/core/event.h"
#include "storage/store.h"
#include "tests/sim/message_ledger.h"
#include "tests/sim/model.h"
#include "tests/sim/namespace_oracle.h"
#include "tests/sim/scenario.h"
#include "tests/sim/stored_state.h"
#include "tests/sim/trace.h"
#include "tests/sim/verdict.h"
#include "tests/sim/watch_oracle.h"

namespace shardd::sim {

// What a shard ran, in order: a client's call, or a word of the coordinator.
using TurnItem = std::variant<CallId, PurgeNamespace, ReopenNamespace>;

// Judges a run: is told of everything sent, run, synced, delivered and recovered, and compares it
// with the model. The rules it checks are listed in README.md.
//
// Thread safety: none.
class Oracle {
 public:
  Oracle(const Scenario& scenario, Verdict& verdict, Trace& trace);

  // A client sends a request; every copy sent is a call of its own.
  CallId Send(std::shared_ptr<const Wish> wish, absl::Time deadline, uint64_t epoch);

  // A client ends a watch, under the call that began it.
  CallId EndWatch(CallId watch, std::shared_ptr<const Wish> wish);

  // What the front end did with it.
  void Refused(CallId call, absl::Time now, const absl::Status& why);
  void Pushed(const ShardRequest& request);
  // A table is in force for the front end.
  void TablePublished(const RouteTable& table) { published_epoch_ = table.epoch(); }

  // What a worker did, and the route and its epoch as the worker knew them before. A turn is in
  // flight until it is durable; a shard has at most one.
  void TurnRan(const Route& route, TableEpoch epoch, absl::Time now,
               const std::vector<TurnItem>& items, const ShardTurn& turn);
  void TurnWritten(ShardId shard) { flights_[shard].written = true; }
  // All that was written is durable.
  void Synced(const storage::Reader& reader);
  // A turn that wrote nothing needs no sync.
  void TurnWroteNothing(ShardId shard) { flights_[shard].durable = true; }
  void TurnEnded(ShardId shard);

  // What reached a client.
  void Delivered(const Reply& reply);
  void Delivered(const WatchEvent& event);

  // A commit failed, or the daemon died: what the shard had in flight is there or is not.
  void SettleFlight(ShardId shard, const storage::Reader& reader);
  // The daemon died. Calls on their way in `network` may still arrive; all others get no answer.
  void Died(const std::set<CallId>& network);
  // ... and has read its store again.
  void Recovered(const storage::Reader& reader);

  // Everything a shard has stored against the model, unless it has a turn in flight.
  void CheckStored(const storage::Reader& reader);
  // A read on a client's thread at this moment.
  void ReadNow(const GetRequest& request, const absl::StatusOr<GetResult>& result);
  void ReadNow(const ScanRequest& request, const absl::StatusOr<ScanResult>& result);
  void ReadNow(const AccountRef& account, const absl::StatusOr<AccountResult>& result);
  // Nothing is under way any more.
  void CheckAtRest(const storage::Store& store);
  // All outcomes are outdated and the shards had time to forget them.
  void CheckForgotten(const storage::Reader& reader);

  // In force for the owners of shards.
  const RouteTable& table() const { return table_; }
  const Model& model() const { return model_; }
  NamespaceOracle& namespaces() { return namespaces_; }
  const MessageLedger& messages() const { return ledger_; }
  WatchOracle& watches() { return watches_; }

 private:
  enum class CallState { kSent, kRan, kAnswered, kGone };
  struct Call {
    std::shared_ptr<const Wish> wish;
    absl::Time deadline;
    uint64_t epoch = 0;
    CallState state = CallState::kSent;
    std::string answer;  // what the core said
    uint64_t revision = 0;
  };
  struct Flight {
    KeyRange range;  // of the shard, when it ran
    Model::Undo undo;
    std::set<CallId> calls;
    bool written = false;
    bool durable = true;
  };

  // Whether the store has a message that was sent by this flight.
  bool HoldsSent(const Flight& flight, const storage::Reader& reader) const;
  // Whether what is stored remembers a request as of this flight, and not as of before it.
  bool RemembersLater(const Flight& flight, const storage::Reader& reader) const;

  void Fail(const std::string& what) { verdict_.Fail(what); }
  // Whether a shard may run a request for an account, and the account's requests are run in the
  // order in which they were pushed.
  void CheckOwner(const Route& route, TableEpoch epoch, CallId call, const AccountRef& account);
  // The table stored may have changed by one.
  void SeeTable(const storage::Reader& reader);
  void CheckHomes(const storage::Store& store);
  const Route& RouteOf(const AccountRef& account) const;
  void RunCall(CallId call, const Route& route, absl::Time now, const Reply* reply, Flight& flight);
  void HandOverClosed(const RouteTable& before, const RouteTable& after);
  std::string RightAnswer(const Call& call, CallId id, const Route& route, absl::Time now,
                          const Answer& actual, Flight& flight);
  void RunPurge(const PurgeNamespace& purge, const PurgeResult& result, const Route& route,
                Flight& flight);
  // The same for what consumers ask.
  std::string RightAnswer(const ExtendLeasesRequest& request, absl::Time now);
  std::string RightAnswer(const NackRequest& request, absl::Time now);
  void CheckMessages(const storage::Reader& reader);
  void Compare(const AccountRef& account, const storage::Reader& reader);
  std::string Difference(const ModelAccount& model, const StoredAccountState& stored) const;
  void CheckShard(const Route& route, const storage::Reader& reader);
  void CheckStats(const Route& route, const StoredShardState& stored);
  void CheckShown(const storage::Reader& reader);
  const ModelAccount* Committed(const AccountRef& account) const;
  void ReadAnswered(const AccountRef& account, const std::string& right, const std::string& actual);

  const Scenario& scenario_;
  Verdict& verdict_;
  Trace& trace_;
  RouteTable table_;  // in force for the owners of shards
  MessageLedger ledger_;
  Model model_;
  NamespaceOracle namespaces_;
  WatchOracle watches_;
  uint64_t next_call_ = 1;
  std::map<CallId, Call> calls_;
  std::map<ShardId, Flight> flights_;
  TableEpoch published_epoch_{1};
  // When a shard's range changed last, while this daemon ran.
  std::map<ShardId, TableEpoch> range_since_;
  TableEpoch started_at_{1};
  // Who ran a request of a routing key under an epoch of its owner.
  std::map<std::pair<uint64_t, RoutingKey>, ShardId> owner_was_;
  uint64_t next_push_ = 1;
  std::map<CallId, uint64_t> pushed_;
  std::map<AccountRef, uint64_t> last_run_;
  // Namespaces a shard must refuse, and the operation whose word closed them: they open by a word
  // that comes after it has ended.
  std::map<ShardId, std::map<std::string, OperationId>> closed_;
  // The highest revision any client was shown.
  std::map<AccountRef, uint64_t> shown_;
};

}  // namespace shardd::sim
