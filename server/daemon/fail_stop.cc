#include "server/daemon/fail_stop.h"

#include <cstdlib>
#include <string>

#include "server/daemon/exit_code.h"

namespace shardd {

void FailStop(const absl::Status& reason, Log& log) {
  log.Error("storage",
            "storage failed; stopping at once, and the next start replays what was acknowledged",
            {{"reason", std::string(reason.message())},
             {"exit_code", static_cast<int>(ExitCode::kStorageFailed)}});
  log.Flush();
  std::_Exit(static_cast<int>(ExitCode::kStorageFailed));
}

}  // namespace shardd
