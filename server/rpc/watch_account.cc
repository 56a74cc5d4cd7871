#include "server/rpc/watch_account.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_requests.h"
#include "server/rpc/convert_results.h"

namespace shardd::rpc {
namespace {

absl::Status TooSlow() {
  return Error(Reason::kWatchTooSlow,
               absl::StrCat("more than ", limits::kWatchBufferChangesMax, " changes or ",
                            limits::kWatchBufferBytesMax,
                            " bytes wait for this watch; begin again after the last revision "
                            "received, and read faster"));
}

absl::Status TooLargeToSend(uint64_t revision) {
  return Error(Reason::kRevisionCompacted,
               absl::StrCat("the change of revision ", revision,
                            " is too large for a message; read the account, then watch from its "
                            "revision on"));
}

absl::Status Moved() {
  return Error(Reason::kStaleEpoch,
               "the account has moved to another shard; begin again after the last revision "
               "received");
}

}  // namespace

void WatchAccount::OnStart() {
  const absl::Status started = StartWatch();
  if (!started.ok()) Finish(started);
}

absl::Status WatchAccount::StartWatch() {
  SHARDD_ASSIGN_OR_RETURN(WatchRequest request, FromProto(std::move(WriteStream::request())));
  SHARDD_RETURN_IF_ERROR(Validate(request));
  account_ = request.account;
  id_ = shared().registry.Add(std::static_pointer_cast<WatchAccount>(shared_from_this()));
  watching_ = true;
  const absl::Status accepted = runtime().Submit(
      ShardRequest{.call = id_, .deadline = deadline(), .epoch = 0, .body = std::move(request)});
  if (accepted.ok()) return accepted;
  watching_ = false;
  shared().registry.Remove(id_);
  return accepted;
}

void WatchAccount::OnWatchEvent(WatchEvent event) {
  size_t bytes = 0;
  for (const auto& change : event.changes) bytes += change->ByteSize();
  {
    MutexLock lock(mutex_);
    // One event always fits an empty buffer: it is bounded by what its sender keeps.
    const bool fits = changes_.empty() ||
                      (changes_.size() + event.changes.size() <= limits::kWatchBufferChangesMax &&
                       bytes_ + bytes <= limits::kWatchBufferBytesMax);
    if (fits && end_.ok()) {
      bytes_ += bytes;
      changes_.insert(changes_.end(), event.changes.begin(), event.changes.end());
      progress_ = event.progress_revision;
      if (event.changes.empty()) sign_of_life_ = true;
    } else if (end_.ok()) {
      end_ = TooSlow();
    }
  }
  Poke();
}

void WatchAccount::OnReply(uint32_t, absl::StatusOr<ShardAnswer> answer) {
  {
    MutexLock lock(mutex_);
    watch_ended_ = true;
    if (end_.ok()) end_ = answer.ok() ? Moved() : answer.status();
  }
  Poke();
}

void WatchAccount::OnPoked() {
  absl::Status end;
  {
    MutexLock lock(mutex_);
    end = end_;
    if (watch_ended_) watching_ = false;
  }
  if (!end.ok()) return Finish(end);
  WriteNext();
}

void WatchAccount::WriteNext() {
  if (writing() || over()) return;
  v1::WatchAccountResponse response;
  uint64_t too_large = 0;
  {
    MutexLock lock(mutex_);
    size_t size = 0;
    while (!changes_.empty() && size < limits::kPageBytesMax) {
      const AccountChange& change = *changes_.front();
      const size_t change_size = change.ByteSize();
      if (size > 0 && size + change_size > limits::kMessageBytesMax) break;
      if (change_size > limits::kMessageBytesMax) too_large = change.revision;
      if (too_large > 0) break;
      ToProto(change, *response.add_changes());
      size += change_size;
      bytes_ -= change_size;
      changes_.pop_front();
    }
    const bool all_sent = changes_.empty();
    if (response.changes_size() == 0 && too_large == 0 && !(all_sent && sign_of_life_)) return;
    if (all_sent) sign_of_life_ = false;
    response.set_progress_revision(all_sent || response.changes_size() == 0
                                       ? progress_
                                       : response.changes(response.changes_size() - 1).revision());
  }
  if (too_large > 0 && response.changes_size() == 0) return Finish(TooLargeToSend(too_large));
  Write(response);
}

void WatchAccount::OnOver() {
  if (id_.call != 0) shared().registry.Remove(id_);
  StopWatch();
}

void WatchAccount::StopWatch() {
  if (!watching_) return;
  watching_ = false;
  // Refused only by a daemon that stops, which ends every watch.
  runtime().Submit(ShardRequest{.call = id_, .body = UnwatchRequest{account_}}).IgnoreError();
}

}  // namespace shardd::rpc
