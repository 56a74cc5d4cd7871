#include "server/daemon/grpc_log_lines.h"

#include "absl/strings/string_view.h"
#include "server/base/check.h"
#include "server/base/mutex.h"
#include "server/rpc/grpc_log.h"

namespace shardd {
namespace {

// gRPC calls a plain function, from threads of its own that nobody joins: this is where they find
// the log, and where they learn that it is gone. A lock, for a message would need a thread that
// outlives the log.
struct Target {
  Mutex mutex;
  Log* log ABSL_GUARDED_BY(mutex) = nullptr;
};

Target& TheTarget() {
  static Target* const target = new Target;  // never destroyed: threads may outlive main
  return *target;
}

void WriteLine(bool error, absl::string_view message) {
  Target& target = TheTarget();
  const MutexLock lock(target.mutex);
  if (target.log == nullptr) return;
  if (error) {
    target.log->Error("grpc", message);
  } else {
    target.log->Debug("grpc", message);
  }
}

}  // namespace

GrpcLogLines::GrpcLogLines(Log& log) {
  {
    Target& target = TheTarget();
    const MutexLock lock(target.mutex);
    SHARDD_CHECK(target.log == nullptr);
    target.log = &log;
  }
  rpc::SendGrpcLogTo(&WriteLine);
}

GrpcLogLines::~GrpcLogLines() {
  Target& target = TheTarget();
  const MutexLock lock(target.mutex);
  target.log = nullptr;
}

}  // namespace shardd
