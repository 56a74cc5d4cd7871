#include "client/shardctl/importer.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

// What no other record would fare better with.
bool IsFatal(const absl::Status& status) {
  switch (client::DetailOf(status).reason) {
    case v1::ERROR_REASON_DISK_FULL:
    case v1::ERROR_REASON_STORAGE_CORRUPT:
    case v1::ERROR_REASON_NAMESPACE_NOT_FOUND:
    case v1::ERROR_REASON_NAMESPACE_DELETING:
    case v1::ERROR_REASON_NOT_SERVED:
      return true;
    default:
      break;
  }
  return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status) ||
         absl::IsUnimplemented(status);
}

// Whether the daemon refused what was sent, rather than being unable to take anything.
bool IsRefusal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsOutOfRange(status) ||
         (absl::IsResourceExhausted(status) && !client::IsTransient(status));
}

// Whether the refusal may be another when the account is another. The daemon remembers it.
bool DependsOnAccount(const absl::Status& status) {
  switch (client::DetailOf(status).reason) {
    case v1::ERROR_REASON_ACCOUNT_FROZEN:
    case v1::ERROR_REASON_ACCOUNT_FULL:
      return true;
    default:
      return false;
  }
}

bool HasPut(const v1::ApplyRequest& write) {
  return write.mutations_size() > 0 && write.mutations(write.mutations_size() - 1).has_put();
}

// Why an operation failed, in a line.
std::string Describe(const absl::Status& status) {
  const std::string reason = client::DetailOf(status).reason_name;
  return absl::StrCat(std::string(status.message()), reason.empty() ? "" : " (", reason,
                      reason.empty() ? "" : ")");
}

}  // namespace

void Importer::Writing::TakeRevision(uint64_t next) {
  // The same one is the same answer, once more.
  if (revision != 0 && next != revision && next != revision + 1) is_torn = true;
  // Revisions begin with 1 where no other account was before. A write without entries need not
  // raise them.
  if (revision == 0) is_new = next == 1 && HasPut(parts.front());
  revision = next;
}

bool Importer::Writing::NeedsUpdate() const {
  return update.has_value() && !(is_new && IsDefault(*update));
}

size_t Importer::Operation::Bytes() const {
  // A look is small, and so is its answer.
  return looks ? 0 : writing->parts[part].ByteSizeLong();
}

v1::SessionOperation Importer::Operation::Request() const {
  v1::SessionOperation request;
  if (looks) {
    v1::ScanRequest& scan = *request.mutable_scan();
    *scan.mutable_account() = writing->parts[part].account();
    scan.set_page_size(1);
    scan.set_keys_only(true);
  } else {
    *request.mutable_apply() = writing->parts[part];
  }
  return request;
}

Importer::Importer(client::Client& client, const ImporterOptions& options, Callbacks callbacks)
    : client_(client),
      options_(options),
      callbacks_(std::move(callbacks)),
      backoff_(client::RetryPolicy(), client.random()),
      trouble_since_(absl::InfiniteFuture()) {}

ImportSummary Importer::summary() const {
  ImportSummary summary = counted_;
  summary.accounts = ledger_.done();
  return summary;
}

absl::StatusOr<ImportSummary> Importer::Run(RecordReader& reader) {
  while (auto next = reader.Next()) {
    if (callbacks_.is_interrupted()) {
      counted_.interrupted = true;
      break;
    }
    if (const auto* bad = std::get_if<BadRecord>(&*next)) {
      ReportBad(bad->line, bad->why);
    } else if (absl::Status status = Accept(std::get<Record>(*next)); !status.ok()) {
      return status;
    }
    if (options_.stop_on_error && counted_.bad_records > 0) break;
  }
  if (absl::Status status = FlushFrame(); !status.ok()) return status;
  if (absl::Status status = Settle(); !status.ok()) return status;
  if (!counted_.interrupted) {
    if (absl::Status status = RewriteOutdated(); !status.ok()) return status;
  }
  if (session_ != nullptr) session_->Finish().IgnoreError();
  return summary();
}

absl::Status Importer::Accept(const Record& record) {
  if (outdated_bytes_ > options_.outdated_bytes_max) {
    if (absl::Status status = FlushFrame(); !status.ok()) return status;
    if (absl::Status status = Settle(); !status.ok()) return status;
    if (absl::Status status = RewriteOutdated(); !status.ok()) return status;
  }
  const AccountKey key = KeyOf(record.name_space, record.id);
  const auto earlier = ledger_.Take(key, record.version);
  if (!earlier.has_value()) return absl::OkStatus();
  if (absl::Status status = EnsureNamespace(record.name_space); !status.ok()) {
    if (!IsRefusal(status)) return status;
    ReportBad(record.line, Describe(status));
    return absl::OkStatus();
  }
  if (ledger_.IsPending(key)) {
    if (absl::Status status = FlushFrame(); !status.ok()) return status;
    if (absl::Status status = Settle(); !status.ok()) return status;
  }
  ledger_.MarkPending(key);
  auto writing = std::make_shared<Writing>();
  writing->key = key;
  writing->line = record.line;
  writing->parts = WritesFor(record, *earlier, options_.write);
  writing->update = UpdateFor(record, writing->parts.back());
  for (const v1::ApplyRequest& part : writing->parts) writing->bytes += part.ByteSizeLong();
  return Add({std::move(writing)});
}

absl::Status Importer::EnsureNamespace(const std::string& name) {
  if (!options_.create_namespace || name.empty()) return absl::OkStatus();
  const auto known = namespaces_.find(name);
  if (known != namespaces_.end()) return known->second;
  const absl::Status status = Persist([&] {
    v1::CreateNamespaceRequest request;
    request.set_name(name);
    const absl::Status created = client_.CreateNamespace(std::move(request)).status();
    return absl::IsAlreadyExists(created) ? absl::OkStatus() : created;
  });
  namespaces_[name] = status;
  return status;
}

absl::Status Importer::Add(Operation operation) {
  const size_t bytes = operation.Bytes();
  const bool full = frame_.size() >= options_.frame_operations_max ||
                    frame_bytes_ + bytes > options_.frame_bytes_max;
  if (full && !frame_.empty()) {
    if (absl::Status status = FlushFrame(); !status.ok()) return status;
  }
  frame_bytes_ += bytes;
  frame_.push_back(std::move(operation));
  return absl::OkStatus();
}

absl::Status Importer::FlushFrame() {
  TakeAnswers();
  if (!broken_.ok() || !put_off_.empty()) {
    if (absl::Status status = Settle(); !status.ok()) return status;
  }
  if (!fatal_.ok()) return fatal_;
  if (!next_.empty()) SendAll(std::exchange(next_, {}));
  if (!frame_.empty()) Send(std::exchange(frame_, {}));
  frame_bytes_ = 0;
  callbacks_.on_progress(summary());
  return absl::OkStatus();
}

void Importer::Send(Frame frame) {
  if (session_ == nullptr) {
    session_ = std::make_unique<client::Session>(client_, options_.session);
  }
  v1::SessionRequest request;
  for (const Operation& operation : frame) *request.add_operations() = operation.Request();
  const uint64_t number = ++last_frame_;
  sent_[number] = std::move(frame);
  const auto keep_answer = [this, number](absl::StatusOr<v1::SessionResponse> response) {
    const std::lock_guard<std::mutex> lock(answers_mutex_);
    answers_.push_back({number, std::move(response)});
  };
  // A broken session answers the frame with its error.
  session_->Send(std::move(request), keep_answer).IgnoreError();
}

void Importer::SendAll(Frame operations) {
  Frame frame;
  size_t bytes = 0;
  for (Operation& operation : operations) {
    const size_t more = operation.Bytes();
    if (!frame.empty() && (frame.size() >= options_.frame_operations_max ||
                           bytes + more > options_.frame_bytes_max)) {
      Send(std::exchange(frame, {}));
      bytes = 0;
    }
    bytes += more;
    frame.push_back(std::move(operation));
  }
  if (!frame.empty()) Send(std::move(frame));
}

void Importer::TakeAnswers() {
  std::vector<Answer> answers;
  {
    const std::lock_guard<std::mutex> lock(answers_mutex_);
    answers.swap(answers_);
  }
  for (Answer& answer : answers) {
    if (!answer.response.ok()) {
      if (broken_.ok()) broken_ = answer.response.status();
      continue;
    }
    Frame frame = std::move(sent_[answer.frame]);
    sent_.erase(answer.frame);
    if (static_cast<size_t>(answer.response->results_size()) != frame.size()) {
      fatal_ = absl::InternalError("the daemon answered a frame with too many or too few results");
      return;
    }
    for (size_t i = 0; i < frame.size(); ++i) {
      TakeResult(std::move(frame[i]), answer.response->results(static_cast<int>(i)));
    }
    ReportAcknowledged();
  }
}

void Importer::TakeResult(Operation operation, const v1::SessionResult& result) {
  if (result.has_error()) {
    TakeRefusal(std::move(operation), client::FromOperationError(result.error()));
    return;
  }
  trouble_since_ = absl::InfiniteFuture();
  backoff_.Reset();
  Writing& writing = *operation.writing;
  if (operation.looks) return TakeLook(operation.writing, result.scan().revision());
  const uint64_t revision = result.apply().revision();
  const v1::AccountRef& account = writing.parts[operation.part].account();
  acknowledged_.push_back({account.namespace_(), account.id(), revision});
  if (result.apply().replayed()) ++writing.replayed;
  writing.TakeRevision(revision);
  if (operation.part + 1 == writing.parts.size()) return Complete(std::move(operation));
  ++operation.part;
  next_.push_back(std::move(operation));
}

void Importer::TakeLook(const std::shared_ptr<Writing>& writing, uint64_t revision) {
  if (revision != writing->revision) return KeepOutdated(writing);
  counted_.replayed += writing->replayed;
  // What came earlier in the input was there before this, so it has no say.
  ForgetOutdated(writing->key);
  Done(*writing);
}

void Importer::TakeRefusal(Operation operation, const absl::Status& status) {
  if (client::IsTransient(status) || absl::IsDeadlineExceeded(status)) {
    put_off_.push_back(std::move(operation));
    put_off_status_ = status;
  } else if (IsFatal(status) || absl::IsCancelled(status)) {
    if (fatal_.ok()) fatal_ = status;
  } else if (operation.looks && absl::IsNotFound(status)) {
    KeepOutdated(operation.writing);
  } else if (DependsOnAccount(status) && !std::exchange(operation.writing->way_made, true)) {
    if (absl::Status made = MakeWay(*operation.writing); !made.ok()) {
      return TakeRefusal(std::move(operation), made);
    }
    // Also if nothing was in the way: it may be the answer of long ago.
    Rewrite(operation.writing);
  } else {
    Refuse(operation, status);
  }
}

void Importer::Complete(Operation operation) {
  Writing& writing = *operation.writing;
  if (writing.NeedsUpdate()) {
    absl::StatusOr<v1::UpdateAccountResponse> updated;
    const absl::Status status = Persist([&] {
      updated = client_.UpdateAccount(*writing.update);
      return updated.status();
    });
    if (!status.ok()) return TakeRefusal(std::move(operation), status);
    writing.TakeRevision(updated->account().revision());
  }
  if (writing.is_fresh || writing.replayed == 0) {
    // With merge, what an earlier record wrote and lost must be written under this one.
    if (options_.write.merge && !writing.is_fresh && outdated_.contains(writing.key)) {
      return KeepOutdated(operation.writing);
    }
    ForgetOutdated(writing.key);
    return Done(writing);
  }
  if (writing.is_torn) return KeepOutdated(operation.writing);
  operation.looks = true;
  next_.push_back(std::move(operation));
}

absl::Status Importer::MakeWay(Writing& writing) {
  if (!writing.update.has_value()) return absl::OkStatus();
  v1::GetAccountRequest get;
  *get.mutable_account() = writing.update->account();
  absl::StatusOr<v1::GetAccountResponse> found;
  const absl::Status got = Persist([&] { return (found = client_.GetAccount(get)).status(); });
  if (absl::IsNotFound(got)) return absl::OkStatus();
  if (!got.ok()) return got;
  const v1::Account& account = found->account();
  v1::UpdateAccountRequest update;
  *update.mutable_account() = get.account();
  if (Sets(*writing.update, "state") && account.state() == v1::ACCOUNT_STATE_FROZEN) {
    update.mutable_update_mask()->add_paths("state");
    update.set_state(v1::ACCOUNT_STATE_ACTIVE);
  }
  const bool is_limited = account.limits().entries_max() > 0 || account.limits().bytes_max() > 0;
  if (Sets(*writing.update, "limits") && is_limited) {
    update.mutable_update_mask()->add_paths("limits");
  }
  if (update.update_mask().paths().empty()) return absl::OkStatus();
  writing.before = account;
  return Persist([&] { return client_.UpdateAccount(update).status(); });
}

void Importer::Done(Writing& writing) { ledger_.MarkDone(writing.key); }

void Importer::Refuse(const Operation& operation, const absl::Status& status) {
  ledger_.MarkRefused(operation.writing->key);
  ReportBad(operation.writing->line, Describe(status));
  const std::optional<v1::Account>& before = operation.writing->before;
  if (!before.has_value()) return;
  v1::UpdateAccountRequest update;
  *update.mutable_account() = before->ref();
  for (const char* field : {"limits", "state"}) update.mutable_update_mask()->add_paths(field);
  *update.mutable_limits() = before->limits();
  update.set_state(before->state());
  const absl::Status restored = Persist([&] { return client_.UpdateAccount(update).status(); });
  if (!restored.ok() && !absl::IsNotFound(restored)) {
    callbacks_.on_note(absl::StrCat("the limits and state of account ",
                                    Printable(before->ref().id()),
                                    " could not be put back: ", Describe(restored)));
  }
}

void Importer::KeepOutdated(const std::shared_ptr<Writing>& writing) {
  if (!options_.write.merge) ForgetOutdated(writing->key);
  outdated_[writing->key].push_back(writing);
  outdated_bytes_ += writing->bytes;
  ledger_.MarkRefused(writing->key);
}

void Importer::ForgetOutdated(const AccountKey& key) {
  const auto found = outdated_.find(key);
  if (found == outdated_.end()) return;
  for (const auto& writing : found->second) outdated_bytes_ -= writing->bytes;
  outdated_.erase(found);
}

void Importer::Rewrite(const std::shared_ptr<Writing>& writing) {
  const uint64_t nonce = client_.random()();
  for (v1::ApplyRequest& part : writing->parts) {
    part.set_request_id(FreshRequestId(part.request_id(), nonce));
  }
  if (writing->update.has_value()) {
    writing->update->set_request_id(FreshRequestId(writing->update->request_id(), nonce));
  }
  writing->is_fresh = true;
  writing->replayed = 0;
  writing->revision = 0;
  writing->is_torn = false;
  writing->is_new = false;
  next_.push_back({writing});
}

absl::Status Importer::RewriteOutdated() {
  auto outdated = std::exchange(outdated_, {});
  outdated_bytes_ = 0;
  counted_.rewritten += outdated.size();
  // One record of each account at a time.
  for (size_t turn = 0; !outdated.empty(); ++turn) {
    for (auto& [key, writings] : outdated) {
      ledger_.MarkPending(key);
      Rewrite(writings[turn]);
    }
    absl::erase_if(outdated, [turn](const auto& item) { return item.second.size() == turn + 1; });
    if (absl::Status status = Settle(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void Importer::ReportAcknowledged() {
  const std::vector<Acknowledgement> acknowledged = std::exchange(acknowledged_, {});
  if (callbacks_.on_acknowledged == nullptr || acknowledged.empty()) return;
  const absl::Status status = callbacks_.on_acknowledged(acknowledged);
  if (!status.ok() && fatal_.ok()) fatal_ = status;
}

absl::Status Importer::Settle() {
  for (;;) {
    if (session_ != nullptr) session_->Drain().IgnoreError();
    TakeAnswers();
    if (!fatal_.ok()) return fatal_;
    const absl::Status broken = std::exchange(broken_, absl::OkStatus());
    const absl::Status put_off = std::exchange(put_off_status_, absl::OkStatus());
    if (!broken.ok()) session_.reset();
    Frame unsettled = TakeUnsettled();
    if (unsettled.empty()) {
      if (next_.empty()) return absl::OkStatus();
      SendAll(std::exchange(next_, {}));
      callbacks_.on_progress(summary());
      continue;
    }
    if (IsFatal(broken)) return broken;
    if (IsRefusal(broken)) {
      if (unsettled.size() == 1) {
        Refuse(unsettled.front(), broken);
        continue;
      }
      if (absl::Status status = SendAgain(std::move(unsettled)); !status.ok()) return status;
      continue;
    }
    if (absl::Status status = WaitToRetry(broken.ok() ? put_off : broken); !status.ok()) {
      return status;
    }
    SendAll(std::move(unsettled));
  }
}

// The daemon refused one of these frames as a whole: one operation at a time shows which it was.
absl::Status Importer::SendAgain(Frame operations) {
  for (Operation& operation : operations) {
    Frame frame;
    frame.push_back(std::move(operation));
    Send(std::move(frame));
    if (absl::Status status = Settle(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

Importer::Frame Importer::TakeUnsettled() {
  Frame unsettled = std::exchange(put_off_, {});
  for (auto& [number, frame] : sent_) {
    std::move(frame.begin(), frame.end(), std::back_inserter(unsettled));
  }
  sent_.clear();
  return unsettled;
}

absl::Status Importer::WaitToRetry(const absl::Status& reason) {
  if (callbacks_.is_interrupted()) {
    counted_.interrupted = true;
    return absl::CancelledError("interrupted");
  }
  const absl::Time now = client_.clock().Now();
  const absl::Duration wait = backoff_.Next(reason);
  const bool is_new = trouble_since_ == absl::InfiniteFuture();
  if (is_new) trouble_since_ = now;
  if (now + wait > trouble_since_ + options_.retry_for) return reason;
  if (is_new && absl::IsUnavailable(reason)) {
    callbacks_.on_note(absl::StrCat("the daemon is away; trying again for up to ",
                                    HumanDuration(options_.retry_for)));
  }
  client_.clock().Wait(wait);
  return absl::OkStatus();
}

absl::Status Importer::Persist(const std::function<absl::Status()>& call) {
  for (;;) {
    const absl::Status status = call();
    if (status.ok()) trouble_since_ = absl::InfiniteFuture();
    if (!client::IsTransient(status)) return status;
    if (absl::Status wait = WaitToRetry(status); !wait.ok()) return wait;
  }
}

void Importer::ReportBad(uint64_t line, const std::string& why) {
  ++counted_.bad_records;
  callbacks_.on_bad_record(line, why);
}

}  // namespace shardd::shardctl
