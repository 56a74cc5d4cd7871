#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/bench/dataset.h"
#include "tests/bench/meter.h"

namespace shardd::bench {

// The messages of one run, alike for every party: what they hold, which of them are under way, and
// whether each comes exactly once and as it was sent.
//
// A message is under way from its send until the commit that acknowledges it is answered. So many
// at most are under way at a time, until the meter's window is over.
//
// Thread safety: none.
class MessageFlights {
 public:
  struct Message {
    uint64_t number = 0;
    std::string sender;  // A random account, as the receiver is.
    std::string receiver;
    // The number, then random bytes; as long as a value.
    std::string payload;
  };

  MessageFlights(Dataset& dataset, Meter& meter, size_t in_flight_max)
      : dataset_(dataset), meter_(meter), in_flight_max_(in_flight_max) {}

  // Makes the next message over `message`, as sent now. False: nothing is to be sent now.
  bool Next(Message& message);

  // Takes what a consumer received, and returns its number. DATA_LOSS if it is not under way, came
  // before, or is not what was sent.
  absl::StatusOr<uint64_t> Received(absl::string_view receiver, absl::string_view payload);

  // The consumer's commit of a message was answered.
  absl::Status Committed(uint64_t number);

  // Whether everything that was sent is committed, and no more will be sent.
  bool Over() const { return under_way_.empty() && meter_.Over(MeterClock::now()); }

  uint64_t sent() const { return sent_; }
  size_t in_flight_max() const { return in_flight_max_; }

 private:
  struct Flight {
    MeterClock::time_point started;
    uint64_t receiver = 0;
    absl::string_view random;
    bool received = false;
  };

  Dataset& dataset_;
  Meter& meter_;
  const size_t in_flight_max_;
  uint64_t sent_ = 0;
  absl::flat_hash_map<uint64_t, Flight> under_way_;
};

}  // namespace shardd::bench
