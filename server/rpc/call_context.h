#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/limits.h"
#include "server/base/mutex.h"
#include "server/rpc/call_metrics.h"
#include "server/rpc/call_registry.h"
#include "server/rpc/unsent_answers.h"
#include "server/runtime/runtime.h"

namespace shardd::rpc {

// When calls of a method are taken.
enum class Admission {
  kData,      // until the daemon drains
  kOperator,  // also while it drains: what operators need to look on
  kProbe,     // always, and not counted: health
};

// A stream that can be told to end.
class EndableStream {
 public:
  virtual ~EndableStream() = default;
  // From any thread: finish what is under way, take nothing new, end with `status`. Harmless when
  // the stream has ended.
  virtual void EndWith(absl::Status status) = 0;
  // From any thread: look again at what is watched.
  virtual void Poke() {}
};

// The streams that are open.
//
// Thread safety: safe. A lock, since streams begin on their pollers and are ended from anywhere.
class OpenStreams {
 public:
  void Add(EndableStream* key, std::weak_ptr<EndableStream> stream);
  void Remove(EndableStream* key);
  void EndAll(const absl::Status& status);
  void PokeAll();

 private:
  std::vector<std::shared_ptr<EndableStream>> List() const;

  mutable Mutex mutex_;
  std::unordered_map<EndableStream*, std::weak_ptr<EndableStream>> streams_ ABSL_GUARDED_BY(mutex_);
};

// What every call needs of the front end.
//
// Thread safety: fixed after the server has started, or safe by itself.
struct CallContext {
  CallContext(const Clock& its_clock, size_t its_calls_max, size_t unsent_bytes_max)
      : clock(its_clock), calls_max(its_calls_max), unsent(unsent_bytes_max) {}

  // OK if a call may begin; then End must follow. kDraining, kTooManyCalls.
  absl::Status Begin(Admission admission);
  void End(Admission admission);

  // When a call's work must not be begun any more: the caller's deadline, at most kDeadlineMax
  // away; kDeadlineDefault away if the caller named none.
  absl::Time DeadlineOf(const grpc::ServerContext& call) const;

  Runtime* runtime = nullptr;
  const Clock& clock;
  const size_t calls_max;
  UnsentAnswers unsent;
  CallRegistry registry;
  CallMetrics metrics;
  OpenStreams streams;
  OpenStreams probes;  // health watches: they outlive a drain
  std::atomic<bool> draining{false};
  std::atomic<size_t> calls{0};
};

// kDraining.
absl::Status DrainingError();

}  // namespace shardd::rpc
