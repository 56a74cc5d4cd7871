#pragma once

#include <cstddef>
#include <functional>
#include <limits>
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
  // Stop after this many changes; 0 means never.
  size_t count = 0;
};

void AddFollowOptions(CLI::App* app, FollowOptions* options);

// Prints one row of an endless list at once: as a line of columns, a jsonl line, or csv.
void PrintFollowed(Invocation& invocation, const std::vector<Column>& columns, const Row& row);

// Reads a watch until it is interrupted or has seen enough. `take` prints the changes in a message,
// at most so many, and returns how many they were: none in a mere sign of life. When the daemon is
// away, opens the watch again; `take` must have noted where to go on.
template <typename Response>
absl::StatusOr<ExitCode> Follow(Invocation& invocation, const FollowOptions& options,
                                const client::RandomBits& random,
                                const std::function<client::ResponseStream<Response>()>& open,
                                const std::function<size_t(const Response&, size_t max)>& take) {
  client::Backoff backoff(client::RetryPolicy(), random);
  absl::Time give_up = invocation.clock.Now() + options.retry_for;
  for (size_t left = options.count > 0 ? options.count : std::numeric_limits<size_t>::max();;) {
    client::ResponseStream<Response> stream = open();
    const Interrupt::Scope scope(invocation.interrupt, [&stream] { stream.Cancel(); });
    absl::StatusOr<std::optional<Response>> next = stream.Next();
    for (; next.ok() && next->has_value(); next = stream.Next()) {
      left -= take(**next, left);
      backoff.Reset();
      give_up = invocation.clock.Now() + options.retry_for;
      if (left == 0) return kOk;
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
