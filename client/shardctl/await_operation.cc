#include "client/shardctl/await_operation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "client/shardctl/present.h"
#include "client/shardctl/progress.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

// How long the daemon is asked to wait: less than a call may take, so that a dead daemon is
// noticed, and short enough to show progress and to end soon after an interrupt.
constexpr absl::Duration kOneWaitMax = absl::Milliseconds(500);

v1::WaitOperationRequest WaitRequest(const std::string& id, absl::Duration time) {
  v1::WaitOperationRequest request;
  request.set_id(id);
  request.mutable_timeout()->set_seconds(absl::IDivDuration(time, absl::Seconds(1), &time));
  request.mutable_timeout()->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(time)));
  return request;
}

absl::StatusOr<v1::Operation> WaitCallByCall(Invocation& invocation, const std::string& id,
                                             absl::Duration patience) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const absl::Duration one_wait = std::min(kOneWaitMax, invocation.options.timeout / 2);
  const absl::Time give_up = invocation.clock.Now() + patience;
  const Interrupt::Scope scope(invocation.interrupt, [] {});
  Progress progress(invocation.terminal, invocation.clock, "steps", /*bytes_total=*/0);
  for (;;) {
    const absl::Duration rest = give_up - invocation.clock.Now();
    auto response =
        (*daemon)->WaitOperation(WaitRequest(id, std::clamp(rest, absl::ZeroDuration(), one_wait)));
    if (!response.ok()) return response.status();
    if (HasEnded(response->operation())) return response->operation();
    progress.Say(absl::StrCat(id, ": ", Printable(response->operation().status_message())));
    progress.Show(response->operation().steps_done(), /*bytes_done=*/0);
    if (invocation.interrupt.requested()) return absl::CancelledError("interrupted");
    // Not a deadline exceeded, which says that the daemon is silent: it answered all the time.
    if (invocation.clock.Now() >= give_up) {
      return absl::UnknownError(absl::StrCat("operation ", id, " has not ended yet"));
    }
  }
}

}  // namespace

ExitCode PrintOperation(Invocation& invocation, const v1::Operation& operation) {
  PrintObject(invocation.terminal.out, invocation.rows_options(), "operation", OperationColumns(),
              OperationRow(operation));
  return kOk;
}

absl::StatusOr<ExitCode> ShowBegun(Invocation& invocation, const v1::Operation& begun, bool wait) {
  const bool runs = !begun.id().empty();
  if (!wait || !runs) {
    PrintOperation(invocation, begun);
    if (runs) {
      invocation.Note(absl::StrCat("It goes on. Wait: shardctl operation wait ", begun.id()));
    }
    return kOk;
  }
  const auto ended = AwaitOperation(invocation, begun.id(), absl::InfiniteDuration());
  if (!ended.ok()) return ended.status();
  PrintOperation(invocation, *ended);
  const absl::Status outcome = client::FromOperation(*ended);
  if (!outcome.ok()) return outcome;
  return kOk;
}

absl::StatusOr<v1::Operation> AwaitOperation(Invocation& invocation, const std::string& id,
                                             absl::Duration patience) {
  auto operation = WaitCallByCall(invocation, id, patience);
  const absl::Status& status = operation.status();
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status) ||
      absl::IsUnavailable(status) || absl::IsUnknown(status)) {
    invocation.Note(absl::StrCat("It goes on. Wait again: shardctl operation wait ", id));
  }
  return operation;
}

}  // namespace shardd::shardctl
