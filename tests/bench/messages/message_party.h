#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/bench/dataset.h"
#include "tests/bench/messages/message_flights.h"

namespace shardd::bench {

// When nothing has happened for so long, something was lost.
inline constexpr absl::Duration kMessagePatience = absl::Seconds(20);

// Who brings messages: durably from a send to a consumer, who writes the payload into the
// receiver's state and acknowledges the message, again durably.
//
// Thread safety: none. Each party uses one thread, but for what its client library starts by
// itself.
class MessageParty {
 public:
  virtual ~MessageParty() = default;

  // Writes the state of every receiver once. On an empty server.
  virtual absl::Status Fill(const DatasetOptions& options) = 0;

  // Makes ready for a run: there are no messages yet.
  virtual absl::Status Prepare() = 0;

  // Sends messages and consumes them until `flights` is over. Any failed or wrong answer ends it.
  virtual absl::Status Run(MessageFlights& flights) = 0;

  // Whether the server agrees that `sent` messages were sent since Prepare, and none is left.
  virtual absl::Status CheckNothingLeft(uint64_t sent) = 0;
};

}  // namespace shardd::bench
