#include "server/rpc/grpc_log.h"

#include <grpc/support/log.h>

#include <atomic>

namespace shardd::rpc {
namespace {

std::atomic<GrpcLogFunction> g_log{nullptr};

void Forward(gpr_log_func_args* arguments) {
  const GrpcLogFunction log = g_log.load();
  if (log != nullptr) log(arguments->severity == GPR_LOG_SEVERITY_ERROR, arguments->message);
}

}  // namespace

void SendGrpcLogTo(GrpcLogFunction log) {
  g_log.store(log);
  gpr_set_log_function(&Forward);
}

}  // namespace shardd::rpc
