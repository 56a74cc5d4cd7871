#include "tests/client/fake_shards.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/client/fake_store.h"

namespace shardd::client {
namespace {

constexpr uint64_t kAccountsPerShard = 8;

// The routing key whose first byte this is.
std::string KeyAt(int first_byte) {
  std::string key(16, '\0');
  key[0] = static_cast<char>(first_byte);
  return key;
}

// In the middle between two first bytes.
std::string Middle(const v1::Route& route) {
  const int start = static_cast<uint8_t>(route.start()[0]);
  const int end = route.end().empty() ? 256 : static_cast<uint8_t>(route.end()[0]);
  return KeyAt((start + end) / 2);
}

bool Contains(const v1::Route& route, const std::string& key) {
  return key > route.start() && (route.end().empty() || key < route.end());
}

void SetTotals(const v1::Shard& shard, bool damaged, v1::ShardTotals& totals) {
  totals.set_account_count(shard.account_count());
  totals.set_entry_count(2 * shard.account_count());
  totals.set_byte_count(shard.byte_count());
  totals.set_record_count(3 * shard.account_count());
  totals.set_checksum(0xf000000000000000 + shard.account_count());
  if (!damaged) return;
  totals.set_error_count(2);
  totals.set_first_error("account cart has 3 entries and says 4");
}

}  // namespace

grpc::Status NoSuch(v1::ErrorReason reason, const std::string& what) {
  return Refusal(grpc::StatusCode::NOT_FOUND, reason, absl::StrCat(what, " does not exist"));
}

FakeShards::FakeShards(int shard_count) : next_shard_(shard_count + 1) {
  const int width = 256 / shard_count;
  for (int i = 0; i < shard_count; ++i) {
    v1::Shard shard;
    shard.set_id(absl::StrCat("s-", absl::Dec(i + 1, absl::kZeroPad4)));
    v1::Route& route = *shard.mutable_route();
    route.set_shard_id(shard.id());
    route.set_start(KeyAt(i * width));
    if (i + 1 < shard_count) route.set_end(KeyAt((i + 1) * width));
    route.set_home("h0001");
    shard.set_state(v1::SHARD_STATE_ACTIVE);
    shard.set_home("h0001");
    shard.set_thread_id(absl::StrCat("t-", i + 1));
    shard.set_account_count(kAccountsPerShard);
    shard.set_byte_count(100 * kAccountsPerShard);
    shard.set_mailbox_depth(static_cast<uint64_t>(i));
    shards_.push_back(shard);
  }
  Keep();
}

std::vector<v1::Shard> FakeShards::List() {
  for (size_t i = 0; i < shards_.size(); ++i) {
    shards_[i].set_requests_total(shards_[i].requests_total() +
                                  static_cast<uint64_t>(requests_per_look) * (i + 1));
  }
  return shards_;
}

v1::Shard* FakeShards::Find(const std::string& id) {
  const auto found = std::find_if(shards_.begin(), shards_.end(),
                                  [&](const v1::Shard& shard) { return shard.id() == id; });
  return found == shards_.end() ? nullptr : &*found;
}

const v1::RouteTable* FakeShards::Table(uint64_t epoch) const {
  const auto found = tables_.find(epoch == 0 ? epoch_ : epoch);
  return found == tables_.end() ? nullptr : &found->second;
}

grpc::Status FakeShards::Check(const std::string& id, uint64_t expected_epoch) const {
  const bool known = std::any_of(shards_.begin(), shards_.end(),
                                 [&](const v1::Shard& shard) { return shard.id() == id; });
  if (!known) return NoSuch(v1::ERROR_REASON_SHARD_NOT_FOUND, "shard " + id);
  if (expected_epoch == 0 || expected_epoch == epoch_) return grpc::Status::OK;
  return Refusal(grpc::StatusCode::ABORTED, v1::ERROR_REASON_STALE_EPOCH,
                 absl::StrCat("the routing table is at epoch ", epoch_));
}

v1::Operation FakeShards::Operation(v1::OperationKind kind, const std::string& id) {
  v1::Operation operation;
  operation.set_kind(kind);
  operation.set_target(id);
  operation.mutable_shard_change()->set_shard_id(id);
  return operation;
}

grpc::Status FakeShards::Split(const v1::SplitShardRequest& request, v1::Operation* operation) {
  grpc::Status checked = Check(request.id(), request.expected_epoch());
  if (!checked.ok()) return checked;
  v1::Shard& parent = *Find(request.id());
  std::string key = Middle(parent.route());
  if (request.at_case() == v1::SplitShardRequest::kRoutingKey) key = request.routing_key();
  if (!Contains(parent.route(), key)) {
    return Refusal(grpc::StatusCode::FAILED_PRECONDITION, v1::ERROR_REASON_CANNOT_SPLIT,
                   "the key is not inside of the range");
  }
  v1::Operation split = Operation(v1::OPERATION_KIND_SPLIT, parent.id());
  v1::ShardChange& change = *split.mutable_shard_change();
  change.set_other_shard_id(absl::StrCat("s-", absl::Dec(next_shard_, absl::kZeroPad4)));
  change.set_split_key(key);
  if (request.validate_only()) {
    *operation = split;
    return grpc::Status::OK;
  }
  ++next_shard_;
  v1::Shard child = parent;
  child.set_id(change.other_shard_id());
  child.mutable_route()->set_shard_id(child.id());
  child.mutable_route()->set_start(key);
  child.set_account_count(parent.account_count() / 2);
  child.set_requests_total(0);
  parent.set_account_count(parent.account_count() - child.account_count());
  parent.mutable_route()->set_end(key);
  shards_.insert(shards_.begin() + (&parent - shards_.data()) + 1, child);
  Change(split, operation);
  return grpc::Status::OK;
}

grpc::Status FakeShards::Merge(const v1::MergeShardsRequest& request, v1::Operation* operation) {
  for (const std::string& id : {request.id(), request.other_id()}) {
    grpc::Status checked = Check(id, request.expected_epoch());
    if (!checked.ok()) return checked;
  }
  v1::Shard& survivor = *Find(request.id());
  v1::Shard& ended = *Find(request.other_id());
  const bool above = survivor.route().end() == ended.route().start();
  if (!above && ended.route().end() != survivor.route().start()) {
    return Refusal(grpc::StatusCode::FAILED_PRECONDITION, v1::ERROR_REASON_NOT_NEIGHBOURS,
                   "only neighbours can be merged");
  }
  v1::Operation merge = Operation(v1::OPERATION_KIND_MERGE, survivor.id());
  merge.mutable_shard_change()->set_other_shard_id(ended.id());
  if (request.validate_only()) {
    *operation = merge;
    return grpc::Status::OK;
  }
  if (above) {
    survivor.mutable_route()->set_end(ended.route().end());
  } else {
    survivor.mutable_route()->set_start(ended.route().start());
  }
  survivor.set_account_count(survivor.account_count() + ended.account_count());
  shards_.erase(shards_.begin() + (&ended - shards_.data()));
  Change(merge, operation);
  return grpc::Status::OK;
}

grpc::Status FakeShards::MoveHome(const v1::MoveShardHomeRequest& request,
                                  v1::Operation* operation) {
  grpc::Status checked = Check(request.id(), request.expected_epoch());
  if (!checked.ok()) return checked;
  v1::Shard& shard = *Find(request.id());
  v1::Operation move = Operation(v1::OPERATION_KIND_REHOME, shard.id());
  move.mutable_shard_change()->set_from_home(shard.home());
  move.mutable_shard_change()->set_to_home(request.home().empty() ? "h0002" : request.home());
  if (request.validate_only()) {
    *operation = move;
    return grpc::Status::OK;
  }
  shard.set_home(move.shard_change().to_home());
  shard.mutable_route()->set_home(shard.home());
  Change(move, operation);
  return grpc::Status::OK;
}

grpc::Status FakeShards::Verify(const v1::VerifyShardRequest& request, v1::Operation* operation) {
  const std::string& id = request.id();
  grpc::Status checked = Check(id, request.expected_epoch());
  if (!checked.ok()) return checked;
  const auto busy_with = busy.find(id);
  if (busy_with != busy.end()) {
    return Refusal(grpc::StatusCode::ABORTED, v1::ERROR_REASON_SHARD_BUSY,
                   absl::StrCat("operation ", busy_with->second, " works on shard ", id),
                   /*retry_after_ms=*/0, v1::EFFECT_NOT_APPLIED,
                   {{"operation", busy_with->second}});
  }
  if (verifying.size() >= verifying_max) {
    return Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, v1::ERROR_REASON_TOO_MANY_CALLS,
                   "so many operations are running, as many as may at once");
  }
  v1::Operation verify = Operation(v1::OPERATION_KIND_VERIFY, id);
  if (request.validate_only()) {
    *operation = verify;
    return grpc::Status::OK;
  }
  verify.set_state(v1::OPERATION_STATE_SUCCEEDED);
  SetTotals(*Find(id), id == damaged, *verify.mutable_totals());
  if (id == damaged) {
    verify.set_state(v1::OPERATION_STATE_FAILED);
    verify.set_error_reason(v1::ERROR_REASON_STORAGE_CORRUPT);
    verify.set_error_message("2 contradictions");
  }
  End(verify, operation);
  verifying.insert(operation->id());
  verifying_most = std::max(verifying_most, verifying.size());
  return grpc::Status::OK;
}

grpc::Status FakeShards::Compact(const v1::CompactShardRequest& request,
                                 v1::Operation* operation) {
  grpc::Status checked = Check(request.id(), request.expected_epoch());
  if (!checked.ok()) return checked;
  const v1::Operation compact = Operation(v1::OPERATION_KIND_COMPACT, request.id());
  if (request.validate_only()) {
    *operation = compact;
  } else {
    End(compact, operation);
  }
  return grpc::Status::OK;
}

void FakeShards::Change(v1::Operation operation, v1::Operation* answer) {
  const v1::RouteTable before = tables_.at(epoch_);
  Keep();
  operation.mutable_shard_change()->set_epoch(epoch_);
  operation.mutable_shard_change()->mutable_pause()->set_nanos(4'000'000);
  v1::TableChange change;
  change.set_epoch(epoch_);
  change.mutable_time()->set_seconds(kFakeNow + static_cast<int64_t>(epoch_));
  change.set_kind(operation.kind());
  change.set_operation_id(absl::StrCat("op-", next_operation_));
  const auto text = [](const v1::Route& route) { return route.SerializeAsString(); };
  const auto holds = [&](const v1::RouteTable& table, const v1::Route& route) {
    return std::any_of(table.routes().begin(), table.routes().end(),
                       [&](const v1::Route& other) { return text(other) == text(route); });
  };
  for (const v1::Route& route : before.routes()) {
    if (!holds(tables_.at(epoch_), route)) *change.add_removed() = route;
  }
  for (const v1::Route& route : tables_.at(epoch_).routes()) {
    if (!holds(before, route)) *change.add_added() = route;
  }
  changes_.push_back(change);
  End(std::move(operation), answer);
}

void FakeShards::End(v1::Operation ended, v1::Operation* answer) {
  ended.set_id(absl::StrCat("op-", next_operation_++));
  if (ended.state() == v1::OPERATION_STATE_UNSPECIFIED) {
    ended.set_state(v1::OPERATION_STATE_SUCCEEDED);
  }
  ended.mutable_create_time()->set_seconds(kFakeNow);
  ended.mutable_end_time()->set_seconds(kFakeNow + 1);
  operations[ended.id()] = ended;
  *answer = ended;
  answer->set_state(v1::OPERATION_STATE_RUNNING);
  answer->set_status_message("under way");
  answer->clear_end_time();
  answer->clear_totals();
  answer->clear_error_reason();
  answer->clear_error_message();
  answer->mutable_shard_change()->clear_epoch();
  answer->mutable_shard_change()->clear_pause();
}

void FakeShards::Keep() {
  v1::RouteTable& table = tables_[++epoch_];
  table.set_epoch(epoch_);
  for (const v1::Shard& shard : shards_) *table.add_routes() = shard.route();
}

}  // namespace shardd::client
