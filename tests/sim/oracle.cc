#include "tests/sim/oracle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/account/namespace_record.h"
#include "server/cross_thread_messaging/message_records.h"
#include "tests/sim/answer_text.h"

namespace shardd::sim {
namespace {

// Whether an OK to it says that something is on stable storage.
bool IsMutation(const ShardRequestBody& body) {
  const auto* outcome = std::get_if<GetOutcomeRequest>(&body);
  return std::holds_alternative<ApplyRequest>(body) ||
         std::holds_alternative<CreateAccountRequest>(body) ||
         std::holds_alternative<UpdateAccountRequest>(body) ||
         std::holds_alternative<DeleteAccountRequest>(body) ||
         (outcome != nullptr && outcome->forbid);
}

std::string Name(const AccountRef& account) {
  return absl::StrCat("account ", account.name_space, "/", account.id);
}

}  // namespace

Oracle::Oracle(const Scenario& scenario, Verdict& verdict, Trace& trace)
    : scenario_(scenario),
      verdict_(verdict),
      trace_(trace),
      table_(scenario.table),
      ledger_(verdict, trace),
      model_({scenario.several, scenario.core.outcomes_per_account,
              scenario.core.outcome_retention, scenario.core.outcome_age_min},
             ledger_, verdict, trace),
      namespaces_(model_, verdict, trace),
      watches_(model_, verdict, trace) {}

CallId Oracle::Send(std::shared_ptr<const Wish> wish, absl::Time deadline, uint64_t epoch) {
  const CallId id{next_call_++};
  Call& call = calls_[id];
  call.wish = std::move(wish);
  call.deadline = deadline;
  call.epoch = epoch;
  return id;
}

CallId Oracle::EndWatch(CallId watch, std::shared_ptr<const Wish> wish) {
  Call& call = calls_.at(watch);
  call = Call{};
  call.wish = std::move(wish);
  call.deadline = absl::InfiniteFuture();
  return watch;
}

const Route& Oracle::RouteOf(const AccountRef& account) const {
  return table_.Find(account.routing_key());
}

void Oracle::Refused(CallId id, absl::Time now, const absl::Status& why) {
  Call& call = calls_.at(id);
  if (call.state != CallState::kSent) return Fail("a call is refused that was answered or run");
  call.state = CallState::kAnswered;
  trace_.Add("refused ", id.call, ": ", ErrorText(why));
  const Reason reason = ReasonOf(why);
  if (reason == Reason::kStaleEpoch) trace_.Meet("a stale epoch");
  if (reason == Reason::kMailboxFull) trace_.Meet("a full mailbox");
  if (reason == Reason::kDeadlineExpired) trace_.Meet("a deadline that passed before");
  const std::string& name_space = AccountOf(call.wish->body)->name_space;
  const bool right =
      reason == Reason::kMailboxFull || reason == Reason::kDraining ||
      (reason == Reason::kDeadlineExpired && now > call.deadline) ||
      (reason == Reason::kStaleEpoch && call.epoch != 0 && call.epoch != published_epoch_.value) ||
      ((reason == Reason::kNamespaceNotFound || reason == Reason::kNamespaceDeleting) &&
       !namespaces_.PublishedActive(name_space));
  if (!right) Fail(absl::StrCat("a request was refused for no reason: ", ErrorText(why)));
}

void Oracle::Pushed(const ShardRequest& request) { pushed_[request.call] = next_push_++; }

void Oracle::TurnRan(const Route& route, TableEpoch epoch, absl::Time now,
                     const std::vector<TurnItem>& items, const ShardTurn& turn) {
  const ShardId shard = route.shard;
  Flight& flight = flights_[shard];
  if (!flight.durable) Fail("a turn began before the one before it was durable");
  flight = Flight{};
  flight.range = route.range;
  flight.durable = false;
  model_.SeeTime(now);

  std::map<CallId, const Reply*> replies;
  std::vector<const PurgeResult*> purges;
  for (const ShardEffect& effect : turn.effects) {
    if (const auto* reply = std::get_if<Reply>(&effect)) {
      if (!replies.emplace(reply->call, reply).second) Fail("a call is answered twice");
    } else if (const auto* purge = std::get_if<PurgeResult>(&effect)) {
      purges.push_back(purge);
    }
  }
  size_t purges_run = 0;
  for (const TurnItem& item : items) {
    if (!verdict_.ok()) return;
    if (const auto* call = std::get_if<CallId>(&item)) {
      const auto reply = replies.find(*call);
      CheckOwner(route, epoch, *call, *AccountOf(calls_.at(*call).wish->body));
      RunCall(*call, route, now, reply == replies.end() ? nullptr : reply->second, flight);
    } else if (const auto* purge = std::get_if<PurgeNamespace>(&item)) {
      if (purges_run == purges.size()) return Fail("a purge has no result");
      RunPurge(*purge, *purges[purges_run++], route, flight);
    } else {
      const std::string& name = std::get<ReopenNamespace>(item).name_space;
      const auto closed = closed_[shard].find(name);
      if (closed != closed_[shard].end() && !namespaces_.Running(closed->second)) {
        closed_[shard].erase(closed);
      }
    }
  }
  for (const auto& [call, reply] : replies) {
    if (!flight.calls.contains(call)) Fail("an answer to a call that was not run");
  }
}

void Oracle::RunCall(CallId id, const Route& route, absl::Time now, const Reply* reply,
                     Flight& flight) {
  Call& call = calls_.at(id);
  if (call.state != CallState::kSent) {
    return Fail(absl::StrCat("call ", id.call, " ran twice, or after it was answered"));
  }
  call.state = CallState::kRan;
  flight.calls.insert(id);
  Answer actual;
  if (reply != nullptr) {
    actual.text = AnswerText(reply->answer);
    actual.revision = RevisionIn(reply->answer);
  }
  trace_.Add("ran ", id.call, " wish ", call.wish->number, " on ",
             Name(*AccountOf(call.wish->body)), ": ", actual.text);
  call.answer = actual.text;
  call.revision = actual.revision;
  if (reply != nullptr && reply->answer.ok()) {
    const auto* received = std::get_if<ReceiveResult>(&*reply->answer);
    const AccountRef& account = *AccountOf(call.wish->body);
    if (received != nullptr) ledger_.Received(account, *received, now, model_);
  }
  const std::string right = RightAnswer(call, id, route, now, actual, flight);
  if (!Matches(right, actual.text)) {
    Fail(absl::StrCat(Name(*AccountOf(call.wish->body)), ", wish ", call.wish->number,
                      ": answered \"", actual.text, "\", right is \"", right, "\""));
  }
}

std::string Oracle::RightAnswer(const Call& call, CallId id, const Route& route, absl::Time now,
                                const Answer& actual, Flight& flight) {
  const ShardRequestBody& body = call.wish->body;
  const std::string& name_space = AccountOf(body)->name_space;
  if (now > call.deadline) {
    trace_.Meet("a deadline that passed in the mailbox");
    return ErrorText(Reason::kDeadlineExpired);
  }
  const auto since = range_since_.find(route.shard);
  const TableEpoch changed = since == range_since_.end() ? started_at_ : since->second;
  if (call.epoch != 0 && call.epoch < changed.value) {
    trace_.Meet("a stale epoch in the mailbox");
    return ErrorText(Reason::kStaleEpoch);
  }
  if (std::holds_alternative<UnwatchRequest>(body)) return "watch ended";
  if (closed_[route.shard].contains(name_space)) {
    const bool gone = !namespaces_.Exists(name_space);
    trace_.Meet(gone ? "a request held up past a deletion" : "a request to a closed namespace");
    return ErrorText(Reason::kNamespaceDeleting);
  }
  if (!namespaces_.Exists(name_space)) {
    Fail(absl::StrCat("a request ran in namespace ", name_space, ", which does not exist"));
  }
  if (const auto* watch = std::get_if<WatchRequest>(&body)) {
    watches_.Started(id, *watch, actual.text.empty() ? nullptr : &actual.text);
    return actual.text;
  }
  if (std::holds_alternative<ReceiveRequest>(body)) return actual.text;  // see RunCall
  if (const auto* extend = std::get_if<ExtendLeasesRequest>(&body)) {
    return RightAnswer(*extend, now);
  }
  if (const auto* nack = std::get_if<NackRequest>(&body)) return RightAnswer(*nack, now);
  return model_.Run(*call.wish, now, actual, flight.undo);
}

std::string Oracle::RightAnswer(const ExtendLeasesRequest& request, absl::Time now) {
  if (!ledger_.AllHeld(request.account, request.leases, now)) {
    return ErrorText(Reason::kMessageLeaseEnded);
  }
  ledger_.Extended(request.account, request.leases, now + request.lease);
  return LeasesText(now + request.lease);
}

std::string Oracle::RightAnswer(const NackRequest& request, absl::Time now) {
  if (!ledger_.AllHeld(request.account, request.leases, now)) {
    return ErrorText(Reason::kMessageLeaseEnded);
  }
  ledger_.Ended(request.account, request.leases);
  return LeasesText(now + request.delay);
}

void Oracle::RunPurge(const PurgeNamespace& purge, const PurgeResult& result, const Route& route,
                      Flight& flight) {
  trace_.Add("purged ", purge.name_space, " in shard ", route.shard.value, ": ",
             result.accounts_deleted, result.empty ? " empty" : "",
             result.holds_accounts ? " holds accounts" : "");
  if (route.range.Overlaps(RangeOfNamespace(purge.name_space))) {
    closed_[route.shard][purge.name_space] = purge.operation;
  }
  if (!result.status.ok()) return Fail(absl::StrCat("a purge fails: ", ErrorText(result.status)));
  if (result.accounts_deleted > 0 && !namespaces_.Running(purge.operation)) {
    Fail("accounts are deleted by an operation that has ended");
  }
  if (purge.delete_accounts) {
    if (!model_.Purge(purge.name_space, route.range, result.accounts_deleted, flight.undo)) {
      Fail("a purge deleted more accounts than there were");
    }
    model_.Forget(purge.name_space, route.range, flight.undo);
    ledger_.Purged(purge.name_space);
  } else if (result.accounts_deleted != 0) {
    Fail("a purge deleted accounts that it should only look for");
  }
  const bool holds =
      std::any_of(model_.accounts().begin(), model_.accounts().end(), [&](const auto& account) {
        return account.second.exists && account.first.name_space == purge.name_space &&
               route.range.Contains(account.first.routing_key());
      });
  if (holds && result.empty) Fail("a purge found nothing; there are accounts");
  if (!result.empty && !result.holds_accounts) trace_.Meet("a purge in steps");
  if (result.holds_accounts) trace_.Meet("a purge that finds accounts");
  if (!holds && result.holds_accounts) Fail("a purge found accounts; there are none");
}

void Oracle::Synced(const storage::Reader& reader) {
  namespaces_.Synced();
  SeeTable(reader);
  for (auto& [shard, flight] : flights_) {
    if (flight.durable || !flight.written) continue;
    flight.durable = true;
    for (const auto& [account, before] : flight.undo) Compare(account, reader);
  }
}

void Oracle::TurnEnded(ShardId shard) {
  const Flight& flight = flights_[shard];
  watches_.TurnEnded(flight.range);
  for (const CallId id : flight.calls) {
    const Call& call = calls_.at(id);
    const bool watches = std::holds_alternative<WatchRequest>(call.wish->body);
    if (call.state == CallState::kRan && !watches) Fail("a call that ran was not answered");
  }
}

void Oracle::Delivered(const Reply& reply) {
  const auto found = calls_.find(reply.call);
  if (found == calls_.end()) return Fail("an answer to nobody");
  Call& call = found->second;
  const std::string text = AnswerText(reply.answer);
  trace_.Add("answer ", reply.call.call, ": ", text);
  if (call.state != CallState::kRan) return Fail("a call is answered that did not run");
  call.state = CallState::kAnswered;
  if (Matches(ErrorText(Reason::kStorageFailed), text)) {
    trace_.Meet("a failed sync");
    call.answer = text;  // unknown: nothing is promised
    return;
  }
  if (text != call.answer) {
    return Fail(absl::StrCat("call ", reply.call.call, " is answered \"", text, "\", right is \"",
                             call.answer, "\""));
  }
  const AccountRef& account = *AccountOf(call.wish->body);
  uint64_t& shown = shown_[account];
  shown = std::max(shown, call.revision);
  if (std::holds_alternative<UnwatchRequest>(call.wish->body)) watches_.Ended(reply.call);
  if (!reply.answer.ok()) return;
  if (const auto* received = std::get_if<ReceiveResult>(&*reply.answer)) {
    ledger_.Reached(*received);
  }
}

void Oracle::Delivered(const WatchEvent& event) {
  trace_.Add("event ", event.call.call, ": ", event.changes.size(), " changes to ",
             event.progress_revision);
  watches_.Delivered(event);
}

bool Oracle::RemembersLater(const Flight& flight, const storage::Reader& reader) const {
  for (const auto& [account, before] : flight.undo) {
    const auto stored = ReadAccountState(reader, RouteOf(account).home, account);
    const ModelAccount* const after = model_.Find(account);
    if (!stored.ok() || after == nullptr) continue;
    for (const auto& [request_id, outcome] : after->outcomes) {
      const auto earlier = before.outcomes.find(request_id);
      const auto kept = stored->outcomes.find(request_id);
      if (earlier == before.outcomes.end() || kept == stored->outcomes.end()) continue;
      if (earlier->second.time != outcome.time && kept->second.time == outcome.time) return true;
    }
  }
  return false;
}

bool Oracle::HoldsSent(const Flight& flight, const storage::Reader& reader) const {
  for (const auto& [account, before] : flight.undo) {
    for (const ModelSend& send : model_.Find(account)->messages.sent) {
      if (send.number.revision <= before.revision) continue;
      const std::string key = MessageKey(MessageRecordType::kOutbox, AccountKeys(account),
                                         OutboxOwnKey(send.number));
      std::string value;
      const absl::StatusOr<bool> found = reader.Get(storage::kMessages, key, &value);
      if (found.ok() && *found) return true;
    }
  }
  return false;
}

void Oracle::SettleFlight(ShardId shard, const storage::Reader& reader) {
  Flight& flight = flights_[shard];
  if (flight.durable) return;
  bool as_after = flight.written;
  bool as_before = true;
  for (const auto& [account, before] : flight.undo) {
    const auto stored = ReadAccountState(reader, RouteOf(account).home, account);
    as_after = as_after && stored.ok() && Difference(*model_.Find(account), *stored).empty();
    as_before = as_before && stored.ok() && Difference(before, *stored).empty();
  }
  // Both, if a refusal was remembered again in place of one that is outdated: its time tells. Or if
  // an account was made and purged: what it sent tells. If that does not tell either, all that it
  // changed is outdated already, and nobody is harmed.
  const bool tells = as_before && (RemembersLater(flight, reader) || HoldsSent(flight, reader));
  const bool survived = as_after && (!as_before || tells);
  trace_.Add("flight of shard ", shard.value, survived ? " survived" : " is lost");
  trace_.Meet(survived ? "a flight that survives" : "a flight that is lost");
  if (!survived) model_.Restore(flight.undo);
  if (!as_after) {
    for (const CallId id : flight.calls) {
      const Call& call = calls_.at(id);
      const bool promised = call.state == CallState::kAnswered && IsMutation(call.wish->body) &&
                            !Matches(ErrorText(Reason::kStorageFailed), call.answer) &&
                            flight.undo.contains(*AccountOf(call.wish->body));
      const bool is_error = call.answer.rfind("error", 0) == 0;
      if (promised && !is_error) {
        Fail(absl::StrCat("call ", id.call, " was answered \"", call.answer,
                          "\", and its effect is lost"));
      }
    }
  }
  flight = Flight{};
}

void Oracle::Died(const std::set<CallId>& network) {
  for (auto& [id, call] : calls_) {
    const bool done = call.state == CallState::kAnswered || call.state == CallState::kGone;
    if (!done && !network.contains(id)) call.state = CallState::kGone;
  }
  namespaces_.Died();
  ledger_.Died();
  closed_.clear();
  pushed_.clear();
  last_run_.clear();
  range_since_.clear();
}

void Oracle::Recovered(const storage::Reader& reader) {
  SeeTable(reader);
  range_since_.clear();
  started_at_ = table_.epoch();
  std::vector<ShardId> in_flight;
  for (const auto& [shard, flight] : flights_) in_flight.push_back(shard);
  for (const ShardId shard : in_flight) SettleFlight(shard, reader);
  model_.NextRun();
  CheckStored(reader);
  CheckShown(reader);
}

const ModelAccount* Oracle::Committed(const AccountRef& account) const {
  const auto flight = flights_.find(RouteOf(account).shard);
  if (flight != flights_.end() && !flight->second.durable) {
    const auto before = flight->second.undo.find(account);
    if (before != flight->second.undo.end()) return &before->second;
  }
  return model_.Find(account);
}

void Oracle::ReadAnswered(const AccountRef& account, const std::string& right,
                          const std::string& actual) {
  trace_.Add("read ", Name(account), ": ", actual);
  if (Matches(right, actual)) return;
  Fail(absl::StrCat("a read of ", Name(account), " is answered \"", actual, "\", right is \"",
                    right, "\""));
}

void Oracle::ReadNow(const GetRequest& request, const absl::StatusOr<GetResult>& result) {
  ReadAnswered(request.account, Model::Read(Committed(request.account), request),
               result.ok() ? AnswerText(ShardAnswer(*result)) : ErrorText(result.status()));
}

void Oracle::ReadNow(const ScanRequest& request, const absl::StatusOr<ScanResult>& result) {
  ReadAnswered(request.account, Model::Read(Committed(request.account), request, ""),
               result.ok() ? AnswerText(ShardAnswer(*result)) : ErrorText(result.status()));
}

void Oracle::ReadNow(const AccountRef& account, const absl::StatusOr<AccountResult>& result) {
  const ModelAccount* committed = Committed(account);
  const bool exists = committed != nullptr && committed->exists;
  ReadAnswered(account,
               exists ? Model::AccountText(*committed) : ErrorText(Reason::kAccountNotFound),
               result.ok() ? AnswerText(ShardAnswer(*result)) : ErrorText(result.status()));
}

void Oracle::CheckAtRest(const storage::Store& store) {
  CheckHomes(store);
  for (const auto& [id, call] : calls_) {
    const bool watches = std::holds_alternative<WatchRequest>(call.wish->body);
    if (call.state == CallState::kSent || (call.state == CallState::kRan && !watches)) {
      Fail(absl::StrCat("call ", id.call, " is never answered"));
    }
  }
  if (!namespaces_.AllEnded()) Fail("an operation never ends");
}

}  // namespace shardd::sim
