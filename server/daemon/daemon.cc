#include "server/daemon/daemon.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/config/address.h"
#include "server/daemon/balancing_options.h"
#include "server/daemon/fail_stop.h"
#include "server/daemon/thread_report.h"
#include "server/http/listen_probe.h"
#include "server/http/metric_text.h"
#include "storage/format.h"
#include "storage/rocks_store.h"

namespace shardd {
namespace {

constexpr absl::string_view kComponent = "daemon";

// After the last answer was given: for it to reach its caller.
constexpr absl::Duration kLastAnswersTime = absl::Seconds(1);

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The address with the port that was really opened.
std::string RealAddress(const std::string& listen, uint16_t port) {
  std::optional<HostPort> address = ParseHostPort(listen);
  if (!address.has_value()) return listen;
  address->port = port;
  return ToText(*address);
}

void SuggestCommands(const std::string& address) {
  const std::string shardctl = absl::StrCat("  shardctl --endpoints ", address);
  const std::string text = absl::StrCat("\nTry:\n", shardctl, " status\n", shardctl,
                                        " state put cart-17 color blue --create-account\n",
                                        shardctl, " state scan cart-17\n\n");
  std::fputs(text.c_str(), stderr);
}

storage::RocksOptions StoreOptions(const Config& config, Log& log) {
  storage::RocksOptions options;
  options.path = config.data;
  options.cache_bytes = config.cache_bytes.value;
  options.write_buffer_bytes = config.write_buffer_bytes.value;
  options.wal_bytes_max = config.wal_bytes_max.value;
  options.reserve_bytes = config.reserve_bytes.value;
  options.on_failure = [&log](const absl::Status& status) { FailStop(status, log); };
  return options;
}

}  // namespace

// What a drain does to the daemon.
class Daemon::Steps final : public DrainSteps {
 public:
  explicit Steps(Daemon& daemon) : daemon_(daemon) {}

  void StopBeingReady() override {
    daemon_.stage_.store(Stage::kDraining);
    daemon_.notify_.Stopping("draining");
    daemon_.front_end_->SetServing(false);
  }

  void RefuseNewWork() override { daemon_.front_end_->BeginDrain(); }

  uint64_t Unfinished() override {
    uint64_t waiting = 0;
    for (const ShardStatus& shard : daemon_.runtime_->Shards()) waiting += shard.mailbox_depth;
    return waiting;
  }

  absl::Status EndWork(absl::Time deadline) override {
    absl::Status drained = daemon_.runtime_->Drain(deadline);
    daemon_.front_end_->Shutdown(daemon_.clock_.Now() + kLastAnswersTime);
    return drained;
  }

  absl::Status Close() override {
    daemon_.notify_.Status("closing the data folder");
    daemon_.http_.reset();
    daemon_.runtime_.reset();
    daemon_.record_->EnterPhase(ThreadPhase::kSyncing);
    absl::Status closed = daemon_.store_->Close();
    daemon_.record_->EnterPhase(ThreadPhase::kIdle);
    return closed;
  }

 private:
  Daemon& daemon_;
};

// Real time; a second request to stop is the operator's hurry.
class Daemon::Timer final : public DrainTimer {
 public:
  explicit Timer(Daemon& daemon) : daemon_(daemon) {}
  absl::Time Now() override { return daemon_.clock_.Now(); }
  bool WaitUntil(absl::Time time) override {
    daemon_.notify_.Watchdog();
    return daemon_.stops_.AwaitAtLeast(2, time - Now());
  }

 private:
  Daemon& daemon_;
};

Daemon::Daemon(const Settings& settings, Log& log)
    : config_(settings.config),
      settings_(settings),
      log_(log),
      grpc_log_lines_(log),
      clock_(RealClock()),
      start_time_(clock_.Now()),
      tally_(start_time_),
      notify_(Variable("NOTIFY_SOCKET")),
      threads_(clock_),
      record_(threads_.Register("main", ThreadRole::kBackground, std::nullopt,
                                /*queue_depth=*/nullptr)) {}

Daemon::~Daemon() = default;

ExitCode Daemon::Run() {
  const Version version = ThisVersion();
  // Idle all along: to open a large data folder, or to drain, may take its time.
  record_->EnterPhase(ThreadPhase::kIdle);
  record_->BeginOperation("start");
  log_.Info(kComponent, "starting",
            {{"version", version.version}, {"commit", version.commit}, {"data", config_.data}});
  if (const absl::Status started = Start(); !started.ok()) {
    log_.Error(kComponent, "cannot start",
               {{"reason", std::string(started.message())},
                {"exit_code", static_cast<int>(failure_code_)}});
    TakeApart();
    return failure_code_;
  }
  AnnounceServing();
  AwaitStopRequest();
  return DrainAndClose();
}

absl::Status Daemon::Start() {
  absl::StatusOr<std::unique_ptr<SignalWatcher>> signals = SignalWatcher::Start(stops_, threads_);
  if (!signals.ok()) return Fail(ExitCode::kOther, signals.status());
  signals_ = *std::move(signals);
  StartWatchdog();
  SHARDD_RETURN_IF_ERROR(StartHttp());
  notify_.Status("opening the data folder");
  SHARDD_RETURN_IF_ERROR(OpenStore());
  SHARDD_RETURN_IF_ERROR(StartRuntime());
  return StartFrontEnd();
}

void Daemon::StartWatchdog() {
  urgent_log_ =
      std::make_unique<UrgentLog>(STDERR_FILENO, LogFormatNamed(config_.log_format), threads_);
  ThreadWatchdog::Options options;
  options.stall_after = config_.stall_after;
  options.report = [log = urgent_log_.get()](const ThreadEvent& event) {
    ReportThreadEvent(event, *log);
  };
  watchdog_ = std::make_unique<ThreadWatchdog>(threads_, clock_, std::move(options));
}

// First, so that probes can tell a start that takes long from a dead process.
absl::Status Daemon::StartHttp() {
  const std::optional<HostPort> address = ParseHostPort(config_.http_listen);
  if (!address.has_value()) return absl::OkStatus();
  auto server = http::Server::Start(
      {.host = address->host, .port = address->port, .threads = &threads_},
      http::AdminPages([this] { return ReadyChecks(); }, [this] { return MetricsPage(); }));
  if (!server.ok()) return Fail(ExitCodeOfListen(server.status()), server.status());
  http_ = *std::move(server);
  return absl::OkStatus();
}

absl::Status Daemon::OpenStore() {
  auto store = storage::OpenRocksStore(StoreOptions(config_, log_));
  if (!store.ok()) {
    return Fail(ExitCodeOf(storage::OpenErrorOf(store.status())), store.status());
  }
  store_ = *std::move(store);
  return absl::OkStatus();
}

absl::Status Daemon::StartRuntime() {
  std::string instance;
  const auto found = store_->Get(storage::kMeta, storage::kInstanceKey, &instance);
  if (!found.ok()) return Fail(ExitCode::kIo, found.status());
  rpc::GrpcFrontEnd::Options options;
  options.listen = config_.listen;
  options.pollers = static_cast<size_t>(config_.pollers);
  options.reflection = config_.reflection;
  options.facts = FactsOf(absl::BytesToHexString(instance));
  front_end_ = std::make_unique<rpc::GrpcFrontEnd>(std::move(options), clock_, threads_);

  Runtime::Options runtime_options;
  runtime_options.shard_count = static_cast<size_t>(config_.shards_initial);
  runtime_options.reserve_bytes = config_.reserve_bytes.value;
  runtime_options.balancing = BalancingOptionsOf(config_);
  runtime_options.on_storage_failure = [this](const absl::Status& status) {
    FailStop(status, log_);
  };
  auto runtime = Runtime::Start(*store_, clock_, threads_, *front_end_, std::move(runtime_options));
  if (!runtime.ok()) return Fail(ExitCode::kIo, runtime.status());
  runtime_ = *std::move(runtime);
  return absl::OkStatus();
}

absl::Status Daemon::StartFrontEnd() {
  const std::optional<HostPort> address = ParseHostPort(config_.listen);
  const auto probed = http::ProbeListen(address->host, address->port);
  if (!probed.ok()) return Fail(ExitCodeOfListen(probed.status()), probed.status());
  const absl::Status served = front_end_->Serve(*runtime_);
  if (!served.ok()) return Fail(ExitCodeOfListen(served), served);
  return absl::OkStatus();
}

void Daemon::AnnounceServing() {
  stage_.store(Stage::kServing);
  front_end_->SetServing(true);
  const std::string grpc = RealAddress(config_.listen, static_cast<uint16_t>(front_end_->port()));
  const std::string http =
      http_ == nullptr ? "off" : RealAddress(config_.http_listen, http_->port());
  log_.Info(kComponent, "listening",
            {{"grpc", grpc},
             {"http", http},
             {"data", config_.data},
             {"shards", static_cast<uint64_t>(runtime_->Shards().size())},
             {"start_ms", absl::ToInt64Milliseconds(clock_.Now() - start_time_)}});
  if (config_.insecure) {
    log_.Warning(kComponent, "insecure: whoever reaches the ports may do everything");
  }
  notify_.Ready(absl::StrCat("serving gRPC on ", grpc));
  if (suggest_commands_) SuggestCommands(grpc);
}

void Daemon::AwaitStopRequest() {
  record_->BeginOperation("await a signal");
  const absl::Duration interval =
      WatchdogInterval(Variable("WATCHDOG_USEC"), Variable("WATCHDOG_PID"));
  while (!stops_.AwaitAtLeast(1, interval)) notify_.Watchdog();
}

ExitCode Daemon::DrainAndClose() {
  record_->BeginOperation("drain");
  log_.Info("drain", "asked to stop; a second time hurries");
  Steps steps(*this);
  Timer timer(*this);
  const DrainOptions options{.wait = config_.drain_wait, .timeout = config_.drain_timeout};
  const absl::Status closed = Drain(options, steps, timer, log_);
  if (!closed.ok()) return ExitCode::kIo;
  log_.Info(kComponent, "stopped");
  return ExitCode::kOk;
}

void Daemon::TakeApart() {
  http_.reset();
  if (runtime_ != nullptr) {
    static_cast<void>(runtime_->Drain(clock_.Now()));
    front_end_->Shutdown(clock_.Now());
    runtime_.reset();
  }
  if (store_ == nullptr) return;
  if (const absl::Status closed = store_->Close(); !closed.ok()) {
    log_.Error(kComponent, "cannot close the data folder",
               {{"reason", std::string(closed.message())}});
  }
}

absl::Status Daemon::Fail(ExitCode code, absl::Status status) {
  failure_code_ = code;
  return status;
}

rpc::DaemonFacts Daemon::FactsOf(std::string instance_id) const {
  rpc::DaemonFacts facts;
  facts.version = std::string(ThisVersion().version);
  facts.instance_id = std::move(instance_id);
  facts.insecure = config_.insecure;
  for (const Setting& setting : settings_.settings) {
    facts.config.push_back({std::string(setting.option->key), setting.text,
                            std::string(NameOf(setting.origin)),
                            std::string(setting.option->help)});
  }
  return facts;
}

std::vector<http::ReadyCheck> Daemon::ReadyChecks() const {
  const Stage stage = stage_.load();
  if (stage == Stage::kStarting) return {{"started", false, "the data folder is being opened"}};
  const absl::Status storage = runtime_->storage_health();
  return {{"started", true, ""},
          {"storage", storage.ok(), std::string(storage.message())},
          {"serving", stage == Stage::kServing, "the daemon is stopping"}};
}

std::string Daemon::MetricsPage() const {
  MetricsSnapshot snapshot;
  snapshot.version = ThisVersion();
  snapshot.process = ReadProcessUsage();
  snapshot.process.start_time = start_time_;
  snapshot.threads = threads_.List();
  snapshot.thread_stalls = threads_.events().stalls();
  for (const ThreadRole role : kThreadRoles) {
    if (role == ThreadRole::kExternal) continue;  // not ours to read: no record
    snapshot.thread_cpu_time[role] = threads_.CpuTime(role);
  }
  if (stage_.load() != Stage::kStarting) {
    snapshot.calls = front_end_->counts();
    snapshot.storage_healthy = runtime_->storage_health().ok();
    snapshot.disk_full = runtime_->disk_full();
    if (auto space = runtime_->space(); space.ok()) snapshot.space = *space;
    snapshot.epoch = runtime_->tables()->current()->epoch();
    snapshot.stale_routes = runtime_->stale_routes_total();
    snapshot.shards = runtime_->Shards();
    snapshot.now = clock_.Now();
    snapshot.mailbox_waits = runtime_->mailbox_waits();
    snapshot.shard_series =
        ShardSeriesOf(*runtime_, tally_.Look(*runtime_->operations()), clock_.Now());
    snapshot.balancer = BalancingSeriesOf(runtime_->balancer(), clock_.Now());
  }
  return http::ToPrometheusText(MetricFamiliesOf(snapshot));
}

}  // namespace shardd
