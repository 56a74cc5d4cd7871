#pragma once

#include <grpcpp/server.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/limits.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/call_context.h"
#include "server/rpc/completion.h"
#include "server/rpc/health_service.h"
#include "server/runtime/runtime.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd::rpc {

// The gRPC front end: takes calls, hands work to the runtime, brings answers back.
//
// In the order of its life: constructed; given to Runtime::Start as the sink; Serve; SetServing;
// then, to stop: SetServing(false), BeginDrain, the runtime's Drain, Shutdown; then the runtime
// goes, then this.
//
// Thread safety: OnReply, OnWatchEvent, OnCoordinatorReply, SetServing, BeginDrain, counts,
// unsent_bytes and Status from any thread; the rest from one.
class GrpcFrontEnd final : public ReplySink {
 public:
  struct Options {
    std::string listen = "127.0.0.1:0";  // host:port; port 0 takes a free one
    size_t pollers = 0;                  // polling threads; 0: one for each two cores
    bool reflection = true;
    size_t calls_max = limits::kCallsInFlightMax;
    size_t unsent_bytes_max = limits::kUnsentBytesMax;
    size_t memory_bytes_max = size_t{1} << 30;  // for gRPC's own buffers
    absl::Duration connection_age_max = absl::Minutes(30);
    // For Status and GetConfig; `listen` and `start_time` are filled in here.
    DaemonFacts facts;
  };

  // Both must outlive the front end.
  GrpcFrontEnd(Options options, const Clock& clock, ThreadRegistry& threads);
  ~GrpcFrontEnd() override;

  // Opens the port and takes calls. Health says NOT_SERVING until SetServing. `runtime` must live
  // until Shutdown has returned. Errors: kUnavailable if the address cannot be had, because someone
  // else has it or it is not one of this machine's.
  absl::Status Serve(Runtime& runtime);

  // The real port. REQUIRES: Serve has succeeded.
  int port() const { return port_; }

  // What health answers, and tells its watchers.
  void SetServing(bool serving);

  // Refuses new work with kDraining and ends streams with it, after what they have under way.
  // Operators can still look on.
  void BeginDrain();

  // Closes the port and all connections; calls that are not over at `deadline` are cut off. Joins
  // the pollers. A call that the runtime has left unanswered stays allocated. REQUIRES: the runtime
  // has been drained. Harmless when called again.
  void Shutdown(absl::Time deadline);

  void OnReply(Reply reply) override;
  void OnWatchEvent(WatchEvent event) override;
  void OnCoordinatorReply(CoordinatorReply reply) override;

  // Of all methods since the start.
  std::vector<MethodCounts> counts() const { return context_.metrics.Read(); }
  // Bytes of entries in answers that are not sent yet.
  size_t unsent_bytes() const { return context_.unsent.bytes(); }
  // As AdminService.Status. REQUIRES: Serve has succeeded.
  v1::StatusResponse Status() const;

 private:
  void AddServices();
  void Configure(grpc::ServerBuilder& builder) const;
  void StartPollers();
  void Poll(Lane& lane, ThreadRecord& record);

  const Options options_;
  ThreadRegistry& threads_;
  CallContext context_;
  DaemonFacts facts_;
  HealthBoard health_;
  std::vector<std::unique_ptr<DescribedService>> services_;
  std::vector<std::string> service_names_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<ServiceThread>> pollers_;
};

}  // namespace shardd::rpc
