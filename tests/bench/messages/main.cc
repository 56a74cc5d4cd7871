// Loads one party with messages that are sent, received and committed, and prints what it measured
// as one line of JSON.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "tests/bench/channel.h"
#include "tests/bench/dataset.h"
#include "tests/bench/messages/jetstream_messages.h"
#include "tests/bench/messages/message_flights.h"
#include "tests/bench/messages/message_party.h"
#include "tests/bench/messages/redis_messages.h"
#include "tests/bench/messages/shardd_messages.h"
#include "tests/bench/meter.h"

namespace shardd::bench {
namespace {

struct MessageOptions {
  std::string party;
  std::string step;
  std::string address;
  size_t in_flight = 256;
  double warm_up_seconds = 0.3;
  double seconds = 1;
  int server_pid = 0;
  DatasetOptions dataset;
};

using MakeParty = std::unique_ptr<MessageParty> (*)(const std::string& address);

const std::map<std::string, MakeParty>& Parties() {
  static const auto& parties = *new std::map<std::string, MakeParty>{
      {"shardd",
       [](const std::string& address) -> std::unique_ptr<MessageParty> {
         return std::make_unique<SharddMessages>(OpenChannel(address));
       }},
      {"redis-streams",
       [](const std::string& address) -> std::unique_ptr<MessageParty> {
         return std::make_unique<RedisMessages>(address);
       }},
      {"jetstream",
       [](const std::string& address) -> std::unique_ptr<MessageParty> {
         return std::make_unique<JetStreamMessages>(address);
       }},
  };
  return parties;
}

// Prints what it measured.
absl::Status Measure(MessageParty& party, const MessageOptions& options) {
  const absl::Status prepared = party.Prepare();
  if (!prepared.ok()) return prepared;
  Dataset dataset(options.dataset);
  Meter meter(
      {absl::Seconds(options.warm_up_seconds), absl::Seconds(options.seconds), options.server_pid});
  MessageFlights flights(dataset, meter, options.in_flight);
  const absl::Status run = party.Run(flights);
  if (!run.ok()) return run;
  const absl::Status left = party.CheckNothingLeft(flights.sent());
  if (!left.ok()) return left;
  if (!meter.closed()) return absl::DeadlineExceededError("too few messages in the window");
  std::cout << meter.Report().dump() << "\n";
  return absl::OkStatus();
}

void Describe(CLI::App& app, MessageOptions& options) {
  app.add_option("party", options.party, "Who brings the messages")
      ->required()
      ->check(CLI::IsMember(Parties()));
  app.add_option("step", options.step, "Fill the receivers' state, or measure")
      ->required()
      ->check(CLI::IsMember({"fill", "measure"}));
  app.add_option("--address", options.address, "HOST:PORT of the server")->required();
  app.add_option("--in-flight", options.in_flight, "Messages under way")
      ->check(CLI::Range(1, 65'536));
  app.add_option("--warm-up", options.warm_up_seconds, "Seconds before the window");
  app.add_option("--seconds", options.seconds, "Seconds of the window");
  app.add_option("--server-pid", options.server_pid, "Process whose CPU and memory to report");
  app.add_option("--accounts", options.dataset.accounts, "Senders, and receivers, to draw from");
  app.add_option("--value-bytes", options.dataset.value_bytes, "Length of a payload")
      ->check(CLI::Range(8, 65'536));
  app.add_option("--seed", options.dataset.seed, "Seed of the draw");
}

int Main(const MessageOptions& options) {
  const std::unique_ptr<MessageParty> party = Parties().at(options.party)(options.address);
  const absl::Status status =
      options.step == "fill" ? party->Fill(options.dataset) : Measure(*party, options);
  if (status.ok()) return 0;
  std::cerr << "error: " << options.party << ": " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace shardd::bench

int main(int argc, char** argv) {
  // What the client saves in its own locks, every server it measures can use.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app("Loads one party with messages and prints what it measured as JSON");
  shardd::bench::MessageOptions options;
  shardd::bench::Describe(app, options);
  CLI11_PARSE(app, argc, argv);
  return shardd::bench::Main(options);
}
