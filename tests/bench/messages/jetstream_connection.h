#pragma once

#include <nats/nats.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shardd::bench {

struct FreeNats {
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(jsCtx* jetstream) const { jsCtx_Destroy(jetstream); }
  void operator()(jsStreamInfo* info) const { jsStreamInfo_Destroy(info); }
  void operator()(jsConsumerInfo* info) const { jsConsumerInfo_Destroy(info); }
  void operator()(kvStore* store) const { kvStore_Destroy(store); }
};
template <typename T>
using NatsOwned = std::unique_ptr<T, FreeNats>;

// `status` as ours; `what` says what failed.
absl::Status FromNats(natsStatus status, absl::string_view what);

// A connection to a NATS server on which requests are pipelined: what is asked, and what comes in
// answer, are told apart by a name that the asker chooses.
//
// Thread safety: none, but the library reads and writes the socket on threads of its own.
class JetStreamConnection {
 public:
  // Connects to HOST:PORT.
  static absl::StatusOr<JetStreamConnection> Open(const std::string& address);

  // Sends a request. NameOf tells what answers it from other messages.
  absl::Status Request(const std::string& subject, absl::string_view name,
                       absl::string_view payload);

  // The next message that comes. DEADLINE_EXCEEDED if none does for too long; an error too if it
  // says that a request failed.
  absl::StatusOr<NatsOwned<natsMsg>> Next();

  // The name that the request was given which `message` answers. A message of a stream has none:
  // it comes under its own subject, also when it was asked for.
  absl::string_view NameOf(natsMsg& message) const;

  jsCtx* jetstream() { return jetstream_.get(); }

 private:
  JetStreamConnection() = default;

  NatsOwned<natsConnection> connection_;
  NatsOwned<jsCtx> jetstream_;
  NatsOwned<natsSubscription> answers_;
  std::string inbox_;  // Ends in a dot.
};

absl::string_view DataOf(natsMsg& message);

}  // namespace shardd::bench
