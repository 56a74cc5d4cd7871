#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "storage/store.h"

namespace shardd {

// The first token of the leases of this run: above all that any earlier run can have given. Leases
// are not stored, so that receiving writes nothing; that tokens are never used twice follows from
// counting the starts, in the upper 24 bits. Counts this one, durably. Call it once in a run,
// before the first lease. Errors: kStorageFailed, kStorageCorrupt.
absl::StatusOr<uint64_t> FirstLeaseOfRun(storage::Store& store);

}  // namespace shardd
