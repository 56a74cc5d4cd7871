// Splits, merges and moves the shard that holds a dataset, under a steady load of puts into it, and
// prints how long the puts waited as one line of JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
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

struct Options {
  std::string address;
  int splits = 20;
  int moves = 4;
  double calm_seconds = 2;
  int frame = 32;
  int frames_in_flight = 4;
  DatasetOptions dataset;
};

// The value at quantile `q` of some measurements, of which there must be one.
double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(q * static_cast<double>(values.size()));
  return values[std::min(rank, values.size() - 1)];
}

// All changes of one kind.
struct Changes {
  std::vector<double> pause_ms;
  std::vector<double> total_ms;
  std::vector<double> slowest_put_ms;
  std::vector<double> rate;

  nlohmann::json Report() const {
    return {{"count", pause_ms.size()},
            {"pause_ms_p50", Quantile(pause_ms, 0.5)},
            {"pause_ms_p99", Quantile(pause_ms, 0.99)},
            {"pause_ms_max", Quantile(pause_ms, 1)},
            {"total_ms", Quantile(total_ms, 0.5)},
            {"total_ms_max", Quantile(total_ms, 1)},
            {"slowest_put_ms_p50", Quantile(slowest_put_ms, 0.5)},
            {"slowest_put_ms_p99", Quantile(slowest_put_ms, 0.99)},
            {"put_ops_per_s", Quantile(rate, 0.5)}};
  }
};

class Reshard {
 public:
  Reshard(const Options& options, client::Client& daemon, SteadyPuts& puts)
      : options_(options), daemon_(daemon), puts_(puts) {}

  // Makes all the changes and leaves one shard with the dataset.
  absl::StatusOr<nlohmann::json> Run();

 private:
  absl::StatusOr<v1::Route> Locate();
  void StayCalm();
  absl::Status SplitAndMerge();
  absl::Status Move(const std::string& shard);

  // Waits for the change that `begun` says has begun, and adds what it was like.
  template <typename Response>
  absl::StatusOr<v1::ShardChange> Measure(MeterClock::time_point started,
                                          const absl::StatusOr<Response>& begun, Changes& changes);

  const Options& options_;
  client::Client& daemon_;
  SteadyPuts& puts_;
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

void Reshard::StayCalm() {
  const auto begin = MeterClock::now();
  const auto end = begin + absl::ToChronoMicroseconds(absl::Seconds(options_.calm_seconds));
  std::this_thread::sleep_until(end);
  calm_rate_.push_back(puts_.RateIn({begin, end}));
  for (auto at = begin + kBeforeFlip; at + kAfterFlip < end; at += kBeforeFlip + kAfterFlip) {
    calm_slowest_ms_.push_back(puts_.SlowestMsIn({at - kBeforeFlip, at + kAfterFlip}));
  }
}

template <typename Response>
absl::StatusOr<v1::ShardChange> Reshard::Measure(MeterClock::time_point started,
                                                 const absl::StatusOr<Response>& begun,
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
  const auto ended = MeterClock::now();
  std::this_thread::sleep_until(ended + 2 * kAfterFlip);
  const google::protobuf::Duration& pause = operation.shard_change().pause();
  changes.pause_ms.push_back(static_cast<double>(pause.seconds()) * 1e3 + pause.nanos() / 1e6);
  changes.total_ms.push_back(std::chrono::duration<double, std::milli>(ended - started).count());
  changes.slowest_put_ms.push_back(puts_.SlowestMsIn({ended - kBeforeFlip, ended + kAfterFlip}));
  changes.rate.push_back(puts_.RateIn({started, ended}));
  return operation.shard_change();
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
absl::Status Reshard::Move(const std::string& shard) {
  v1::MoveShardHomeRequest move;
  move.set_id(shard);
  const auto started = MeterClock::now();
  return Measure(started, daemon_.MoveShardHome(move), moves_).status();
}

absl::StatusOr<nlohmann::json> Reshard::Run() {
  StayCalm();
  for (int i = 0; i < options_.splits; ++i) {
    const absl::Status status = SplitAndMerge();
    if (!status.ok()) return status;
  }
  for (int i = 0; i < options_.moves; ++i) {
    StayCalm();
    const auto route = Locate();
    if (!route.ok()) return route.status();
    const absl::Status status = Move(route->shard_id());
    if (!status.ok()) return status;
  }
  StayCalm();
  nlohmann::json report;
  report["calm"] = {{"slowest_put_ms_p50", Quantile(calm_slowest_ms_, 0.5)},
                    {"slowest_put_ms_p99", Quantile(calm_slowest_ms_, 0.99)},
                    {"put_ops_per_s", Quantile(calm_rate_, 0.5)}};
  report["split"] = splits_.Report();
  report["merge"] = merges_.Report();
  if (options_.moves > 0) {
    report["rehome"] = moves_.Report();
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
  Dataset dataset(options.dataset);
  SteadyPuts puts(options.frame, dataset);
  SessionLoad load(OpenChannel(options.address), puts, {1, options.frames_in_flight});
  absl::Status loaded;
  std::thread writer([&] { loaded = load.Run(); });
  const auto report = Reshard(options, **daemon, puts).Run();
  puts.Stop();
  writer.join();
  if (!loaded.ok()) return Fail(loaded);
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
