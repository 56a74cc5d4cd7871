#include "tests/support/shard_fixture.h"

#include "tests/support/status_matchers.h"

namespace shardd {

ShardFixture::ShardFixture() {
  EXPECT_THAT(store_.CreateHome(kTestHome), IsOk());
  Restart();
}

void ShardFixture::Restart(ShardCore::Options options) { Restart(whole_, options); }

void ShardFixture::Restart(const Route& route, ShardCore::Options options) {
  core_ = std::make_unique<ShardCore>(route, TableEpoch{1}, StoredStats(), options);
  EXPECT_THAT(core_->LoadMessages(store_), IsOk());
}

void ShardFixture::RestartAt(TableEpoch epoch) {
  core_ = std::make_unique<ShardCore>(whole_, epoch, StoredStats(), ShardCore::Options());
}

std::unique_ptr<ShardCore> ShardFixture::Use(std::unique_ptr<ShardCore> core) {
  return std::exchange(core_, std::move(core));
}

TurnResult ShardFixture::Turn(std::vector<ShardRequest> requests) {
  ShardTurn turn = NewTurn();
  for (ShardRequest& request : requests) core_->Step(std::move(request), turn);
  return Finish(std::move(turn));
}

TurnResult ShardFixture::Command(ShardCommand command) {
  ShardTurn turn = NewTurn();
  core_->Step(std::move(command), turn);
  return Finish(std::move(turn));
}

ShardTurn ShardFixture::NewTurn() const {
  ShardTurn turn;
  turn.now = now_;
  turn.committed = &store_;
  return turn;
}

TurnResult ShardFixture::Finish(ShardTurn turn) {
  core_->FinishTurn(turn);
  EXPECT_THAT(store_.Commit(turn.batch), IsOk());
  TurnResult result;
  result.writes = turn.batch.count();
  result.stale_routes = turn.stale_routes;
  result.wake_at = turn.wake_at;
  for (ShardEffect& effect : turn.effects) {
    if (auto* reply = std::get_if<Reply>(&effect)) {
      result.replies.push_back(std::move(*reply));
    } else if (auto* event = std::get_if<WatchEvent>(&effect)) {
      result.events.push_back(std::move(*event));
    } else if (auto* purge = std::get_if<PurgeResult>(&effect)) {
      result.purges.push_back(std::move(*purge));
    } else if (auto* pass_on = std::get_if<PassOn>(&effect)) {
      result.passed_on.push_back(std::move(pass_on->body));
    } else {
      result.others.push_back(std::move(effect));
    }
  }
  return result;
}

absl::StatusOr<ShardAnswer> ShardFixture::Ask(ShardRequestBody body) {
  ShardRequest request;
  request.call = CallId{next_call_++, 0};
  request.body = std::move(body);
  const CallId call = request.call;
  std::vector<ShardRequest> requests;
  requests.push_back(std::move(request));
  TurnResult result = Turn(std::move(requests));
  if (result.replies.size() != 1 || result.replies[0].call != call) {
    return absl::InternalError("not exactly one answer");
  }
  return std::move(result.replies[0].answer);
}

template <typename Answer>
absl::StatusOr<Answer> ShardFixture::AskFor(ShardRequestBody body) {
  absl::StatusOr<ShardAnswer> answer = Ask(std::move(body));
  if (!answer.ok()) return std::move(answer).status();
  if (!std::holds_alternative<Answer>(*answer)) return absl::InternalError("another answer");
  return std::get<Answer>(*std::move(answer));
}

absl::StatusOr<ApplyResult> ShardFixture::Apply(ApplyRequest request) {
  return AskFor<ApplyResult>(std::move(request));
}
absl::StatusOr<AccountResult> ShardFixture::CreateAccount(CreateAccountRequest request) {
  return AskFor<AccountResult>(std::move(request));
}
absl::StatusOr<AccountResult> ShardFixture::UpdateAccount(UpdateAccountRequest request) {
  return AskFor<AccountResult>(std::move(request));
}
absl::StatusOr<AccountResult> ShardFixture::DeleteAccount(DeleteAccountRequest request) {
  return AskFor<AccountResult>(std::move(request));
}

absl::StatusOr<OutcomeResult> ShardFixture::Outcome(const AccountRef& account,
                                                    std::string request_id, bool forbid) {
  return AskFor<OutcomeResult>(GetOutcomeRequest{account, std::move(request_id), forbid});
}

absl::StatusOr<ApplyResult> ShardFixture::PutEntry(const AccountRef& account, std::string key,
                                                   std::string value, std::string request_id) {
  ApplyRequest request;
  request.account = account;
  request.request_id = std::move(request_id);
  request.create_account = true;
  request.mutations.push_back(Put{std::move(key), std::move(value)});
  return Apply(std::move(request));
}

std::string ShardFixture::ValueOf(const AccountRef& account, const std::string& key) {
  const absl::StatusOr<GetResult> result = AskFor<GetResult>(GetRequest{account, {key}});
  if (ReasonOf(result.status()) == Reason::kAccountNotFound) return "(no account)";
  EXPECT_THAT(result, IsOk());
  if (!result.ok()) return "(error)";
  return result->entries.empty() ? "(none)" : result->entries[0].value;
}

std::optional<AccountRecord> ShardFixture::RecordOf(const AccountRef& account) const {
  const auto record = ShardReader(store_, kTestHome).FindAccount(AccountKeys(account));
  EXPECT_THAT(record, IsOk());
  return record.ok() ? *record : std::nullopt;
}

std::vector<size_t> ShardFixture::CountRecords() const {
  std::vector<size_t> counts(4);
  const auto cursor = store_.NewCursor(kTestHome, {});
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const auto key = ParseRecordKey(cursor->key());
    EXPECT_THAT(key, IsOk());
    if (key.ok()) ++counts[static_cast<size_t>(key->type) - 1];
  }
  return counts;
}

ShardStats ShardFixture::StoredStats(ShardId shard) const {
  std::string bytes;
  const auto found = store_.Get(storage::kMeta, ShardStatsKey(shard), &bytes);
  EXPECT_THAT(found, IsOk());
  if (!found.ok() || !*found) return {};
  const auto stats = ShardStats::Decode(bytes);
  EXPECT_THAT(stats, IsOk());
  return stats.ok() ? *stats : ShardStats();
}

}  // namespace shardd
