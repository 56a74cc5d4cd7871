#include "server/rpc/completion.h"

#include "server/rpc/reply_inbox.h"

namespace shardd::rpc {

Lane::Lane(std::unique_ptr<grpc::ServerCompletionQueue> queue)
    : queue_(std::move(queue)), inbox_(std::make_unique<ReplyInbox>(*this)) {}

Lane::~Lane() = default;

}  // namespace shardd::rpc
