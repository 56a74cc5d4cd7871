#include "tests/client/fake_store.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace shardd::client {
namespace {

constexpr size_t kValueBytesMax = size_t{1} << 20;

grpc::Status Check(const v1::Precondition& condition, const FakeStore::Account& account) {
  const auto holds = [&] {
    const auto find = [&](const std::string& key) {
      const auto entry = account.entries.find(key);
      return entry == account.entries.end() ? nullptr : &entry->second;
    };
    switch (condition.condition_case()) {
      case v1::Precondition::kEntryExists:
        return find(condition.entry_exists()) != nullptr;
      case v1::Precondition::kEntryAbsent:
        return find(condition.entry_absent()) == nullptr;
      case v1::Precondition::kEntryRevision: {
        const v1::Entry* entry = find(condition.entry_revision().key());
        return entry != nullptr && entry->revision() == condition.entry_revision().revision();
      }
      case v1::Precondition::kEntryValue: {
        const v1::Entry* entry = find(condition.entry_value().key());
        return entry != nullptr && entry->value() == condition.entry_value().value();
      }
      case v1::Precondition::kAccountRevision:
        return account.meta.revision() == condition.account_revision();
      case v1::Precondition::CONDITION_NOT_SET:
        break;
    }
    return false;
  };
  if (holds()) return grpc::Status::OK;
  return Refusal(grpc::StatusCode::FAILED_PRECONDITION, v1::ERROR_REASON_PRECONDITION_FAILED,
                 "a precondition does not hold");
}

// Collects what a write does to the entries, for watchers.
class Writer {
 public:
  Writer(FakeStore::Account& account, uint64_t revision) : account_(account) {
    change_.set_revision(revision);
  }

  void Put(const std::string& key, const std::string& value) {
    v1::Entry& entry = account_.entries[key];
    entry.set_key(key);
    entry.set_value(value);
    entry.set_revision(change_.revision());
    v1::EntryChange& note = *change_.add_entries();
    note.set_key(key);
    note.set_value(value);
  }

  uint64_t Delete(const std::string& key) {
    if (account_.entries.erase(key) == 0) return 0;
    v1::EntryChange& note = *change_.add_entries();
    note.set_key(key);
    note.set_deleted(true);
    return 1;
  }

  std::string Value(const std::string& key) const {
    const auto entry = account_.entries.find(key);
    return entry == account_.entries.end() ? "" : entry->second.value();
  }

  uint64_t DeletePrefix(const std::string& prefix) {
    std::vector<std::string> keys;
    for (const auto& [key, entry] : account_.entries) {
      if (key.compare(0, prefix.size(), prefix) == 0) keys.push_back(key);
    }
    for (const std::string& key : keys) Delete(key);
    return keys.size();
  }

  v1::AccountChange& change() { return change_; }

 private:
  FakeStore::Account& account_;
  v1::AccountChange change_;
};

void Mutate(const v1::Mutation& mutation, Writer& writer, v1::MutationResult& result) {
  switch (mutation.kind_case()) {
    case v1::Mutation::kPut:
      writer.Put(mutation.put().key(), mutation.put().value());
      break;
    case v1::Mutation::kDelete:
      result.set_deleted(writer.Delete(mutation.delete_()));
      break;
    case v1::Mutation::kDeletePrefix:
      result.set_deleted(writer.DeletePrefix(mutation.delete_prefix()));
      break;
    case v1::Mutation::kAddInteger: {
      int64_t number = 0;
      if (!absl::SimpleAtoi(writer.Value(mutation.add_integer().key()), &number)) number = 0;
      number += mutation.add_integer().delta();
      writer.Put(mutation.add_integer().key(), absl::StrCat(number));
      result.set_integer(number);
      break;
    }
    case v1::Mutation::kAppend: {
      const std::string value = writer.Value(mutation.append().key()) + mutation.append().value();
      writer.Put(mutation.append().key(), value);
      result.set_length(value.size());
      break;
    }
    case v1::Mutation::KIND_NOT_SET:
      break;
  }
}

void Count(FakeStore::Account& account) {
  uint64_t bytes = 0;
  for (const auto& [key, entry] : account.entries) bytes += key.size() + entry.value().size();
  account.meta.set_entry_count(account.entries.size());
  account.meta.set_byte_count(bytes);
}

}  // namespace

grpc::Status Refusal(grpc::StatusCode code, v1::ErrorReason reason, const std::string& message,
                     int retry_after_ms, v1::Effect effect,
                     const std::map<std::string, std::string>& metadata) {
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_domain("shardd");
  info.set_reason(ReasonName(reason));
  (*info.mutable_metadata())["effect"] =
      effect == v1::EFFECT_NOT_APPLIED ? "not_applied" : "unknown";
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  details.add_details()->PackFrom(info);
  if (retry_after_ms > 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(retry_after_ms * 1'000'000);
    details.add_details()->PackFrom(retry);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

v1::OperationError ToOperationError(const grpc::Status& status) {
  const ErrorDetail detail = DetailOf(FromGrpc(status));
  v1::OperationError error;
  error.set_code(status.error_code());
  error.set_reason(detail.reason);
  error.set_message(status.error_message());
  error.set_effect(detail.effect);
  if (detail.retry_after.has_value()) {
    error.mutable_retry_after()->set_nanos(
        static_cast<int>(absl::ToInt64Nanoseconds(*detail.retry_after)));
  }
  return error;
}

grpc::Status FakeStore::CreateNamespace(const std::string& name, v1::Namespace* made) {
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) {
    return Refusal(grpc::StatusCode::INVALID_ARGUMENT, v1::ERROR_REASON_INVALID_FIELD,
                   "the namespace holds a character that none may hold");
  }
  if (namespaces.count(name) > 0) {
    return Refusal(grpc::StatusCode::ALREADY_EXISTS, v1::ERROR_REASON_NAMESPACE_EXISTS,
                   absl::StrCat("namespace ", name, " exists already"));
  }
  made->set_name(name);
  made->set_state(v1::NAMESPACE_STATE_ACTIVE);
  made->mutable_create_time()->set_seconds(1'700'000'000);
  namespaces[name] = *made;
  return grpc::Status::OK;
}

grpc::Status FakeStore::CheckNamespace(const v1::AccountRef& ref) const {
  if (ref.namespace_().empty() || namespaces.count(ref.namespace_()) > 0) return grpc::Status::OK;
  return Refusal(grpc::StatusCode::NOT_FOUND, v1::ERROR_REASON_NAMESPACE_NOT_FOUND,
                 absl::StrCat("namespace ", ref.namespace_(), " does not exist"));
}

grpc::Status FakeStore::Find(const v1::AccountRef& ref, const Account** account) const {
  if (grpc::Status status = CheckNamespace(ref); !status.ok()) return status;
  const auto found = accounts.find({ref.namespace_(), ref.id()});
  if (found == accounts.end()) {
    return Refusal(grpc::StatusCode::NOT_FOUND, v1::ERROR_REASON_ACCOUNT_NOT_FOUND,
                   absl::StrCat("account ", ref.id(), " does not exist"));
  }
  *account = &found->second;
  return grpc::Status::OK;
}

grpc::Status FakeStore::FindMutable(const v1::AccountRef& ref, Account** account) {
  const Account* found = nullptr;
  const grpc::Status status = Find(ref, &found);
  if (status.ok()) *account = &accounts[{ref.namespace_(), ref.id()}];
  return status;
}

FakeStore::Account& FakeStore::Make(const v1::AccountRef& ref) {
  const Key key = {ref.namespace_(), ref.id()};
  Account& account = accounts[key];
  if (const auto left = deleted.extract(key); !left.empty()) account = left.mapped();
  *account.meta.mutable_ref() = ref;
  account.meta.set_state(v1::ACCOUNT_STATE_ACTIVE);
  account.meta.mutable_create_time()->set_seconds(1'700'000'000);
  account.meta.mutable_update_time()->set_seconds(1'700'000'000);
  return account;
}

grpc::Status FakeStore::CreateAccount(const v1::CreateAccountRequest& request, v1::Account* made) {
  if (grpc::Status status = CheckNamespace(request.account()); !status.ok()) return status;
  if (request.account().id().empty()) {
    return Refusal(grpc::StatusCode::INVALID_ARGUMENT, v1::ERROR_REASON_INVALID_FIELD,
                   "account.id is empty; it must be 1 to 256 bytes");
  }
  const Account* existing = nullptr;
  if (Find(request.account(), &existing).ok()) {
    return Refusal(grpc::StatusCode::ALREADY_EXISTS, v1::ERROR_REASON_ACCOUNT_EXISTS,
                   absl::StrCat("account ", request.account().id(), " exists already"));
  }
  Account& account = Make(request.account());
  account.meta.set_revision(account.meta.revision() + 1);
  *account.meta.mutable_labels() = request.labels();
  *account.meta.mutable_limits() = request.limits();
  *made = account.meta;
  return grpc::Status::OK;
}

grpc::Status FakeStore::UpdateAccount(const v1::UpdateAccountRequest& request,
                                      v1::Account* changed) {
  Account* account = nullptr;
  if (grpc::Status status = FindMutable(request.account(), &account); !status.ok()) return status;
  if (const auto known = account->update_outcomes.find(request.request_id());
      known != account->update_outcomes.end()) {
    *changed = known->second;
    return grpc::Status::OK;
  }
  if (request.expected_revision() != 0 && request.expected_revision() != account->meta.revision()) {
    return Refusal(grpc::StatusCode::FAILED_PRECONDITION, v1::ERROR_REASON_PRECONDITION_FAILED,
                   "the account is at another revision");
  }
  for (const std::string& path : request.update_mask().paths()) {
    if (path == "labels") *account->meta.mutable_labels() = request.labels();
    if (path == "limits") *account->meta.mutable_limits() = request.limits();
    if (path == "state") account->meta.set_state(request.state());
  }
  account->meta.set_revision(account->meta.revision() + 1);
  *changed = account->meta;
  if (!request.request_id().empty()) account->update_outcomes[request.request_id()] = *changed;
  return grpc::Status::OK;
}

grpc::Status FakeStore::DeleteAccount(const v1::DeleteAccountRequest& request, uint64_t* revision) {
  Account* account = nullptr;
  if (grpc::Status status = FindMutable(request.account(), &account); !status.ok()) return status;
  const Key key = {request.account().namespace_(), request.account().id()};
  *revision = account->meta.revision() + 1;
  Account& left = deleted[key];
  left.meta.set_revision(*revision);
  left.outcomes = account->outcomes;
  left.update_outcomes = account->update_outcomes;
  accounts.erase(key);
  return grpc::Status::OK;
}

grpc::Status FakeStore::Apply(const v1::ApplyRequest& request, v1::ApplyResponse* response) {
  if (grpc::Status status = CheckNamespace(request.account()); !status.ok()) return status;
  for (const v1::Mutation& mutation : request.mutations()) {
    if (mutation.put().value().size() > kValueBytesMax) {
      return Refusal(grpc::StatusCode::INVALID_ARGUMENT, v1::ERROR_REASON_ENTRY_TOO_LARGE,
                     "the value is longer than 1 MiB");
    }
  }
  Account* account = nullptr;
  grpc::Status found = FindMutable(request.account(), &account);
  const auto left = deleted.find({request.account().namespace_(), request.account().id()});
  const Account* remembering = left != deleted.end() ? &left->second : account;
  if (remembering != nullptr) {
    const auto known = remembering->outcomes.find(request.request_id());
    if (known != remembering->outcomes.end()) {
      *response = known->second;
      response->set_replayed(true);
      return grpc::Status::OK;
    }
  }
  if (!found.ok() && !request.create_account()) return found;
  if (!found.ok()) account = &Make(request.account());
  if (account->meta.state() == v1::ACCOUNT_STATE_FROZEN) {
    return Refusal(grpc::StatusCode::FAILED_PRECONDITION, v1::ERROR_REASON_ACCOUNT_FROZEN,
                   "the account is frozen");
  }
  for (const v1::Precondition& condition : request.preconditions()) {
    if (grpc::Status status = Check(condition, *account); !status.ok()) return status;
  }
  if (grpc::Status held = mailboxes.Check(request.account(), request.acks()); !held.ok()) {
    return held;
  }
  mailboxes.Ack(request.account(), request.acks());
  ++writes;
  account->meta.set_revision(account->meta.revision() + 1);
  Writer writer(*account, account->meta.revision());
  writer.change().set_created(!found.ok());
  for (const v1::Mutation& mutation : request.mutations()) {
    Mutate(mutation, writer, *response->add_results());
  }
  response->set_revision(account->meta.revision());
  Count(*account);
  account->changes.push_back(writer.change());
  if (!request.request_id().empty()) account->outcomes[request.request_id()] = *response;
  return grpc::Status::OK;
}

grpc::Status FakeStore::Get(const v1::GetRequest& request, v1::GetResponse* response) const {
  const Account* account = nullptr;
  if (grpc::Status status = Find(request.account(), &account); !status.ok()) return status;
  for (const std::string& key : request.keys()) {
    const auto entry = account->entries.find(key);
    if (entry == account->entries.end()) {
      response->add_missing_keys(key);
    } else {
      *response->add_entries() = entry->second;
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeStore::Scan(const v1::ScanRequest& request, v1::ScanResponse* response) const {
  const Account* account = nullptr;
  if (grpc::Status status = Find(request.account(), &account); !status.ok()) return status;
  std::vector<v1::Entry> entries;
  for (const auto& [key, entry] : account->entries) {
    const bool in_range = key >= request.start() && (request.end().empty() || key < request.end());
    if (in_range && key.compare(0, request.prefix().size(), request.prefix()) == 0) {
      entries.push_back(entry);
    }
  }
  if (request.reverse()) std::reverse(entries.begin(), entries.end());
  const size_t size = request.page_size() == 0 ? 50 : static_cast<size_t>(request.page_size());
  size_t at = 0;
  if (!request.page_token().empty() && !absl::SimpleAtoi(request.page_token(), &at)) {
    return Refusal(grpc::StatusCode::INVALID_ARGUMENT, v1::ERROR_REASON_INVALID_PAGE_TOKEN,
                   "the page token was not issued for this query");
  }
  for (; at < entries.size() && response->entries().size() < static_cast<int>(size); ++at) {
    if (request.keys_only()) entries[at].clear_value();
    *response->add_entries() = entries[at];
  }
  if (at < entries.size()) response->set_next_page_token(absl::StrCat(at));
  response->set_revision(account->meta.revision());
  return grpc::Status::OK;
}

}  // namespace shardd::client
