#pragma once

#include "server/logging/log.h"

namespace shardd {

// While it lives, what gRPC itself has to say goes to the log, as component "grpc": errors as
// errors, the rest as debug. Before and after, gRPC says nothing at all.
//
// One at a time in a process. Construct it before anything else that uses gRPC.
//
// Thread safety: gRPC's threads may go on writing lines while it is destroyed.
class GrpcLogLines {
 public:
  // REQUIRES: `log` outlives this.
  explicit GrpcLogLines(Log& log);
  ~GrpcLogLines();
  GrpcLogLines(const GrpcLogLines&) = delete;
  GrpcLogLines& operator=(const GrpcLogLines&) = delete;
};

}  // namespace shardd
