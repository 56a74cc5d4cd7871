#include "server/rpc/call_context.h"

#include <grpc/support/time.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace shardd::rpc {

void OpenStreams::Add(EndableStream* key, std::weak_ptr<EndableStream> stream) {
  MutexLock lock(mutex_);
  streams_[key] = std::move(stream);
}

void OpenStreams::Remove(EndableStream* key) {
  MutexLock lock(mutex_);
  streams_.erase(key);
}

std::vector<std::shared_ptr<EndableStream>> OpenStreams::List() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<EndableStream>> open;
  for (const auto& [key, weak] : streams_) {
    if (std::shared_ptr<EndableStream> stream = weak.lock()) open.push_back(std::move(stream));
  }
  return open;
}

void OpenStreams::EndAll(const absl::Status& status) {
  for (const std::shared_ptr<EndableStream>& stream : List()) stream->EndWith(status);
}

void OpenStreams::PokeAll() {
  for (const std::shared_ptr<EndableStream>& stream : List()) stream->Poke();
}

absl::Status DrainingError() {
  return Error(Reason::kDraining, "the daemon is shutting down; try another one, or later");
}

absl::Status CallContext::Begin(Admission admission) {
  if (admission == Admission::kProbe) return absl::OkStatus();
  if (admission == Admission::kData && draining.load(std::memory_order_relaxed)) {
    return DrainingError();
  }
  if (calls.fetch_add(1, std::memory_order_relaxed) >= calls_max) {
    calls.fetch_sub(1, std::memory_order_relaxed);
    return WithRetryAfter(
        Error(Reason::kTooManyCalls,
              absl::StrCat("the daemon has ", calls_max, " calls under way, as many as it may")),
        limits::kMailboxRetryAfter);
  }
  return absl::OkStatus();
}

void CallContext::End(Admission admission) {
  if (admission != Admission::kProbe) calls.fetch_sub(1, std::memory_order_relaxed);
}

absl::Time CallContext::DeadlineOf(const grpc::ServerContext& call) const {
  const absl::Time now = clock.Now();
  const gpr_timespec deadline = call.raw_deadline();
  const gpr_timespec never = gpr_inf_future(deadline.clock_type);
  if (gpr_time_cmp(deadline, never) == 0) return now + limits::kDeadlineDefault;
  // What is left by gRPC's clock, which may differ from ours.
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  return now + std::min(absl::Seconds(left.tv_sec) + absl::Nanoseconds(left.tv_nsec),
                        limits::kDeadlineMax);
}

}  // namespace shardd::rpc
