#include "tests/sim/model.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/sim/answer_text.h"

namespace shardd::sim {
namespace {

// Times are kept in microseconds.
absl::Time Kept(absl::Time time) { return absl::FromUnixMicros(absl::ToUnixMicros(time)); }

void SetEntry(ModelAccount& draft, ModelChange& change, const std::string& key,
              std::optional<std::string> value) {
  change.entries[key] = value;
  if (value.has_value()) {
    draft.entries[key] = ModelEntry{*std::move(value), 0};
  } else {
    draft.entries.erase(key);
  }
}

// Makes a mutation on a draft; an error leaves the draft in any state.
struct Mutator {
  ModelAccount& draft;
  ModelChange& change;
  MutationResult result;

  Reason operator()(const Put& put) {
    SetEntry(draft, change, put.key, put.value);
    return Reason::kUnspecified;
  }
  Reason operator()(const Delete& deletion) {
    if (!draft.entries.contains(deletion.key)) return Reason::kUnspecified;
    SetEntry(draft, change, deletion.key, std::nullopt);
    result.deleted = 1;
    return Reason::kUnspecified;
  }
  Reason operator()(const DeletePrefix& deletion) {
    std::vector<std::string> keys;
    for (const auto& [key, entry] : draft.entries) {
      if (absl::StartsWith(key, deletion.prefix)) keys.push_back(key);
    }
    for (const std::string& key : keys) SetEntry(draft, change, key, std::nullopt);
    result.deleted = keys.size();
    return Reason::kUnspecified;
  }
  Reason operator()(const AddInteger& add) {
    int64_t value = 0;
    const auto found = draft.entries.find(add.key);
    if (found != draft.entries.end() && !absl::SimpleAtoi(found->second.value, &value)) {
      return Reason::kValueNotInteger;
    }
    constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
    constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
    if (add.delta > 0 ? value > kMax - add.delta : value < kMin - add.delta) {
      return Reason::kIntegerOverflow;
    }
    result.integer = value + add.delta;
    SetEntry(draft, change, add.key, absl::StrCat(result.integer));
    return Reason::kUnspecified;
  }
  Reason operator()(const Append& append) {
    std::string value;
    const auto found = draft.entries.find(append.key);
    if (found != draft.entries.end()) value = found->second.value;
    value += append.value;
    result.length = value.size();
    SetEntry(draft, change, append.key, std::move(value));
    return Reason::kUnspecified;
  }
};

// Brings a new account to life; its revision goes on from what the name had.
void Begin(ModelAccount& draft, ModelChange& change) {
  draft.exists = true;
  draft.frozen = false;
  draft.limits = {};
  draft.labels.clear();
  draft.entries.clear();
  change.created = true;
}

bool Full(const ModelAccount& before, const ModelAccount& draft) {
  const uint64_t entries_before = before.exists ? before.entries.size() : 0;
  const uint64_t bytes_before = before.exists ? before.ByteCount() : 0;
  const bool more_entries =
      draft.entries.size() > draft.limits.EntriesAllowed() && draft.entries.size() > entries_before;
  const bool more_bytes =
      draft.ByteCount() > draft.limits.BytesAllowed() && draft.ByteCount() > bytes_before;
  return more_entries || more_bytes;
}

std::string Repeat(const ModelOutcome& outcome, const Wish& wish) {
  if (outcome.wish == 0) return outcome.answer;
  if (outcome.wish != wish.number) return ErrorText(Reason::kRequestIdReused);
  return absl::StrCat(outcome.answer, outcome.is_apply ? " again" : "");
}

}  // namespace

uint64_t ModelAccount::ByteCount() const {
  uint64_t bytes = 0;
  for (const auto& [key, entry] : entries) bytes += key.size() + entry.value.size();
  return bytes;
}

const ModelAccount* Model::Find(const AccountRef& account) const {
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? nullptr : &found->second;
}

ModelAccount& Model::Touch(const AccountRef& account, Undo& undo) {
  ModelAccount& current = accounts_[account];
  undo.emplace(account, current);
  return current;
}

void Model::Restore(const Undo& undo) {
  for (const auto& [account, before] : undo) accounts_[account] = before;
}

bool Model::MustRemember(const ModelAccount& account, const ModelOutcome& outcome) const {
  const uint64_t later = account.outcome_next - outcome.order - 1;
  const bool young = latest_ < outcome.time + options_.age_min;
  return outcome.certain && (young || later < options_.outcomes_per_account) &&
         latest_ <= outcome.time + options_.retention;
}

Known Model::HasRecord(const ModelAccount& account) const {
  if (account.exists) return Known::kYes;
  if (!account.has_record) return Known::kNo;
  if (account.may_be_forgotten) return Known::kMaybe;
  if (latest_ <= account.update_time + options_.retention) return Known::kYes;
  const bool needed =
      std::any_of(account.outcomes.begin(), account.outcomes.end(),
                  [&](const auto& outcome) { return MustRemember(account, outcome.second); });
  return needed ? Known::kYes : Known::kMaybe;
}

template <typename Request>
std::string Model::RunMutation(const Wish& wish, const Request& request, absl::Time now,
                               const Answer& actual, Undo& undo) {
  // Leases end to the nanosecond.
  const absl::Time exact_now = std::exchange(now, Kept(now));
  ModelAccount& account = Touch(request.account, undo);
  const bool named = !request.request_id.empty();
  if (named) {
    const auto known = account.outcomes.find(request.request_id);
    if (known != account.outcomes.end()) {
      std::string again = Repeat(known->second, wish);
      if (MustRemember(account, known->second)) {
        MeetRepeat(account, known->second, wish);
        return again;
      }
      trace_.Meet("an outdated outcome");
      // Outdated: it may be a repeat, or a first try that ended likewise and was remembered anew.
      ++account.outcome_next;
      if (Matches(again, actual.text)) return again;
      account.outcomes.erase(known);
    }
  }
  ModelAccount draft = account;
  Decision decision = Decide(draft, request, exact_now, actual);
  ModelOutcome outcome;
  outcome.time = now;
  outcome.wish = wish.number;
  if (decision.refused != Reason::kUnspecified) {
    MeetRefusal(decision.refused);
    const std::string refusal = ErrorText(decision.refused);
    if (!Matches(refusal, actual.text)) return refusal;
    const Known record = HasRecord(account);
    const bool comes_back = decision.refused == Reason::kAccountMailboxFull ||
                            decision.refused == Reason::kOutboxFull;
    if (!named || record == Known::kNo || comes_back) return actual.text;
    outcome.certain = record == Known::kYes;
    outcome.answer = actual.text;
    outcome.outcome = absl::StrCat("outcome ", actual.text);
    Remember(account, request.request_id, std::move(outcome));
    return actual.text;
  }
  if (decision.changed) {
    const bool forgotten = !account.exists && !account.has_record && account.revision > 0;
    if (forgotten) trace_.Meet("a forgotten name used again");
    const bool free_choice = decision.change.created && actual.revision > account.revision;
    draft.revision = free_choice ? actual.revision : account.revision + 1;
    draft.revision_exact = true;
    draft.may_be_forgotten = false;
    draft.has_record = true;
    draft.update_time = now;
    if (decision.change.created) draft.create_time = now;
    for (const auto& [key, value] : decision.change.entries) {
      if (value.has_value()) draft.entries[key].revision = draft.revision;
    }
    decision.change.revision = draft.revision;
    decision.change.run = run_;
    draft.changes.push_back(std::make_shared<const ModelChange>(std::move(decision.change)));
  }
  account = std::move(draft);
  constexpr bool kIsApply = std::is_same_v<Request, ApplyRequest>;
  if constexpr (kIsApply) Exchange(account, request);
  if constexpr (std::is_same_v<Request, DeleteAccountRequest>) ledger_.Deleted(request.account);
  const std::string results = ResultsText(account.revision, decision.results);
  const std::string answer = kIsApply ? absl::StrCat("applied ", results) : AccountText(account);
  if (named) {
    outcome.answer = answer;
    outcome.outcome = absl::StrCat("outcome applied ", results);
    outcome.is_apply = kIsApply;
    Remember(account, request.request_id, std::move(outcome));
  }
  return answer;
}

std::string Model::Run(const Wish& wish, absl::Time now, const Answer& actual, Undo& undo) {
  SeeTime(now);
  return std::visit(
      [&](const auto& request) -> std::string {
        using Request = std::decay_t<decltype(request)>;
        if constexpr (std::is_same_v<Request, ApplyRequest> ||
                      std::is_same_v<Request, CreateAccountRequest> ||
                      std::is_same_v<Request, UpdateAccountRequest> ||
                      std::is_same_v<Request, DeleteAccountRequest>) {
          return RunMutation(wish, request, now, actual, undo);
        } else if constexpr (std::is_same_v<Request, GetRequest>) {
          return Read(Find(request.account), request);
        } else if constexpr (std::is_same_v<Request, ScanRequest>) {
          return Read(Find(request.account), request, wish.resume_after);
        } else if constexpr (std::is_same_v<Request, GetOutcomeRequest>) {
          return RunOutcome(request, Kept(now), actual, undo);
        } else {
          return "no such request is run by the model";
        }
      },
      wish.body);
}

void Model::Remember(ModelAccount& account, const std::string& request_id,
                     ModelOutcome outcome) const {
  // What a deleted account left behind outlasts the outcomes it keeps.
  if (!account.exists && outcome.certain) account.update_time = outcome.time;
  outcome.order = account.outcome_next++;
  outcome.run = run_;
  account.outcomes[request_id] = std::move(outcome);
}

void Model::MeetRepeat(const ModelAccount& account, const ModelOutcome& outcome,
                       const Wish& wish) const {
  if (outcome.wish == 0) return trace_.Meet("a forbidden request");
  if (outcome.wish != wish.number) return trace_.Meet("a reused request id");
  if (outcome.run != run_) trace_.Meet("a repeat after a crash");
  if (!account.exists) trace_.Meet("a repeat after a deletion");
  if (Matches("error", outcome.answer.substr(0, 5))) trace_.Meet("a repeat of a refusal");
}

void Model::MeetRefusal(Reason reason) const {
  if (reason == Reason::kAccountFrozen) trace_.Meet("a frozen account");
  if (reason == Reason::kAccountFull) trace_.Meet("a full account");
}

void Model::Exchange(ModelAccount& account, const ApplyRequest& request) {
  ModelMessages& messages = account.messages;
  uint32_t index = 0;
  for (const Send& send : request.sends) {
    messages.sent.push_back({{account.revision, index++},
                             send.receiver,
                             send.payload,
                             ledger_.NextSerial()});
  }
  if (!request.sends.empty()) trace_.Meet("a commit that sends");
  for (const Message& message : ledger_.Ended(request.account, request.acks)) {
    trace_.Meet("a message that is dealt with");
    messages.dealt_with.insert({message.sender, message.number});
    if (message.deliver_time != absl::InfinitePast() || options_.several) continue;
    SendNumber& newest = messages.newest_from[message.sender];
    if (message.number < newest) verdict_.Fail("a message is dealt with after a later one");
    newest = message.number;
  }
}

Model::Decision Model::Decide(ModelAccount& draft, const ApplyRequest& request, absl::Time now,
                              const Answer& actual) const {
  if (!ledger_.AllHeld(request.account, request.acks, now)) {
    trace_.Meet("a consumer that is too late");
    return Refuse(Reason::kMessageLeaseEnded);
  }
  if (!request.sends.empty()) {
    // Whether they are full is not modelled; that they are not for ever shows in the end.
    for (const Reason full : {Reason::kAccountMailboxFull, Reason::kOutboxFull}) {
      if (!Matches(ErrorText(full), actual.text)) continue;
      trace_.Meet("a send that is refused");
      return Refuse(full);
    }
  }
  Decision decision;
  const ModelAccount before = draft;
  if (!draft.exists) {
    if (!request.create_account) return Refuse(Reason::kAccountNotFound);
    Begin(draft, decision.change);
  }
  const bool exchanges = !request.sends.empty() || !request.acks.empty();
  if (draft.frozen && (exchanges || !request.mutations.empty())) {
    return Refuse(Reason::kAccountFrozen);
  }
  for (const Precondition& condition : request.preconditions) {
    if (!Holds(before, condition, actual)) return Refuse(Reason::kPreconditionFailed);
  }
  for (const Mutation& mutation : request.mutations) {
    Mutator mutator{draft, decision.change, {}};
    const Reason refused = std::visit(mutator, mutation);
    if (refused != Reason::kUnspecified) return Refuse(refused);
    decision.results.push_back(mutator.result);
  }
  if (Full(before, draft)) return Refuse(Reason::kAccountFull);
  decision.changed =
      exchanges || decision.change.created || !decision.change.entries.empty();
  return decision;
}

bool Model::Holds(const ModelAccount& before, const Precondition& condition,
                  const Answer& actual) const {
  const auto find = [&](const std::string& key) {
    const auto found = before.entries.find(key);
    return found == before.entries.end() ? nullptr : &found->second;
  };
  if (const auto* exists = std::get_if<EntryExists>(&condition)) return find(exists->key);
  if (const auto* absent = std::get_if<EntryAbsent>(&condition)) return !find(absent->key);
  if (const auto* wanted = std::get_if<EntryRevisionIs>(&condition)) {
    const ModelEntry* entry = find(wanted->key);
    return entry != nullptr && entry->revision == wanted->revision;
  }
  if (const auto* wanted = std::get_if<EntryValueIs>(&condition)) {
    const ModelEntry* entry = find(wanted->key);
    return entry != nullptr && entry->value == wanted->value;
  }
  const uint64_t revision = std::get<AccountRevisionIs>(condition).revision;
  switch (HasRecord(before)) {
    case Known::kNo:
      return revision == 0;
    case Known::kYes:
      if (before.revision_exact) return revision == before.revision;
      break;
    case Known::kMaybe:
      break;
  }
  return !Matches(ErrorText(Reason::kPreconditionFailed), actual.text);
}

Model::Decision Model::Decide(ModelAccount& draft, const CreateAccountRequest& request, absl::Time,
                              const Answer&) const {
  if (draft.exists) return Refuse(Reason::kAccountExists);
  Decision decision;
  Begin(draft, decision.change);
  draft.labels = request.labels;
  draft.limits = request.limits;
  decision.changed = true;
  return decision;
}

Model::Decision Model::Decide(ModelAccount& draft, const UpdateAccountRequest& request, absl::Time,
                              const Answer&) const {
  if (!draft.exists) return Refuse(Reason::kAccountNotFound);
  if (draft.frozen && request.state != AccountState::kActive) {
    return Refuse(Reason::kAccountFrozen);
  }
  if (request.expected_revision != 0 && request.expected_revision != draft.revision) {
    return Refuse(Reason::kPreconditionFailed);
  }
  if (request.labels.has_value()) draft.labels = *request.labels;
  if (request.limits.has_value()) draft.limits = *request.limits;
  if (request.state.has_value()) draft.frozen = *request.state == AccountState::kFrozen;
  Decision decision;
  decision.change.updated = true;
  decision.changed = true;
  return decision;
}

Model::Decision Model::Decide(ModelAccount& draft, const DeleteAccountRequest& request, absl::Time,
                              const Answer&) const {
  if (!draft.exists) return Refuse(Reason::kAccountNotFound);
  if (request.expected_revision != 0 && request.expected_revision != draft.revision) {
    return Refuse(Reason::kPreconditionFailed);
  }
  Decision decision;
  for (const auto& [key, entry] : draft.entries) decision.change.entries[key] = std::nullopt;
  draft.exists = false;
  draft.frozen = false;
  draft.entries.clear();
  draft.labels.clear();
  draft.limits = {};
  decision.change.deleted = true;
  decision.changed = true;
  return decision;
}

std::string Model::RunOutcome(const GetOutcomeRequest& request, absl::Time now,
                              const Answer& actual, Undo& undo) {
  ModelAccount& account = Touch(request.account, undo);
  const auto known = account.outcomes.find(request.request_id);
  if (known != account.outcomes.end()) {
    if (MustRemember(account, known->second)) return known->second.outcome;
    ++account.outcome_next;
    if (Matches(known->second.outcome, actual.text)) return known->second.outcome;
    account.outcomes.erase(known);
  }
  if (!request.forbid) return "outcome unknown";
  const std::string forbidden = absl::StrCat("outcome ", ErrorText(Reason::kRequestForbidden));
  if (!Matches(forbidden, actual.text)) return forbidden;
  // It must be kept somewhere, so from now on the name has a record.
  if (HasRecord(account) != Known::kYes) {
    account.revision_exact = false;
    account.has_record = true;
    account.may_be_forgotten = false;
    account.update_time = now;
  }
  ModelOutcome outcome;
  outcome.time = now;
  outcome.answer = actual.text.substr(std::string("outcome ").size());
  outcome.outcome = actual.text;
  Remember(account, request.request_id, std::move(outcome));
  return actual.text;
}

std::string Model::Read(const ModelAccount* account, const GetRequest& request) {
  if (account == nullptr || !account->exists) return ErrorText(Reason::kAccountNotFound);
  std::string found = "entries";
  std::string missing;
  for (const std::string& key : request.keys) {
    const auto entry = account->entries.find(key);
    if (entry == account->entries.end()) {
      absl::StrAppend(&missing, " no:", key);
    } else {
      absl::StrAppend(&found, EntryText({key, entry->second.value, entry->second.revision}));
    }
  }
  return found + missing;
}

std::string Model::Read(const ModelAccount* account, const ScanRequest& request,
                        const std::string& resume_after) {
  if (account == nullptr || !account->exists) return ErrorText(Reason::kAccountNotFound);
  std::vector<Entry> inside;
  for (const auto& [key, entry] : account->entries) {
    const bool wanted = absl::StartsWith(key, request.prefix) && key >= request.start &&
                        (request.end.empty() || key < request.end);
    const bool ahead =
        resume_after.empty() || (request.reverse ? key < resume_after : key > resume_after);
    if (wanted && ahead) {
      inside.push_back({key, request.keys_only ? "" : entry.value, entry.revision});
    }
  }
  if (request.reverse) std::reverse(inside.begin(), inside.end());
  std::string text = absl::StrCat("page rev=", account->revision);
  for (size_t i = 0; i < inside.size(); ++i) {
    if (request.page_size != 0 && i == request.page_size) return text + " more";
    absl::StrAppend(&text, EntryText(inside[i]));
  }
  return text;
}

std::string Model::AccountText(const ModelAccount& account) {
  AccountRecord record;
  record.state = !account.exists  ? AccountState::kDeleted
                 : account.frozen ? AccountState::kFrozen
                                  : AccountState::kActive;
  record.revision = account.revision;
  record.entry_count = account.entries.size();
  record.byte_count = account.ByteCount();
  record.limits = account.limits;
  record.labels = account.labels;
  record.create_time = account.create_time;
  record.update_time = account.update_time;
  return absl::StrCat("account ", RecordText(record));
}

bool Model::Purge(absl::string_view name_space, const KeyRange& range, uint64_t deleted,
                  Undo& undo) {
  std::map<std::pair<RoutingKey, AccountRef>, bool> in_order;
  for (const auto& [ref, account] : accounts_) {
    if (account.exists && ref.name_space == name_space && range.Contains(ref.routing_key())) {
      in_order[{ref.routing_key(), ref}] = true;
    }
  }
  if (in_order.size() < deleted) return false;
  for (const auto& [place, unused] : in_order) {
    if (deleted-- == 0) break;
    ModelAccount& account = Touch(place.second, undo);
    ModelAccount gone;
    gone.revision = account.revision + 1;
    gone.changes = std::move(account.changes);
    gone.messages = std::move(account.messages);
    ledger_.Deleted(place.second);
    ModelChange change;
    change.revision = gone.revision;
    change.deleted = true;
    change.run = run_;
    gone.changes.push_back(std::make_shared<const ModelChange>(std::move(change)));
    account = std::move(gone);
  }
  return true;
}

void Model::Forget(absl::string_view name_space, const KeyRange& range, Undo& undo) {
  for (const auto& [ref, account] : accounts_) {
    if (account.exists || ref.name_space != name_space) continue;
    if (!range.Contains(ref.routing_key())) continue;
    ModelAccount& left = Touch(ref, undo);
    left.may_be_forgotten = true;
    for (auto& [request_id, outcome] : left.outcomes) outcome.certain = false;
  }
}

}  // namespace shardd::sim
