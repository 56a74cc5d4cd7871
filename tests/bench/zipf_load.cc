// Reads and writes the accounts it is told, at a steady rate and by Zipf's law, for as long as it
// is told or until it is interrupted; prints what it saw as one line of JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/random.h"
#include "tests/bench/channel.h"
#include "tests/bench/histogram.h"
#include "tests/bench/session_load.h"

namespace shardd::bench {
namespace {

constexpr char kReadKey[] = "Version";
constexpr char kWrittenKey[] = "bench";
// The daemon ends connections that are half an hour old.
constexpr auto kConnectionAgeMax = std::chrono::minutes(10);
// What a frame may be late and still be sent.
constexpr auto kLatenessMax = std::chrono::seconds(1);

std::atomic<bool> interrupted{false};

struct Options {
  std::string address;
  std::string name_space = "debian";
  std::string ids;
  double exponent = 0.99;
  double rate = 4000;
  double seconds = 10;
  double read_share = 0.5;
  int frame = 32;
  int frames_in_flight = 8;
  uint64_t seed = 1;
};

// Which account comes next: the one of rank r with a weight of r^-exponent.
class ZipfDraw {
 public:
  // `ids` must not be empty; which account has which rank is drawn from `seed`.
  ZipfDraw(std::vector<std::string> ids, double exponent, uint64_t seed)
      : ids_(std::move(ids)), random_(seed) {
    for (size_t i = ids_.size(); i > 1; --i) std::swap(ids_[i - 1], ids_[random_.Below(i)]);
    double sum = 0;
    for (size_t rank = 1; rank <= ids_.size(); ++rank) {
      sum += std::pow(static_cast<double>(rank), -exponent);
      sums_.push_back(sum);
    }
  }

  const std::string& Next() {
    const double at = Fraction() * sums_.back();
    const auto found = std::upper_bound(sums_.begin(), sums_.end() - 1, at);
    return ids_[static_cast<size_t>(found - sums_.begin())];
  }

  // 0 to 1.
  double Fraction() { return static_cast<double>(random_.Next() >> 11) * 0x1p-53; }

 private:
  std::vector<std::string> ids_;
  std::vector<double> sums_;
  Random random_;
};

// Each frame is due at its time, whatever the answers to others take. What is too late is left out:
// to make up for it would be a burst, and the load is to be steady.
class PacedFrames final : public FrameSource {
 public:
  PacedFrames(const Options& options, ZipfDraw& draw)
      : options_(options), draw_(draw), begin_(MeterClock::now()), next_(begin_) {}

  // Whether there is more to send, over another connection.
  bool Reconnect() {
    connected_ = MeterClock::now();
    return !Over();
  }

  bool Next(v1::SessionRequest& frame) override {
    if (Over() || MeterClock::now() - connected_ > kConnectionAgeMax) return false;
    next_ += std::chrono::duration_cast<MeterClock::duration>(
        std::chrono::duration<double>(options_.frame / options_.rate));
    const MeterClock::duration late = MeterClock::now() - next_ - kLatenessMax;
    if (late > MeterClock::duration::zero()) {
      left_out_ += late;
      next_ += late;
    }
    std::this_thread::sleep_until(next_);
    frame.Clear();
    frame.set_frame_id(++frames_);
    for (int i = 0; i < options_.frame; ++i) AddOperation(frame);
    return true;
  }

  absl::Status Answered(MeterClock::time_point started,
                        const v1::SessionResponse& answer) override {
    for (const v1::SessionResult& result : answer.results()) {
      if (result.has_error()) {
        return absl::DataLossError(
            absl::StrCat("an operation failed: ", result.ShortDebugString()));
      }
    }
    const MeterClock::duration took = MeterClock::now() - started;
    latency_.Add(static_cast<uint64_t>(std::chrono::nanoseconds(took).count()));
    answered_ += static_cast<uint64_t>(answer.results_size());
    return absl::OkStatus();
  }

  nlohmann::json Report() const {
    const std::chrono::duration<double> seconds = MeterClock::now() - begin_;
    return {{"operations", answered_},
            {"ops_per_s", static_cast<double>(answered_) / seconds.count()},
            {"left_out_s", std::chrono::duration<double>(left_out_).count()},
            {"frame_p50_ms", static_cast<double>(latency_.Quantile(0.5)) / 1e6},
            {"frame_p99_ms", static_cast<double>(latency_.Quantile(0.99)) / 1e6}};
  }

 private:
  bool Over() const {
    const std::chrono::duration<double> seconds = MeterClock::now() - begin_;
    return interrupted || seconds.count() >= options_.seconds;
  }

  void AddOperation(v1::SessionRequest& frame) {
    v1::SessionOperation& operation = *frame.add_operations();
    const bool reads = draw_.Fraction() < options_.read_share;
    v1::AccountRef& account = reads ? *operation.mutable_get()->mutable_account()
                                    : *operation.mutable_apply()->mutable_account();
    account.set_namespace_(options_.name_space);
    account.set_id(draw_.Next());
    if (reads) {
      operation.mutable_get()->add_keys(kReadKey);
    } else {
      auto& put = *operation.mutable_apply()->add_mutations()->mutable_put();
      put.set_key(kWrittenKey);
      put.set_value(absl::StrCat(frames_));
    }
  }

  const Options& options_;
  ZipfDraw& draw_;
  const MeterClock::time_point begin_;
  MeterClock::time_point next_;  // when the next frame is due
  MeterClock::duration left_out_{};
  MeterClock::time_point connected_;
  Histogram latency_;
  uint64_t frames_ = 0;
  uint64_t answered_ = 0;
};

void Describe(CLI::App& app, Options& options) {
  app.add_option("--address", options.address, "HOST:PORT of the daemon")->required();
  app.add_option("--ids", options.ids, "File with an account's id on each line")->required();
  app.add_option("--namespace", options.name_space, "Namespace of the accounts");
  app.add_option("--exponent", options.exponent, "Of Zipf's law");
  app.add_option("--rate", options.rate, "Operations a second");
  app.add_option("--seconds", options.seconds, "How long");
  app.add_option("--read-share", options.read_share, "Share of the operations that read, 0 to 1");
  app.add_option("--frame", options.frame, "Operations in a frame");
  app.add_option("--in-flight", options.frames_in_flight, "Frames in flight");
  app.add_option("--seed", options.seed, "Seed of the draw");
}

int Fail(absl::string_view what) {
  std::cerr << "error: " << what << "\n";
  return 1;
}

int Main(const Options& options) {
  std::ifstream file(options.ids);
  std::vector<std::string> ids;
  for (std::string id; std::getline(file, id);) ids.push_back(id);
  if (ids.empty()) return Fail(absl::StrCat("no ids in ", options.ids));
  ZipfDraw draw(std::move(ids), options.exponent, options.seed);
  PacedFrames frames(options, draw);
  while (frames.Reconnect()) {
    const absl::Status status =
        SessionLoad(OpenChannel(options.address), frames, {1, options.frames_in_flight}).Run();
    if (!status.ok()) return Fail(status.message());
  }
  std::cout << frames.Report().dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace shardd::bench

int main(int argc, char** argv) {
  CLI::App app("Loads accounts by Zipf's law at a steady rate and prints what it saw as JSON");
  shardd::bench::Options options;
  shardd::bench::Describe(app, options);
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGINT, [](int) { shardd::bench::interrupted = true; });
  return shardd::bench::Main(options);
}
