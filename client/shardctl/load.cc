#include "client/shardctl/load.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "client/retry.h"
#include "client/session.h"

namespace shardd::shardctl {
namespace {

constexpr char kKey[] = "value";

// Makes operations; each thread of work takes its own numbers.
class Workload {
 public:
  explicit Workload(const LoadOptions& options)
      : options_(options), value_(options.value_bytes, 'x') {}

  bool NextIsPut(uint64_t number) const {
    if (options_.mix == LoadOptions::Mix::kMixed) return number % 2 == 0;
    return options_.mix == LoadOptions::Mix::kPut;
  }

  void Fill(uint64_t number, v1::ApplyRequest& request) const {
    FillRef(number, *request.mutable_account());
    request.set_create_account(true);
    auto& put = *request.add_mutations()->mutable_put();
    put.set_key(kKey);
    put.set_value(value_);
  }

  void Fill(uint64_t number, v1::GetRequest& request) const {
    FillRef(number, *request.mutable_account());
    request.add_keys(kKey);
  }

 private:
  void FillRef(uint64_t number, v1::AccountRef& ref) const {
    // A fixed mix of the bits spreads successive numbers over the accounts.
    constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
    ref.set_namespace_(options_.name_space);
    ref.set_id(absl::StrCat("account-", ((number * kOdd) >> 20) % options_.accounts));
  }

  const LoadOptions& options_;
  const std::string value_;
};

// What all parts of a load share.
//
// Thread safety: all methods may be called from any thread.
class Load {
 public:
  Load(client::Client& client, const LoadOptions& options, const std::function<bool()>& stop)
      : client_(client), options_(options), stop_(stop), workload_(options) {}

  LoadResult Run() {
    const absl::Time start = client_.clock().Now();
    end_ = start + options_.duration;
    if (options_.sessions > 0) {
      RunSessions();
    } else {
      RunCalls();
    }
    result_.time = client_.clock().Now() - start;
    return std::move(result_);
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::ApplyRequest apply;
    v1::ApplyResponse applied;
    v1::GetRequest get;
    v1::GetResponse got;
    absl::Time start;
  };

  bool GoesOn() const { return client_.clock().Now() < end_ && !stop_(); }

  // A missing account or entry is an answer too: a load of gets may come before any put.
  void Count(const absl::Status& status, absl::Duration latency, uint64_t operations) {
    const std::lock_guard<std::mutex> lock(mutex_);
    result_.latencies.Add(latency);
    if (status.ok() || absl::IsNotFound(status)) {
      result_.operations += operations;
      return;
    }
    result_.errors += operations;
    if (result_.first_error.empty()) result_.first_error = std::string(status.message());
  }

  // Each slot begins its next call when the one before has ended.
  void RunCalls() {
    running_ = options_.in_flight;
    for (size_t i = 0; i < options_.in_flight; ++i) BeginCall();
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return running_ == 0; });
  }

  void BeginCall() {
    const uint64_t number = next_number_++;
    auto call = std::make_shared<Call>();
    call->start = client_.clock().Now();
    call->context.set_deadline(absl::ToChronoTime(call->start + client_.options().timeout));
    const auto done = [this, call](const grpc::Status& status) {
      Count(client::FromGrpc(status), client_.clock().Now() - call->start, 1);
      if (GoesOn()) {
        BeginCall();
        return;
      }
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--running_ == 0) changed_.notify_all();
    };
    auto& stub = *client_.connection().current().state;
    if (workload_.NextIsPut(number)) {
      workload_.Fill(number, call->apply);
      stub.async()->Apply(&call->context, &call->apply, &call->applied, done);
    } else {
      workload_.Fill(number, call->get);
      stub.async()->Get(&call->context, &call->get, &call->got, done);
    }
  }

  void RunSessions() {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < options_.sessions; ++i) threads.emplace_back([this] { RunSession(); });
    for (std::thread& thread : threads) thread.join();
  }

  // The daemon ends a session when its connection has grown old: then another one goes on.
  void RunSession() {
    client::Backoff backoff(client::RetryPolicy(), client_.random());
    while (GoesOn()) {
      const absl::Status ended = SendFrames();
      if (!client::IsTransient(ended)) return;
      client_.clock().Wait(backoff.Next(ended));
    }
  }

  // Sends frames until the time is over, or returns why the session broke.
  absl::Status SendFrames() {
    client::SessionOptions session_options;
    session_options.frames_in_flight_max = options_.in_flight;
    client::Session session(client_, session_options);
    while (GoesOn()) {
      const absl::Time start = client_.clock().Now();
      const absl::Status sent =
          session.Send(NextFrame(), [this, start](absl::StatusOr<v1::SessionResponse> answer) {
            CountFrame(answer, client_.clock().Now() - start);
          });
      if (!sent.ok()) return sent;
    }
    session.Finish().IgnoreError();
    return absl::OkStatus();
  }

  v1::SessionRequest NextFrame() {
    v1::SessionRequest frame;
    for (size_t i = 0; i < options_.frame_operations; ++i) {
      const uint64_t number = next_number_++;
      if (workload_.NextIsPut(number)) {
        workload_.Fill(number, *frame.add_operations()->mutable_apply());
      } else {
        workload_.Fill(number, *frame.add_operations()->mutable_get());
      }
    }
    return frame;
  }

  void CountFrame(const absl::StatusOr<v1::SessionResponse>& answer, absl::Duration latency) {
    if (!answer.ok()) {
      Count(answer.status(), latency, options_.frame_operations);
      return;
    }
    uint64_t good = 0;
    absl::Status first_error;
    for (const v1::SessionResult& result : answer->results()) {
      const absl::Status status =
          result.has_error() ? client::FromOperationError(result.error()) : absl::OkStatus();
      if (status.ok() || absl::IsNotFound(status)) {
        ++good;
      } else if (first_error.ok()) {
        first_error = status;
      }
    }
    Count(absl::OkStatus(), latency, good);
    if (first_error.ok()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    result_.errors += static_cast<uint64_t>(answer->results_size()) - good;
    if (result_.first_error.empty()) result_.first_error = std::string(first_error.message());
  }

  client::Client& client_;
  const LoadOptions& options_;
  const std::function<bool()>& stop_;
  const Workload workload_;
  absl::Time end_;
  std::atomic<uint64_t> next_number_ = 0;

  // Guards what follows. Counting is short beside a call over the network.
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t running_ = 0;
  LoadResult result_;
};

}  // namespace

absl::StatusOr<LoadResult> RunLoad(client::Client& client, const LoadOptions& options,
                                   const std::function<bool()>& stop) {
  const auto load = std::make_unique<Load>(client, options, stop);
  LoadResult result = load->Run();
  if (result.operations == 0 && result.errors > 0) {
    return absl::UnavailableError(absl::StrCat("no operation succeeded: ", result.first_error));
  }
  return result;
}

}  // namespace shardd::shardctl
