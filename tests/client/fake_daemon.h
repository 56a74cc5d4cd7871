#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/client.h"
#include "client/clock.h"
#include "grpcpp/server.h"
#include "grpcpp/support/status.h"
#include "shardd/v1/admin.pb.h"
#include "shardd/v1/operation.pb.h"
#include "tests/client/fake_balancing.h"
#include "tests/client/fake_shards.h"
#include "tests/client/fake_store.h"
#include "tests/client/fake_threads.h"

namespace shardd::client {

// A daemon in this process, on a port of its own: real gRPC, accounts in memory, and faults on
// demand. It keeps its accounts when it is stopped and started again.
//
// Thread safety: all methods may be called from any thread.
class FakeDaemon {
 public:
  // What goes wrong, and how often. A count of -1 means always.
  struct Faults {
    // The next calls that are not streams fail so.
    int failing_calls = 0;
    grpc::Status call_error;
    // The first of them fails so instead, if set.
    std::optional<grpc::Status> first_call_error;
    // The next Receives fail with call_error.
    int failing_receives = 0;
    // The next session operations are put off with MAILBOX_FULL.
    int put_off_operations = 0;
    // Operations of frames with more than one operation: the whole session fails.
    bool refuse_large_frames = false;
    // The session breaks after it has run this frame and before it answers it; counted over all
    // sessions, from 1.
    int break_at_frame = 0;
    // Sessions never answer.
    bool silent_sessions = false;
    // Exports break after each frame, so that every frame takes a stream of its own.
    bool break_exports = false;
    // How the operation ends that is waited for; unset: well.
    std::optional<v1::Operation> ended_operation;
  };

  // Closes connections of this age, whatever goes on in them.
  explicit FakeDaemon(absl::Duration connection_age_max = absl::InfiniteDuration());
  ~FakeDaemon();

  // Where it listens.
  const std::string& endpoint() const { return endpoint_; }

  void Stop();
  // On the same port as before.
  void Start();

  // Waits until `condition` holds of the accounts.
  template <typename Condition>
  void Await(Condition condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return condition(store_); });
  }

  // Runs `change` on the accounts, under the daemon's lock.
  template <typename Change>
  auto WithStore(Change change) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return change(store_);
  }
  template <typename Change>
  auto WithShards(Change change) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return change(shards_);
  }
  void SetFaults(const Faults& faults);
  void SetStatus(const v1::StatusResponse& status);
  void SetServing(bool serving);
  FakeThreads& threads();
  FakeBalancing& balancing();

  // How many calls came in that are not streams.
  int calls() const;
  int receives() const;
  int sessions() const;
  int frames() const;

 private:
  struct Services;

  friend struct Services;

  const absl::Duration connection_age_max_;
  const std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
  std::string endpoint_ = "127.0.0.1:0";

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  FakeStore store_;
  FakeShards shards_;
  Faults faults_;
  v1::StatusResponse status_;
  bool serving_ = true;
  bool stopping_ = false;
  int calls_ = 0;
  int receives_ = 0;
  int sessions_ = 0;
  int frames_ = 0;
};

// The machine's clock, except that a wait only moves it on.
class JumpingClock : public Clock {
 public:
  absl::Time Now() const override;
  void Wait(absl::Duration duration) override;

  std::vector<absl::Duration> waits() const;

 private:
  mutable std::mutex mutex_;
  std::vector<absl::Duration> waits_;
  absl::Duration jumped_;
};

}  // namespace shardd::client
