#pragma once

#include <memory>

#include "absl/status/status.h"
#include "storage/store.h"

// For stores only: what reads of a home answer that is not there. See IsHomeGone.
namespace shardd::storage {

absl::Status HomeGoneError(Family home);

// A cursor that only ever says so.
std::unique_ptr<Cursor> MakeHomeGoneCursor(Family home);

}  // namespace shardd::storage
