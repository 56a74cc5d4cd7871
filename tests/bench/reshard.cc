// Splits, merges and moves the shard that holds a dataset, under a steady load of puts into it, and
// prints how long the puts waited as one line of JSON. Most moves are made for the end of them
// alone: while they copy there is no load, or each would take minutes.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/error.h"
#include "tests/bench/channel.h"
#include "tests/bench/dataset.h"
#include "tests/bench/session_load.h"
#include "tests/bench/steady_puts.h"

namespace shardd::bench {
namespace {

// The middle one of so many accounts' routing keys is where a split cuts.
constexpr int kAccountsSampled = 101;
// Around a flip, which is the end of a split, a merge or a move.
constexpr auto kBeforeFlip = std::chrono::milliseconds(200);
constexpr auto kAfterFlip = std::chrono::milliseconds(100);
// When so much has been copied, a move that began without load gets it.
constexpr double kCopiedBeforeLoad = 0.7;
constexpr auto kLook = std::chrono::milliseconds(50);

struct Options {
  std::string address;
  int splits = 20;
  int moves = 4;
  int short_moves = 0;
  double calm_seconds = 2;
  int frame = 32;
  int frames_in_flight = 4;
  DatasetOptions dataset;
};

// The smallest value that at least the share `q` of some measurements, of which there must be one,
// do not exceed (nearest rank).
double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
  return values[std::max<size_t>(rank, 1) - 1];
}

// Puts without a rest, for as long as it is there.
class Writer {
 public:
  Writer(const Options& options, Dataset& dataset)
      : puts_(options.frame, dataset),
        load_(OpenChannel(options.address), puts_, {1, options.frames_in_flight}),
        thread_([this] { status_ = load_.Run(); }) {}

  // Ends the load; returns whether every put went well. Call it once.
  absl::Status Stop() {
    puts_.Stop();
    thread_.join();
    return status_;
  }

  const SteadyPuts& puts() const { return puts_; }

 private:
  SteadyPuts puts_;
  SessionLoad load_;
  absl::Status status_;
  std::thread thread_;
};

// All changes of one kind. What a whole one is like is known of those alone that had the load from
// beginning to end.
struct Changes {
  std::vector<double> pause_ms;
  std::vector<double> slowest_put_ms;
  std::vector<double> total_ms;
  std::vector<double> rate;

  nlohmann::json Report() const {
    nlohmann::json report = {{"count", pause_ms.size()},
                             {"pause_ms_p50", Quantile(pause_ms, 0.5)},
                             {"pause_ms_p99", Quantile(pause_ms, 0.99)},
                             {"pause_ms_max", Quantile(pause_ms, 1)},
                             {"slowest_put_ms_p50", Quantile(slowest_put_ms, 0.5)},
                             {"slowest_put_ms_p99", Quantile(slowest_put_ms, 0.99)}};
    if (total_ms.empty()) return report;
    report["total_ms"] = Quantile(total_ms, 0.5);
    report["total_ms_max"] = Quantile(total_ms, 1);
    report["put_ops_per_s"] = Quantile(rate, 0.5);
    return report;
  }
};

class Reshard {
 public:
  Reshard(const Options& options, client::Client& daemon)
      : options_(options), daemon_(daemon), dataset_(options.dataset) {}
  ~Reshard() { static_cast<void>(StopLoad()); }

  // Makes all the changes and leaves one shard with the dataset.
  absl::StatusOr<nlohmann::json> Run();

 private:
  absl::StatusOr<v1::Route> Locate();
  void StartLoad() { writer_ = std::make_unique<Writer>(options_, dataset_); }
  absl::Status StopLoad();
  void StayCalm();
  absl::Status SplitAndMerge();
  absl::StatusOr<v1::MoveShardHomeResponse> BeginMove();
  absl::Status Move();
  // Without load until the move is nearly done. REQUIRES: there is none.
  absl::Status ShortMove();
  absl::Status AwaitCopied(const std::string& operation, double share);

  // Waits for the change that `begun` says has begun, and adds how it ended.
  template <typename Response>
  absl::StatusOr<v1::ShardChange> MeasureEnd(const absl::StatusOr<Response>& begun,
                                             Changes& changes);
  // Likewise, and adds what the whole change was like.
  template <typename Response>
  absl::StatusOr<v1::ShardChange> Measure(MeterClock::time_point started,
                                          const absl::StatusOr<Response>& begun, Changes& changes);

  const Options& options_;
  client::Client& daemon_;
  Dataset dataset_;
  std::unique_ptr<Writer> writer_;  // while there is load
  MeterClock::time_point ended_;    // the last change
  std::string split_key_;
  std::vector<double> calm_slowest_ms_;
  std::vector<double> calm_rate_;
  Changes splits_;
  Changes merges_;
  Changes moves_;
};

absl::StatusOr<v1::Route> Reshard::Locate() {
  std::vector<std::string> keys;
  v1::Route route;
  for (int i = 0; i < kAccountsSampled; ++i) {
    v1::ResolveRequest request;
    request.mutable_account()->set_namespace_(options_.dataset.name_space);
    request.mutable_account()->set_id(
        Dataset::Id(options_.dataset.accounts / kAccountsSampled * static_cast<uint64_t>(i)));
    auto resolved = daemon_.Resolve(request);
    if (!resolved.ok()) return resolved.status();
    if (i > 0 && resolved->route().shard_id() != route.shard_id()) {
      return absl::FailedPreconditionError("the dataset does not lie in one shard");
    }
    route = resolved->route();
    keys.push_back(resolved->routing_key());
  }
  std::sort(keys.begin(), keys.end());
  split_key_ = keys[keys.size() / 2];
  return route;
}

absl::Status Reshard::StopLoad() {
  const std::unique_ptr<Writer> writer = std::move(writer_);
  return writer == nullptr ? absl::OkStatus() : writer->Stop();
}

void Reshard::StayCalm() {
  const auto begin = MeterClock::now();
  const auto end = begin + absl::ToChronoMicroseconds(absl::Seconds(options_.calm_seconds));
  std::this_thread::sleep_until(end);
  calm_rate_.push_back(writer_->puts().RateIn({begin, end}));
  for (auto at = begin + kBeforeFlip; at + kAfterFlip < end; at += kBeforeFlip + kAfterFlip) {
    calm_slowest_ms_.push_back(writer_->puts().SlowestMsIn({at - kBeforeFlip, at + kAfterFlip}));
  }
}

template <typename Response>
absl::StatusOr<v1::ShardChange> Reshard::MeasureEnd(const absl::StatusOr<Response>& begun,
                                                    Changes& changes) {
  if (!begun.ok()) return begun.status();
  v1::WaitOperationRequest wait;
  wait.set_id(begun->operation().id());
  wait.mutable_timeout()->set_seconds(4);
  v1::Operation operation;
  do {
    auto waited = daemon_.WaitOperation(wait);
    if (!waited.ok()) return waited.status();
    operation = std::move(*waited->mutable_operation());
  } while (operation.state() == v1::OPERATION_STATE_RUNNING);
  if (operation.state() != v1::OPERATION_STATE_SUCCEEDED) return client::FromOperation(operation);
  ended_ = MeterClock::now();
  std::this_thread::sleep_until(ended_ + 2 * kAfterFlip);
  const google::protobuf::Duration& pause = operation.shard_change().pause();
  changes.pause_ms.push_back(static_cast<double>(pause.seconds()) * 1e3 + pause.nanos() / 1e6);
  changes.slowest_put_ms.push_back(
      writer_->puts().SlowestMsIn({ended_ - kBeforeFlip, ended_ + kAfterFlip}));
  return operation.shard_change();
}

template <typename Response>
absl::StatusOr<v1::ShardChange> Reshard::Measure(MeterClock::time_point started,
                                                 const absl::StatusOr<Response>& begun,
                                                 Changes& changes) {
  auto change = MeasureEnd(begun, changes);
  if (!change.ok()) return change;
  changes.total_ms.push_back(std::chrono::duration<double, std::milli>(ended_ - started).count());
  changes.rate.push_back(writer_->puts().RateIn({started, ended_}));
  return change;
}

absl::Status Reshard::SplitAndMerge() {
  const auto route = Locate();
  if (!route.ok()) return route.status();
  v1::SplitShardRequest split;
  split.set_id(route->shard_id());
  split.set_routing_key(split_key_);
  const auto split_begun = MeterClock::now();
  const auto halves = Measure(split_begun, daemon_.SplitShard(split), splits_);
  if (!halves.ok()) return halves.status();
  v1::MergeShardsRequest merge;
  merge.set_id(halves->shard_id());
  merge.set_other_id(halves->other_shard_id());
  const auto merge_begun = MeterClock::now();
  return Measure(merge_begun, daemon_.MergeShards(merge), merges_).status();
}

// To a home of its own, which is the same whichever it leaves.
absl::StatusOr<v1::MoveShardHomeResponse> Reshard::BeginMove() {
  const auto route = Locate();
  if (!route.ok()) return route.status();
  v1::MoveShardHomeRequest move;
  move.set_id(route->shard_id());
  return daemon_.MoveShardHome(move);
}

absl::Status Reshard::Move() {
  const auto started = MeterClock::now();
  return Measure(started, BeginMove(), moves_).status();
}

absl::Status Reshard::AwaitCopied(const std::string& operation, double share) {
  // An account has a record and its entry has one.
  const double steps = share * 2 * static_cast<double>(options_.dataset.accounts);
  v1::GetOperationRequest get;
  get.set_id(operation);
  for (;;) {
    const auto got = daemon_.GetOperation(get);
    if (!got.ok()) return got.status();
    const v1::OperationState state = got->operation().state();
    if (state == v1::OPERATION_STATE_SUCCEEDED) {
      return absl::FailedPreconditionError("a move ended before it had load: too little to copy");
    }
    if (state != v1::OPERATION_STATE_RUNNING) return client::FromOperation(got->operation());
    if (static_cast<double>(got->operation().steps_done()) >= steps) return absl::OkStatus();
    std::this_thread::sleep_for(kLook);
  }
}

absl::Status Reshard::ShortMove() {
  const auto begun = BeginMove();
  if (!begun.ok()) return begun.status();
  const absl::Status copied = AwaitCopied(begun->operation().id(), kCopiedBeforeLoad);
  if (!copied.ok()) return copied;
  StartLoad();
  const absl::Status measured = MeasureEnd(begun, moves_).status();
  const absl::Status loaded = StopLoad();
  return measured.ok() ? loaded : measured;
}

absl::StatusOr<nlohmann::json> Reshard::Run() {
  StartLoad();
  StayCalm();
  for (int i = 0; i < options_.splits; ++i) {
    const absl::Status status = SplitAndMerge();
    if (!status.ok()) return status;
  }
  for (int i = 0; i < options_.moves; ++i) {
    StayCalm();
    const absl::Status status = Move();
    if (!status.ok()) return status;
  }
  StayCalm();
  if (const absl::Status loaded = StopLoad(); !loaded.ok()) return loaded;
  for (int i = 0; i < options_.short_moves; ++i) {
    const absl::Status status = ShortMove();
    if (!status.ok()) return status;
  }
  nlohmann::json report;
  report["calm"] = {{"slowest_put_ms_p50", Quantile(calm_slowest_ms_, 0.5)},
                    {"slowest_put_ms_p99", Quantile(calm_slowest_ms_, 0.99)},
                    {"put_ops_per_s", Quantile(calm_rate_, 0.5)}};
  report["split"] = splits_.Report();
  report["merge"] = merges_.Report();
  if (!moves_.pause_ms.empty()) report["rehome"] = moves_.Report();
  if (options_.moves > 0) {
    report["rehome"]["dip"] = 1 - Quantile(moves_.rate, 0.5) / Quantile(calm_rate_, 0.5);
  }
  return report;
}

void Describe(CLI::App& app, Options& options) {
  app.add_option("--address", options.address, "HOST:PORT of the daemon")->required();
  app.add_option("--splits", options.splits, "Splits, each followed by a merge")
      ->check(CLI::PositiveNumber);
  app.add_option("--moves", options.moves, "Moves to another home")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--short-moves", options.short_moves,
                 "Further moves, which have load at their end alone")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--calm", options.calm_seconds, "Seconds of load before and after the changes");
  app.add_option("--frame", options.frame, "Puts in a frame");
  app.add_option("--in-flight", options.frames_in_flight, "Frames in flight");
  app.add_option("--namespace", options.dataset.name_space, "Namespace of the accounts");
  app.add_option("--accounts", options.dataset.accounts, "Accounts to draw from");
  app.add_option("--value-bytes", options.dataset.value_bytes, "Length of a value");
  app.add_option("--seed", options.dataset.seed, "Seed of the draw");
}

int Fail(const absl::Status& status) {
  std::cerr << "error: " << status.message() << "\n";
  return 1;
}

int Main(const Options& options) {
  client::ClientOptions client_options;
  client_options.connection.endpoints = {options.address};
  client_options.timeout = absl::Seconds(10);
  const auto daemon = client::Client::Create(client_options);
  if (!daemon.ok()) return Fail(daemon.status());
  const auto report = Reshard(options, **daemon).Run();
  if (!report.ok()) return Fail(report.status());
  std::cout << report->dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace shardd::bench

int main(int argc, char** argv) {
  CLI::App app("Changes the shard of a dataset under load and prints how long puts waited as JSON");
  shardd::bench::Options options;
  shardd::bench::Describe(app, options);
  CLI11_PARSE(app, argc, argv);
  return shardd::bench::Main(options);
}
