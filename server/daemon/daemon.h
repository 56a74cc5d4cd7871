#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/config/settings.h"
#include "server/daemon/drain.h"
#include "server/daemon/exit_code.h"
#include "server/daemon/grpc_log_lines.h"
#include "server/daemon/metrics.h"
#include "server/daemon/notify_socket.h"
#include "server/daemon/signal_watcher.h"
#include "server/daemon/stop_requests.h"
#include "server/http/admin_pages.h"
#include "server/http/server.h"
#include "server/logging/log.h"
#include "server/logging/urgent_log.h"
#include "server/rpc/server.h"
#include "server/runtime/runtime.h"
#include "server/runtime/thread_watchdog.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/store.h"

namespace shardd {

// The daemon: puts store, runtime, front end and HTTP port together, runs until it is asked to
// stop, and takes them apart in the right order. Decides nothing about accounts.
//
// Stages: starting (HTTP answers: alive, not ready) → serving → draining → closed. A storage
// failure ends the process at once, from whichever thread met it: nothing that was not acknowledged
// matters, and the next start replays what was.
//
// Thread safety: none; the pages are read by HTTP threads. REQUIRES: PrepareSignals was called.
class Daemon {
 public:
  // Both must outlive the daemon.
  Daemon(const Settings& settings, Log& log);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Runs until a signal asks it to stop, and returns how the process should end. Call it once.
  ExitCode Run();

  // Prints commands to try to stderr once it serves; for people who have just met it.
  void set_suggest_commands(bool suggest) { suggest_commands_ = suggest; }

 private:
  enum class Stage { kStarting, kServing, kDraining };
  class Steps;  // what a drain acts on
  class Timer;

  // In this order. An error leaves what was made to TakeApart, and its code in failure_code_.
  absl::Status Start();
  void StartWatchdog();
  absl::Status StartHttp();
  absl::Status OpenStore();
  absl::Status StartRuntime();
  absl::Status StartFrontEnd();
  void AnnounceServing();
  void AwaitStopRequest();
  ExitCode DrainAndClose();
  // After a failed start.
  void TakeApart();
  absl::Status Fail(ExitCode code, absl::Status status);

  rpc::DaemonFacts FactsOf(std::string instance_id) const;
  std::vector<http::ReadyCheck> ReadyChecks() const;
  std::string MetricsPage() const;

  const Config& config_;
  const Settings& settings_;
  Log& log_;
  const GrpcLogLines grpc_log_lines_;
  const Clock& clock_;
  const absl::Time start_time_;
  mutable OperationTally tally_;  // for /metrics
  bool suggest_commands_ = false;
  ExitCode failure_code_ = ExitCode::kOther;
  NotifySocket notify_;
  StopRequests stops_;
  ThreadRegistry threads_;
  const std::shared_ptr<ThreadRecord> record_;  // of the thread that calls Run
  std::atomic<Stage> stage_{Stage::kStarting};

  // From the bottom up: each uses those before it, so they are destroyed in the other order. HTTP
  // threads read runtime_ and front_end_ from stage kServing on.
  std::unique_ptr<UrgentLog> urgent_log_;
  std::unique_ptr<ThreadWatchdog> watchdog_;
  std::unique_ptr<SignalWatcher> signals_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<rpc::GrpcFrontEnd> front_end_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<http::Server> http_;
};

}  // namespace shardd
