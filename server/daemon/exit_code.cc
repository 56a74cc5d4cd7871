#include "server/daemon/exit_code.h"

namespace shardd {

ExitCode ExitCodeOf(storage::OpenError error) {
  switch (error) {
    case storage::OpenError::kOther:
      return ExitCode::kOther;
    case storage::OpenError::kInvalidOptions:
      return ExitCode::kConfig;
    case storage::OpenError::kInUse:
      return ExitCode::kHeld;
    case storage::OpenError::kNewerFormat:
    case storage::OpenError::kUnknownFamily:
    case storage::OpenError::kCorrupt:
    case storage::OpenError::kDiskFull:
    case storage::OpenError::kIo:
      return ExitCode::kIo;
  }
  return ExitCode::kOther;
}

ExitCode ExitCodeOfListen(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kAlreadyExists) return ExitCode::kHeld;
  if (status.code() == absl::StatusCode::kInvalidArgument) return ExitCode::kConfig;
  return ExitCode::kOther;
}

}  // namespace shardd
