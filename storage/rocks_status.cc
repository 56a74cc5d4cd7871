#include "storage/rocks_status.h"

#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace shardd::storage {
namespace {

constexpr absl::string_view kOpenErrorPayload = "shardd/open-error";

absl::Status BaseError(OpenError kind, absl::string_view message) {
  switch (kind) {
    case OpenError::kOther:
      return absl::UnknownError(message);
    case OpenError::kInvalidOptions:
      return absl::InvalidArgumentError(message);
    case OpenError::kInUse:
    case OpenError::kNewerFormat:
    case OpenError::kUnknownFamily:
      return absl::FailedPreconditionError(message);
    case OpenError::kCorrupt:
      return Error(Reason::kStorageCorrupt, message);
    case OpenError::kDiskFull:
      return Error(Reason::kDiskFull, message);
    case OpenError::kIo:
      return Error(Reason::kStorageFailed, message);
  }
  return absl::UnknownError(message);
}

// RocksDB has no code of its own for a lock that is held; its message is all there is.
bool SaysLockHeld(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() &&
         (absl::StrContains(text, "lock hold by") || absl::StrContains(text, "While lock file"));
}

OpenError KindOf(const rocksdb::Status& status) {
  // A missing file is damage here: whether there is a database at all was settled before.
  if (status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound()) {
    return OpenError::kCorrupt;
  }
  if (status.IsNoSpace()) return OpenError::kDiskFull;
  if (SaysLockHeld(status)) return OpenError::kInUse;
  if (status.IsIOError()) return OpenError::kIo;
  return OpenError::kOther;
}

}  // namespace

absl::Status ReadError(const rocksdb::Status& status, absl::string_view what) {
  const Reason reason = status.IsCorruption() ? Reason::kStorageCorrupt : Reason::kStorageFailed;
  return Error(reason, absl::StrCat(what, ": ", status.ToString()));
}

absl::Status WriteError(const rocksdb::Status& status, absl::string_view what) {
  return Error(Reason::kStorageFailed, absl::StrCat(what, ": ", status.ToString()));
}

absl::Status MakeOpenError(OpenError kind, absl::string_view message) {
  absl::Status error = BaseError(kind, message);
  error.SetPayload(kOpenErrorPayload, absl::Cord(absl::StrCat(static_cast<int>(kind))));
  return error;
}

absl::Status MakeOpenError(const rocksdb::Status& status, absl::string_view path) {
  return MakeOpenError(KindOf(status),
                       absl::StrCat("cannot open data folder ", path, ": ", status.ToString()));
}

OpenError OpenErrorOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kOpenErrorPayload);
  int kind = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &kind)) {
    return OpenError::kOther;
  }
  return static_cast<OpenError>(kind);
}

}  // namespace shardd::storage
