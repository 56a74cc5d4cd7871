#include "server/rpc/message_receiver.h"

#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "server/account/namespace_record.h"
#include "server/base/error.h"
#include "server/rpc/reply_inbox.h"

namespace shardd::rpc {
namespace {

// Nobody waits for its answer.
class Forgotten final : public DirectTarget {
 public:
  using DirectTarget::DirectTarget;
  void OnReply(uint32_t, absl::StatusOr<ShardAnswer>) override { delete this; }
};

}  // namespace

// Brings a call of the board, which is made on a worker's thread, to the poller.
class MessageReceiver::Wake final : public DirectTarget {
 public:
  explicit Wake(std::shared_ptr<MessageReceiver> receiver)
      : DirectTarget(receiver->inbox()), receiver_(std::move(receiver)) {}

  void Put() { inbox().Put(*this, 0, absl::StatusOr<CoordinatorAnswer>(ShardNote())); }

  void OnCoordinatorReply(absl::StatusOr<CoordinatorAnswer>) override {
    const std::unique_ptr<Wake> last(this);
    receiver_->Called();
  }

 private:
  const std::shared_ptr<MessageReceiver> receiver_;
};

MessageReceiver::MessageReceiver(CallContext& context, Lane& lane, Subscription subscription,
                                 OnResult on_result)
    : DirectTarget(lane.inbox()),
      context_(context),
      subscription_(std::move(subscription)),
      on_result_(std::move(on_result)) {}

void MessageReceiver::Receive(size_t count, bool wait) {
  count_ = count;
  wait_ = wait;
  receiving_ = true;
  looked_at_.clear();
  // Before looking: what gets ready from now on is told.
  if (wait) {
    const auto call = [self = shared_from_this()] { (new Wake(self))->Put(); };
    waiting_ = runtime().ready_board().Wait(
        {topic(), subscription_.terms.several, subscription_.label.has_value()}, call);
  }
  Look();
}

void MessageReceiver::Look() {
  called_ = false;
  const absl::Status open = CheckNamespace(*runtime().namespaces(), topic().name_space);
  if (!open.ok()) return Give(open);
  ReceiveTerms terms = subscription_.terms;
  terms.messages_max = count_;
  ShardRequest request;
  request.call = DirectId(this);
  absl::Status accepted;
  if (!topic().id.empty()) {
    request.body = ReceiveRequest{topic(), terms};
    accepted = runtime().Submit(std::move(request));
  } else {
    const auto shard = runtime().ready_board().Next(topic().name_space, terms.several);
    if (!shard.has_value() || !looked_at_.insert(*shard).second) return Rest();
    request.body = ReceiveAnyRequest{topic().name_space, subscription_.label, terms};
    accepted = runtime().SubmitToShard(*shard, std::move(request));
    if (ReasonOf(accepted) == Reason::kShardNotFound) return LookAgainSoon();
  }
  if (!accepted.ok()) return Give(accepted);
  asking_ = shared_from_this();
}

void MessageReceiver::OnReply(uint32_t, absl::StatusOr<ShardAnswer> answer) {
  const std::shared_ptr<MessageReceiver> self = std::exchange(asking_, nullptr);
  if (stopped_) {
    if (answer.ok()) GiveBack(std::get<ReceiveResult>(*answer));
    return;
  }
  if (!answer.ok()) return Give(std::move(answer).status());
  ReceiveResult& result = std::get<ReceiveResult>(*answer);
  if (!result.messages.empty()) return Give(std::move(result));
  if (topic().id.empty()) return Look();
  Rest();
}

void MessageReceiver::Rest() {
  if (!wait_) return Give(ReceiveResult());
  if (called_) {
    looked_at_.clear();
    return Look();
  }
  runtime().ready_board().WaitOn(*waiting_);
}

void MessageReceiver::Called() {
  if (stopped_ || !receiving_) return;
  called_ = true;
  if (asking_ == nullptr) Rest();
}

// The shard is being changed; the one that gets what it had will say so. A call of its own, so that
// the poller does other things meanwhile.
void MessageReceiver::LookAgainSoon() {
  called_ = true;
  (new Wake(shared_from_this()))->Put();
}

void MessageReceiver::Give(absl::StatusOr<ReceiveResult> result) {
  receiving_ = false;
  EndWait();
  const OnResult give = on_result_;  // whoever gets it may stop this
  give(std::move(result));
}

void MessageReceiver::EndWait() {
  if (waiting_.has_value()) runtime().ready_board().Done(*std::exchange(waiting_, std::nullopt));
}

void MessageReceiver::Stop() {
  if (std::exchange(stopped_, true)) return;
  EndWait();
  on_result_ = nullptr;
}

void MessageReceiver::GiveBack(const ReceiveResult& result) {
  std::map<AccountRef, std::vector<Lease>> leases;
  for (const ReceivedMessage& received : result.messages) {
    leases[received.message.receiver].push_back(received.lease);
  }
  for (auto& [account, held] : leases) {
    Forgotten* const nobody = new Forgotten(inbox());
    ShardRequest request;
    request.call = DirectId(nobody);
    request.body = NackRequest{account, std::move(held), absl::ZeroDuration(), /*counts=*/false};
    // If it is refused, the lease ends by itself.
    if (!runtime().Submit(std::move(request)).ok()) delete nobody;
  }
}

}  // namespace shardd::rpc
