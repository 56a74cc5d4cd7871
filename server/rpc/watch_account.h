#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"
#include "server/rpc/write_stream.h"
#include "shardd/v1/state.pb.h"

namespace shardd::rpc {

// StateService.WatchAccount: passes on what the account's worker tells, through a bounded buffer. A
// caller who is too slow for it is cut off and may come back with the last revision it has seen.
//
// The worker knows the watch by an id of the registry: after the stream is over, what still arrives
// under it finds nobody.
class WatchAccount final : public WriteStream<v1::WatchAccountRequest, v1::WatchAccountResponse>,
                           public ReplyTarget {
 public:
  WatchAccount(const Config& config, Lane& lane) : WriteStream(config, lane) {}

  // From the worker.
  void OnWatchEvent(WatchEvent event) override;
  void OnReply(uint32_t slot, absl::StatusOr<ShardAnswer> answer) override;

 private:
  void OnStart() override;
  void OnWritten() override { WriteNext(); }
  void OnPoked() override;
  void OnOver() override;

  absl::Status StartWatch();
  void WriteNext();
  void StopWatch();

  // Of the poller.
  AccountRef account_;
  CallId id_;
  bool watching_ = false;  // the worker knows of this watch

  // A lock: the worker fills the buffer, the poller empties it.
  Mutex mutex_;
  std::deque<std::shared_ptr<const AccountChange>> changes_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t progress_ ABSL_GUARDED_BY(mutex_) = 0;
  bool sign_of_life_ ABSL_GUARDED_BY(mutex_) = false;
  bool watch_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::rpc
