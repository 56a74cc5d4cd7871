#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "client/error.h"
#include "client/response_stream.h"
#include "client/retry.h"
#include "client/shardctl/command.h"
#include "client/shardctl/rows.h"

namespace shardd::shardctl {

struct FollowOptions {
  // How long the daemon may be away.
  absl::Duration retry_for = absl::Seconds(30);
  // Stop after this many messages with content; 0 means never.
  size_t count = 0;
};

void AddFollowOptions(CLI::App* app, FollowOptions* options);

// Prints one row of an endless list at once: as a line of columns, a jsonl line, or csv.
void PrintFollowed(Invocation& invocation, const std::vector<Column>& columns, const Row& row);

// Whether a message of a watch is more than a sign of life.
bool HasContent(const v1::WatchAccountResponse& response);
bool HasContent(const v1::WatchTableResponse& response);

// Reads a watch until it is interrupted. When the daemon is away, opens it again; `take` must have
// noted where to go on.
template <typename Response>
absl::StatusOr<ExitCode> Follow(Invocation& invocation, const FollowOptions& options,
                                const client::RandomBits& random,
                                const std::function<client::ResponseStream<Response>()>& open,
                                const std::function<void(const Response&)>& take) {
  client::Backoff backoff(client::RetryPolicy(), random);
  absl::Time give_up = invocation.clock.Now() + options.retry_for;
  for (size_t messages = 0;;) {
    client::ResponseStream<Response> stream = open();
    const Interrupt::Scope scope(invocation.interrupt, [&stream] { stream.Cancel(); });
    absl::StatusOr<std::optional<Response>> next = stream.Next();
    for (; next.ok() && next->has_value(); next = stream.Next()) {
      take(**next);
      backoff.Reset();
      give_up = invocation.clock.Now() + options.retry_for;
      if (HasContent(**next) && ++messages == options.count) return kOk;
    }
    if (invocation.interrupt.requested()) return kInterrupted;
    const absl::Status status =
        next.ok() ? absl::UnavailableError("the daemon ended the stream") : next.status();
    if (!client::IsTransient(status)) return status;
    const absl::Duration wait = backoff.Next(status);
    if (invocation.clock.Now() + wait > give_up) return status;
    invocation.clock.Wait(wait);
  }
}

}  // namespace shardd::shardctl
