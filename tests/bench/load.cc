// Loads one server with one kind of call and prints what it measured as one line of JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "shardd/v1/account.grpc.pb.h"
#include "tests/bench/channel.h"
#include "tests/bench/dataset.h"
#include "tests/bench/frame_source.h"
#include "tests/bench/meter.h"
#include "tests/bench/rpcs.h"
#include "tests/bench/session_load.h"
#include "tests/bench/unary_load.h"

namespace shardd::bench {
namespace {

constexpr absl::Duration kReadyPatience = absl::Seconds(30);

struct Options {
  std::string call;
  std::string address;
  int in_flight = 1;
  int frame = 256;
  int sessions = 1;
  double warm_up_seconds = 0.3;
  double seconds = 1;
  int server_pid = 0;
  DatasetOptions dataset;
};

// One run: what a call needs.
struct Run {
  const Options& options;
  std::shared_ptr<grpc::Channel> channel;
  Dataset dataset;
  Meter meter;
};

template <typename Rpc>
absl::Status Unary(Run& run, Rpc rpc) {
  return UnaryLoad<Rpc>(rpc, run.meter, run.options.in_flight).Run();
}

absl::Status Sessions(Run& run, FrameSource& source) {
  const int frames = std::max(1, run.options.in_flight / run.options.sessions);
  return SessionLoad(run.channel, source, {run.options.sessions, frames}).Run();
}

absl::Status SessionOf(Run& run, MeasuredFrames::Kind kind) {
  MeasuredFrames source(kind, run.options.frame, run.dataset, run.meter);
  return Sessions(run, source);
}

EchoShape PutShape(Dataset& dataset) {
  v1::ApplyRequest request;
  FillPut(dataset, request);
  v1::ApplyResponse response;
  response.set_revision(1);
  response.add_results();
  return {request.ByteSizeLong(), response.ByteSizeLong()};
}

EchoShape GetShape(Dataset& dataset) {
  v1::GetRequest request;
  FillGet(dataset, request);
  v1::GetResponse response;
  v1::Entry& entry = *response.add_entries();
  entry.set_key(request.keys(0));
  entry.set_value(std::string(dataset.RandomValue()));
  entry.set_revision(1);
  return {request.ByteSizeLong(), response.ByteSizeLong()};
}

absl::Status CreateNamespace(Run& run) {
  if (run.dataset.options().name_space.empty()) return absl::OkStatus();
  grpc::ClientContext context;
  v1::CreateNamespaceRequest request;
  request.set_name(run.dataset.options().name_space);
  v1::CreateNamespaceResponse response;
  const grpc::Status status =
      v1::AccountService::NewStub(run.channel)->CreateNamespace(&context, request, &response);
  if (status.ok() || status.error_code() == grpc::StatusCode::ALREADY_EXISTS) {
    return absl::OkStatus();
  }
  return FailedCall("creating the namespace failed", status);
}

// Creates the namespace, if it is not there, and every account.
absl::Status Fill(Run& run) {
  const absl::Status created = CreateNamespace(run);
  if (!created.ok()) return created;
  FillFrames source(run.dataset);
  return Sessions(run, source);
}

struct Call {
  absl::Status (*make)(Run&);
  bool measured = true;
};

const std::map<std::string, Call>& Calls() {
  using Kind = MeasuredFrames::Kind;
  static const auto& calls = *new std::map<std::string, Call>{
      {"ready", {[](Run& run) { return WaitUntilServing(run.channel, kReadyPatience); }, false}},
      {"fill", {Fill, false}},
      {"put", {[](Run& run) { return Unary(run, PutRpc(run.channel, run.dataset, false)); }}},
      {"put-with-request-id",
       {[](Run& run) { return Unary(run, PutRpc(run.channel, run.dataset, true)); }}},
      {"get", {[](Run& run) { return Unary(run, GetRpc(run.channel, run.dataset)); }}},
      {"session-put", {[](Run& run) { return SessionOf(run, Kind::kPut); }}},
      {"session-get", {[](Run& run) { return SessionOf(run, Kind::kGet); }}},
      {"echo-put",
       {[](Run& run) { return Unary(run, EchoRpc(run.channel, PutShape(run.dataset))); }}},
      {"echo-get",
       {[](Run& run) { return Unary(run, EchoRpc(run.channel, GetShape(run.dataset))); }}},
      {"etcd-put", {[](Run& run) { return Unary(run, EtcdPutRpc(run.channel, run.dataset)); }}},
  };
  return calls;
}

void Describe(CLI::App& app, Options& options) {
  app.add_option("call", options.call, "What to call")->required()->check(CLI::IsMember(Calls()));
  app.add_option("--address", options.address, "HOST:PORT of the server")->required();
  app.add_option("--in-flight", options.in_flight, "Calls, or frames of all sessions, in flight");
  app.add_option("--frame", options.frame, "Operations in a frame");
  app.add_option("--sessions", options.sessions, "Session streams");
  app.add_option("--warm-up", options.warm_up_seconds, "Seconds before the window");
  app.add_option("--seconds", options.seconds, "Seconds of the window");
  app.add_option("--server-pid", options.server_pid, "Process whose CPU and memory to report");
  app.add_option("--namespace", options.dataset.name_space, "Namespace of the accounts, or none");
  app.add_option("--accounts", options.dataset.accounts, "Accounts to draw from");
  app.add_option("--value-bytes", options.dataset.value_bytes, "Length of a value");
  app.add_option("--seed", options.dataset.seed, "Seed of the draw");
}

int Main(const Options& options) {
  const std::shared_ptr<grpc::Channel> channel = OpenChannel(options.address);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                 absl::ToChronoMilliseconds(kReadyPatience))) {
    std::cerr << "error: nothing answers at " << options.address << "\n";
    return 1;
  }
  Run run{options, channel, Dataset(options.dataset),
          Meter({absl::Seconds(options.warm_up_seconds), absl::Seconds(options.seconds),
                 options.server_pid})};
  const Call& call = Calls().at(options.call);
  absl::Status status = call.make(run);
  if (status.ok() && call.measured && !run.meter.closed()) {
    status = absl::DeadlineExceededError("too few answers in the window");
  }
  if (!status.ok()) {
    std::cerr << "error: " << options.call << ": " << status.message() << "\n";
    return 1;
  }
  if (call.measured) std::cout << run.meter.Report().dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace shardd::bench

int main(int argc, char** argv) {
  // What the client saves in its own locks, every server it measures can use.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app("Loads one server and prints what it measured as JSON");
  shardd::bench::Options options;
  shardd::bench::Describe(app, options);
  CLI11_PARSE(app, argc, argv);
  return shardd::bench::Main(options);
}
