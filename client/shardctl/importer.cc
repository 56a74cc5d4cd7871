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

// Why an operation failed, in a line.
std::string Describe(const absl::Status& status) {
  const std::string reason = client::DetailOf(status).reason_name;
  return absl::StrCat(std::string(status.message()), reason.empty() ? "" : " (", reason,
                      reason.empty() ? "" : ")");
}

}  // namespace

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
  if (session_ != nullptr) session_->Finish().IgnoreError();
  return summary();
}

absl::Status Importer::Accept(const Record& record) {
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
  std::vector<Operation> parts;
  for (v1::ApplyRequest& write : WritesFor(record, *earlier, options_.write)) {
    Operation& operation = parts.emplace_back();
    *operation.request.mutable_apply() = std::move(write);
    operation.bytes = operation.request.ByteSizeLong();
    operation.line = record.line;
    operation.key = key;
    operation.completes = false;
  }
  parts.back().completes = true;
  parts.back().labels = record.labels;
  if (parts.size() > 1) return SendParts(std::move(parts));
  return Add(std::move(parts.front()));
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
  const bool full = frame_.size() >= options_.frame_operations_max ||
                    frame_bytes_ + operation.bytes > options_.frame_bytes_max;
  if (full && !frame_.empty()) {
    if (absl::Status status = FlushFrame(); !status.ok()) return status;
  }
  frame_bytes_ += operation.bytes;
  frame_.push_back(std::move(operation));
  return absl::OkStatus();
}

absl::Status Importer::SendParts(std::vector<Operation> parts) {
  if (absl::Status status = FlushFrame(); !status.ok()) return status;
  const uint64_t bad_before = counted_.bad_records;
  for (Operation& part : parts) {
    if (absl::Status status = Settle(); !status.ok()) return status;
    // A part that was refused leaves the account as it is by now.
    if (counted_.bad_records > bad_before) return absl::OkStatus();
    frame_.push_back(std::move(part));
    if (absl::Status status = FlushFrame(); !status.ok()) return status;
  }
  return Settle();
}

absl::Status Importer::FlushFrame() {
  TakeAnswers();
  if (!broken_.ok() || !put_off_.empty()) {
    if (absl::Status status = Settle(); !status.ok()) return status;
  }
  if (!fatal_.ok()) return fatal_;
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
  for (const Operation& operation : frame) *request.add_operations() = operation.request;
  const uint64_t number = ++last_frame_;
  sent_[number] = std::move(frame);
  const auto keep_answer = [this, number](absl::StatusOr<v1::SessionResponse> response) {
    const std::lock_guard<std::mutex> lock(answers_mutex_);
    answers_.push_back({number, std::move(response)});
  };
  // A broken session answers the frame with its error.
  session_->Send(std::move(request), keep_answer).IgnoreError();
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
  if (result.apply().replayed()) ++counted_.replayed;
  const v1::AccountRef& account = operation.request.apply().account();
  acknowledged_.push_back({account.namespace_(), account.id(), result.apply().revision()});
  if (operation.completes) Complete(operation);
}

void Importer::TakeRefusal(Operation operation, const absl::Status& status) {
  if (client::IsTransient(status) || absl::IsDeadlineExceeded(status)) {
    put_off_.push_back(std::move(operation));
    put_off_status_ = status;
  } else if (IsFatal(status) || absl::IsCancelled(status)) {
    if (fatal_.ok()) fatal_ = status;
  } else {
    Refuse(operation, status);
  }
}

void Importer::Complete(const Operation& operation) {
  const v1::ApplyRequest& write = operation.request.apply();
  if (!operation.labels.empty()) {
    v1::UpdateAccountRequest update;
    *update.mutable_account() = write.account();
    update.set_request_id(absl::StrCat(write.request_id(), "-labels"));
    update.mutable_update_mask()->add_paths("labels");
    for (const auto& [key, value] : operation.labels) (*update.mutable_labels())[key] = value;
    const absl::Status status = Persist([&] { return client_.UpdateAccount(update).status(); });
    if (!status.ok()) {
      TakeRefusal(operation, status);
      return;
    }
  }
  ledger_.MarkDone(operation.key);
}

void Importer::Refuse(const Operation& operation, const absl::Status& status) {
  ledger_.MarkRefused(operation.key);
  ReportBad(operation.line, Describe(status));
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
    if (unsettled.empty()) return absl::OkStatus();
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
    Frame frame;
    size_t bytes = 0;
    for (Operation& operation : unsettled) {
      if (!frame.empty() && (frame.size() >= options_.frame_operations_max ||
                             bytes + operation.bytes > options_.frame_bytes_max)) {
        Send(std::exchange(frame, {}));
        bytes = 0;
      }
      bytes += operation.bytes;
      frame.push_back(std::move(operation));
    }
    Send(std::move(frame));
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
