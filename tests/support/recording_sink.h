#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/runtime/runtime.h"

namespace shardd {

// Keeps all answers in the order they came and lets a test wait for them.
//
// Thread safety: safe.
class RecordingSink final : public ReplySink {
 public:
  void OnReply(Reply reply) override;
  void OnWatchEvent(WatchEvent event) override;
  void OnCoordinatorReply(CoordinatorReply reply) override;

  // The first answer to a call; waits for it.
  absl::StatusOr<ShardAnswer> WaitForReply(CallId call);
  absl::StatusOr<CoordinatorAnswer> WaitForCoordinatorReply(CallId call);
  // The `count`th event of a watch, from 1; waits for it.
  WatchEvent WaitForWatchEvent(CallId call, size_t count);

  // How often each call was answered so far.
  std::map<CallId, size_t> reply_counts() const;
  std::map<CallId, size_t> coordinator_reply_counts() const;
  // The calls in the order of their answers.
  std::vector<CallId> reply_order() const;

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Reply> replies_ ABSL_GUARDED_BY(mutex_);
  std::vector<WatchEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<CoordinatorReply> coordinator_replies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd
