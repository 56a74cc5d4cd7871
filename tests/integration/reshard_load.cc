// Writes to accounts over sessions and single calls while shards are split, merged and moved, then
// holds every value against what was acknowledged. For reshard_test.sh; prints one line of counts.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/clock.h"
#include "client/error.h"
#include "client/session.h"

namespace shardd {
namespace {

constexpr char kNamespace[] = "load";
constexpr int kWritersOfEachKind = 2;
constexpr int kAccountsPerWriter = 64;
constexpr int kOperationsPerFrame = 32;
// More shards than this are merged again.
constexpr int kShardsMax = 24;

struct Flags {
  std::string endpoint;
  double seconds = 10;
  int changes = 30;
  int moves = 4;
  double rate = 0;     // writes a second; 0: as many as it can
  bool kills = false;  // the daemon is killed now and then: calls may fail, and are repeated
};

absl::Time Now() { return client::RealClock().Now(); }

// What one account must hold.
struct Expected {
  std::string id;
  int64_t count = 0;
};

class Load {
 public:
  explicit Load(Flags flags) : flags_(std::move(flags)) {}

  // 0 if all is well.
  int Run();

 private:
  std::unique_ptr<client::Client> Connect() const;
  bool Over() const {
    return Now() >= end_ && (changes_done_ >= flags_.changes + flags_.moves || gave_up_);
  }
  void Complain(const std::string& what, const absl::Status& status);

  v1::ApplyRequest Write(const Expected& account);
  void WriteSingly(std::vector<Expected>& accounts);
  void WriteInSessions(std::vector<Expected>& accounts);
  // Until all of them together may write again.
  void AwaitTurn() const;
  // Sends frames until they are all answered well, over as many sessions as that takes.
  void SendFrame(client::Client& daemon, std::unique_ptr<client::Session>& session,
                 const v1::SessionRequest& frame);

  void ChangeShards();
  bool ChangeOnce(client::Client& daemon, bool moves);
  bool Await(client::Client& daemon, const std::string& operation);

  int64_t Verify(client::Client& daemon, const std::vector<Expected>& accounts);
  int64_t VerifyShards(client::Client& daemon, int64_t accounts);

  const Flags flags_;
  absl::Time begin_;
  absl::Time end_;
  std::atomic<int> changes_done_{0};
  std::atomic<bool> gave_up_{false};
  std::atomic<int64_t> writes_{0};
  std::atomic<int64_t> errors_{0};
  std::atomic<uint64_t> next_request_{1};
  std::string run_ = absl::StrCat(absl::ToUnixNanos(Now()));
  int splits_ = 0;
  int merges_ = 0;
  int moves_ = 0;
  std::vector<double> pauses_ms_;
};

std::unique_ptr<client::Client> Load::Connect() const {
  client::ClientOptions options;
  options.connection.endpoints = {flags_.endpoint};
  options.timeout = absl::Seconds(20);
  auto made = client::Client::Create(options);
  if (!made.ok()) {
    std::fprintf(stderr, "no client: %s\n", made.status().ToString().c_str());
    std::abort();
  }
  return *std::move(made);
}

void Load::Complain(const std::string& what, const absl::Status& status) {
  // A daemon that is not there says nothing; what it said itself counts.
  const bool of_kill = flags_.kills && (status.code() == absl::StatusCode::kUnavailable ||
                                        status.code() == absl::StatusCode::kDeadlineExceeded ||
                                        status.code() == absl::StatusCode::kCancelled);
  if (of_kill) return;
  ++errors_;
  std::fprintf(stderr, "%s: %s\n", what.c_str(), status.ToString().c_str());
}

v1::ApplyRequest Load::Write(const Expected& account) {
  v1::ApplyRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id(account.id);
  request.set_request_id(absl::StrCat(run_, "-", next_request_++));
  request.set_create_account(true);
  auto& add = *request.add_mutations()->mutable_add_integer();
  add.set_key("n");
  add.set_delta(1);
  auto& put = *request.add_mutations()->mutable_put();
  put.set_key("v");
  put.set_value(absl::StrCat(account.count + 1));
  return request;
}

void Load::AwaitTurn() const {
  while (flags_.rate > 0 && !Over() &&
         static_cast<double>(writes_) > flags_.rate * absl::ToDoubleSeconds(Now() - begin_)) {
    client::RealClock().Wait(absl::Milliseconds(1));
  }
}

void Load::WriteSingly(std::vector<Expected>& accounts) {
  const std::unique_ptr<client::Client> daemon = Connect();
  for (size_t i = 0; !Over(); i = (i + 1) % accounts.size()) {
    AwaitTurn();
    Expected& account = accounts[i];
    const v1::ApplyRequest write = Write(account);
    while (true) {
      const auto applied = daemon->Apply(write);
      if (applied.ok()) break;
      Complain("apply", applied.status());
      if (!flags_.kills) return;
    }
    ++account.count;
    ++writes_;
    v1::GetRequest read;
    *read.mutable_account() = write.account();
    read.add_keys("n");
    const auto got = daemon->Get(read);
    if (!got.ok()) {
      Complain("get", got.status());
    } else if (got->entries_size() != 1 || got->entries(0).value() != absl::StrCat(account.count)) {
      Complain("get", absl::DataLossError(absl::StrCat(account.id,
                                                       " does not hold what was "
                                                       "acknowledged")));
    }
  }
}

void Load::SendFrame(client::Client& daemon, std::unique_ptr<client::Session>& session,
                     const v1::SessionRequest& frame) {
  while (true) {
    if (session == nullptr) {
      session = std::make_unique<client::Session>(daemon, client::SessionOptions());
    }
    auto answer = session->Send(frame).get();
    if (!answer.ok()) {
      Complain("session", answer.status());
      session.reset();
      client::RealClock().Wait(absl::Milliseconds(50));  // the daemon may be coming up
      if (!flags_.kills) return;
      continue;
    }
    for (const v1::SessionResult& result : answer->results()) {
      if (result.has_error()) Complain("operation", client::FromOperationError(result.error()));
    }
    return;
  }
}

void Load::WriteInSessions(std::vector<Expected>& accounts) {
  const std::unique_ptr<client::Client> daemon = Connect();
  std::unique_ptr<client::Session> session;
  size_t next = 0;
  while (!Over()) {
    AwaitTurn();
    v1::SessionRequest frame;
    for (int i = 0; i < kOperationsPerFrame; ++i, next = (next + 1) % accounts.size()) {
      *frame.add_operations()->mutable_apply() = Write(accounts[next]);
      ++accounts[next].count;
    }
    SendFrame(*daemon, session, frame);
    writes_ += kOperationsPerFrame;
  }
  if (session != nullptr) {
    const absl::Status finished = session->Finish();
    if (!finished.ok()) Complain("finish", finished);
  }
}

bool Load::Await(client::Client& daemon, const std::string& operation) {
  v1::WaitOperationRequest wait;
  wait.set_id(operation);
  wait.mutable_timeout()->set_seconds(10);
  while (true) {
    const auto waited = daemon.WaitOperation(wait);
    if (!waited.ok()) {
      Complain("wait", waited.status());
      if (!flags_.kills) return false;
      continue;
    }
    const v1::Operation& ended = waited->operation();
    if (ended.state() == v1::OPERATION_STATE_RUNNING) continue;
    if (ended.state() != v1::OPERATION_STATE_SUCCEEDED) {
      Complain(absl::StrCat("operation ", operation, " ended"), client::FromOperation(ended));
      return false;
    }
    pauses_ms_.push_back(static_cast<double>(ended.shard_change().pause().seconds()) * 1e3 +
                         ended.shard_change().pause().nanos() / 1e6);
    return true;
  }
}

bool Load::ChangeOnce(client::Client& daemon, bool moves) {
  v1::ListShardsRequest list;
  list.set_page_size(1000);
  const auto shards = daemon.ListShards(list);
  if (!shards.ok()) {
    Complain("list shards", shards.status());
    return false;
  }
  const uint64_t random = daemon.random()();
  const int count = shards->shards_size();
  const int chosen = static_cast<int>(random % static_cast<uint64_t>(count));
  const bool merges = count > 2 && (count >= kShardsMax || (random >> 32) % 2 == 0);
  if (moves) {
    v1::MoveShardHomeRequest request;
    request.set_id(shards->shards(chosen).id());
    // A new home, or back to that of a neighbour.
    const auto& other = shards->shards((chosen + 1) % count);
    if ((random >> 32) % 2 == 0 && other.home() != shards->shards(chosen).home()) {
      request.set_home(other.home());
    }
    const auto begun = daemon.MoveShardHome(request);
    if (!begun.ok()) return Complain("move home", begun.status()), false;
    if (!Await(daemon, begun->operation().id())) return false;
    ++moves_;
  } else if (merges) {
    v1::MergeShardsRequest request;
    const int first = std::min(chosen, count - 2);
    request.set_id(shards->shards(first).id());
    request.set_other_id(shards->shards(first + 1).id());
    const auto begun = daemon.MergeShards(request);
    if (!begun.ok()) return Complain("merge", begun.status()), false;
    if (!Await(daemon, begun->operation().id())) return false;
    ++merges_;
  } else {
    v1::ResolveRequest where;
    where.mutable_account()->set_namespace_(kNamespace);
    where.mutable_account()->set_id(
        absl::StrCat("a", (random >> 16) % (2 * kWritersOfEachKind * kAccountsPerWriter)));
    const auto route = daemon.Resolve(where);
    if (!route.ok()) return Complain("resolve", route.status()), false;
    // There already: the account is the first of its shard.
    if (route->route().start() == route->routing_key()) return false;
    v1::SplitShardRequest request;
    request.set_id(route->route().shard_id());
    request.set_routing_key(route->routing_key());
    const auto begun = daemon.SplitShard(request);
    if (!begun.ok()) return Complain("split", begun.status()), false;
    if (!Await(daemon, begun->operation().id())) return false;
    ++splits_;
  }
  return true;
}

void Load::ChangeShards() {
  const std::unique_ptr<client::Client> daemon = Connect();
  const int total = flags_.changes + flags_.moves;
  const absl::Time began = Now();
  int failed = 0;
  for (int done = 0; done < total;) {
    // Spread evenly over the time there is.
    const absl::Time due = began + (end_ - began) * done / total;
    client::RealClock().Wait(due - Now());
    const bool moves =
        flags_.moves > 0 && (done + 1) % (total / flags_.moves) == 0 && moves_ < flags_.moves;
    if (ChangeOnce(*daemon, moves)) {
      ++done;
      changes_done_ = done;
    } else if (++failed > 50 * total) {
      gave_up_ = true;
      return Complain("changes", absl::AbortedError("too many could not be made"));
    }
  }
}

int64_t Load::Verify(client::Client& daemon, const std::vector<Expected>& accounts) {
  int64_t wrong = 0;
  for (const Expected& account : accounts) {
    v1::GetRequest read;
    read.mutable_account()->set_namespace_(kNamespace);
    read.mutable_account()->set_id(account.id);
    read.add_keys("n");
    read.add_keys("v");
    const auto got = daemon.Get(read);
    const std::string right = absl::StrCat(account.count);
    bool equal = got.ok() && got->entries_size() == 2;
    for (int i = 0; equal && i < 2; ++i) equal = got->entries(i).value() == right;
    if (equal || account.count == 0) continue;
    ++wrong;
    std::fprintf(stderr, "%s must hold %s: %s\n", account.id.c_str(), right.c_str(),
                 got.ok() ? got->ShortDebugString().c_str() : got.status().ToString().c_str());
  }
  return wrong;
}

// Every shard's own counts are right, and together they hold what they should.
int64_t Load::VerifyShards(client::Client& daemon, int64_t accounts) {
  v1::ListShardsRequest list;
  list.set_page_size(1000);
  const auto shards = daemon.ListShards(list);
  if (!shards.ok()) return Complain("list shards", shards.status()), 1;
  uint64_t counted = 0;
  int64_t wrong = 0;
  for (const v1::Shard& shard : shards->shards()) {
    v1::VerifyShardRequest request;
    request.set_id(shard.id());
    const auto begun = daemon.VerifyShard(request);
    if (!begun.ok()) return Complain("verify", begun.status()), 1;
    if (!Await(daemon, begun->operation().id())) ++wrong;
    v1::GetOperationRequest get;
    get.set_id(begun->operation().id());
    const auto ended = daemon.GetOperation(get);
    if (ended.ok()) counted += ended->operation().totals().account_count();
  }
  if (counted != static_cast<uint64_t>(accounts)) {
    ++wrong;
    std::fprintf(stderr, "the shards hold %lu accounts; there must be %ld\n",
                 static_cast<unsigned long>(counted), static_cast<long>(accounts));
  }
  return wrong;
}

int Load::Run() {
  begin_ = Now();
  end_ = begin_ + absl::Seconds(flags_.seconds);
  const std::unique_ptr<client::Client> daemon = Connect();
  v1::CreateNamespaceRequest make;
  make.set_name(kNamespace);
  make.set_request_id("load");
  if (const auto made = daemon->CreateNamespace(make); !made.ok()) {
    Complain("create namespace", made.status());
    return 1;
  }
  std::vector<std::vector<Expected>> accounts(2 * kWritersOfEachKind);
  int next = 0;
  for (auto& of_writer : accounts) {
    for (int i = 0; i < kAccountsPerWriter; ++i) of_writer.push_back({absl::StrCat("a", next++)});
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kWritersOfEachKind; ++i) {
    threads.emplace_back([this, &accounts, i] { WriteSingly(accounts[i]); });
    threads.emplace_back(
        [this, &accounts, i] { WriteInSessions(accounts[kWritersOfEachKind + i]); });
  }
  ChangeShards();
  for (std::thread& thread : threads) thread.join();
  const auto pauses = std::move(pauses_ms_);
  int64_t wrong = 0;
  int64_t written = 0;
  for (const auto& of_writer : accounts) {
    wrong += Verify(*daemon, of_writer);
    for (const Expected& account : of_writer) written += account.count > 0 ? 1 : 0;
  }
  wrong += VerifyShards(*daemon, written);
  std::vector<double> sorted = pauses;
  std::sort(sorted.begin(), sorted.end());
  const double p99 = sorted.empty() ? 0 : sorted[sorted.size() * 99 / 100];
  std::printf(
      "errors=%ld wrong=%ld writes=%ld splits=%d merges=%d moves=%d pause_ms_p99=%.2f "
      "pause_ms_max=%.2f\n",
      static_cast<long>(errors_), static_cast<long>(wrong), static_cast<long>(writes_), splits_,
      merges_, moves_, p99, sorted.empty() ? 0 : sorted.back());
  return errors_ == 0 && wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace shardd

int main(int argc, char** argv) {
  shardd::Flags flags;
  CLI::App app("Writes while shards change, and verifies every value.");
  app.add_option("--endpoint", flags.endpoint, "host:port of the daemon")->required();
  app.add_option("--seconds", flags.seconds, "how long to write, at least");
  app.add_option("--changes", flags.changes, "splits and merges to make in that time");
  app.add_option("--moves", flags.moves, "moves to another home");
  app.add_option("--rate", flags.rate, "writes a second; 0: as many as it can");
  app.add_flag("--kills", flags.kills, "the daemon is killed now and then");
  CLI11_PARSE(app, argc, argv);
  return shardd::Load(flags).Run();
}
