#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/ids.h"

namespace shardd {

// Why a message could not be brought to its receiver. Stored; never reuse a number.
enum class UndeliverableReason : uint8_t {
  kNoAccount = 1,        // the receiver does not exist
  kExpired = 2,          // its time to live ended
  kTooManyAttempts = 3,  // it was received so often, and never acknowledged
  kTooManyHops = 4,      // too many messages led to it: a loop
  kMailboxFull = 5,      // its time to live ended while the receiver's mailbox was full
  kAccountDeleted = 6,   // it was in the receiver's mailbox, and never acknowledged
};

// The word operators see: "no-account".
absl::string_view ToText(UndeliverableReason reason);

// A message that is kept because it has no destination, until it is sent anew or thrown away. As
// stored (storage/FORMAT.md, "Undeliverable message"); its receiver stands in the key.
struct UndeliverableRecord {
  UndeliverableReason reason = UndeliverableReason::kNoAccount;
  // How often it was received, or sent anew and came back.
  uint64_t attempts = 0;
  absl::Time first_time;  // when it came here first
  absl::Time last_time;   // and last
  TableEpoch epoch;       // by which it had been routed
  std::string message;    // as its room encodes it

  std::string Encode() const;
  // Errors: kStorageCorrupt.
  static absl::StatusOr<UndeliverableRecord> Decode(absl::string_view bytes);
  friend bool operator==(const UndeliverableRecord&, const UndeliverableRecord&) = default;
};

}  // namespace shardd
