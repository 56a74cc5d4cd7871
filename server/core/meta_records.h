#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/account/account_record.h"
#include "server/account/record_key.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "storage/store.h"

namespace shardd {

// Calls `use(rest of key, value)` for every record in meta whose key begins with `prefix`, in
// order. Errors: those of `use`, kStorageCorrupt, kStorageFailed.
template <typename Use>
absl::Status ForEachRecord(const storage::Reader& meta, absl::string_view prefix, Use use) {
  const std::string lower(prefix);
  const auto cursor = meta.NewCursor(storage::kMeta, {lower, PrefixEnd(lower)});
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    SHARDD_RETURN_IF_ERROR(use(cursor->key().substr(prefix.size()), cursor->value()));
  }
  return cursor->status();
}

// For a record in meta.
inline absl::Status Unreadable(absl::string_view what) {
  return Error(Reason::kStorageCorrupt, absl::StrCat("the stored ", what, " cannot be read"));
}

// So that a restart changes nothing of what was shown.
inline absl::Time AsStored(absl::Time time) { return FromStoredTime(ToStoredTime(time)); }

}  // namespace shardd
