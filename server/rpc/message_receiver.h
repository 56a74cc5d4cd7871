#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/cross_thread_messaging/receiving.h"
#include "server/rpc/call_context.h"
#include "server/rpc/call_registry.h"
#include "server/rpc/completion.h"
#include "server/rpc/convert_messages.h"
#include "server/runtime/ready_board.h"

namespace shardd::rpc {

// Receives messages for a call of a consumer: looks where there are some, and waits if there are
// none.
//
// Thread safety: everything on the poller of the lane. Lifetime: shared, and kept by what it waits
// for; Stop lets go of that.
class MessageReceiver final : public DirectTarget,
                              public std::enable_shared_from_this<MessageReceiver> {
 public:
  // What was received, or why nothing can be.
  using OnResult = std::function<void(absl::StatusOr<ReceiveResult>)>;

  MessageReceiver(CallContext& context, Lane& lane, Subscription subscription, OnResult on_result);

  // Receives up to `count` messages; waits for the first one, or gives none if there are none now.
  // REQUIRES: the result before was given. The result is given later, or within the call.
  void Receive(size_t count, bool wait);
  // From now on nothing is given: what is received after all goes back at once.
  void Stop();
  // Messages that cannot be passed on. They can be received again at once.
  void GiveBack(const ReceiveResult& result);

  void OnReply(uint32_t slot, absl::StatusOr<ShardAnswer> answer) override;

 private:
  class Wake;

  // Asks the next shard that says it has messages, or the owner of the account.
  void Look();
  absl::Status Ask(ShardId shard);
  // Nothing was found.
  void Rest();
  void Called();
  void LookAgainSoon();
  void Give(absl::StatusOr<ReceiveResult> result);
  void EndWait();

  Runtime& runtime() { return *context_.runtime; }
  const AccountRef& topic() const { return subscription_.topic; }

  CallContext& context_;
  const Subscription subscription_;
  OnResult on_result_;

  size_t count_ = 0;
  bool wait_ = false;
  bool receiving_ = false;  // the result was not given yet
  bool stopped_ = false;
  bool called_ = false;           // since it looked last
  std::set<ShardId> looked_at_;   // since it began to look
  std::optional<ReadyBoard::WaitId> waiting_;
  std::shared_ptr<MessageReceiver> asking_;  // itself, while an answer is on its way
};

}  // namespace shardd::rpc
