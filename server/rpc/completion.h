#pragma once

#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace shardd::rpc {

class ReplyInbox;

// Something that was begun on a completion queue and comes back from it once.
class CompletionTag {
 public:
  // The queue hands this back. `ok` is gRPC's word on it: false means that it did not happen.
  virtual void Complete(bool ok) = 0;

 protected:
  ~CompletionTag() = default;
};

// A completion queue and what is under way on it. Polled by one thread, its poller: all calls of a
// lane run there, except what says otherwise.
//
// Thread safety: Begin, queue and inbox from any thread.
class Lane {
 public:
  explicit Lane(std::unique_ptr<grpc::ServerCompletionQueue> queue);
  ~Lane();

  // Counts `tag` as under way and gives the form in which gRPC takes it. Call it just before the
  // tag is handed to gRPC.
  void* Begin(CompletionTag* tag) {
    under_way_.fetch_add(1, std::memory_order_relaxed);
    return tag;
  }

  // Handles one completion: waits for it, returns false when the queue has shut down and is empty.
  bool Next(CompletionTag** tag, bool* ok) {
    void* raw = nullptr;
    if (!queue_->Next(&raw, ok)) return false;
    *tag = static_cast<CompletionTag*>(raw);
    return true;
  }

  // A tag was handled, together with everything it began.
  void End() {
    if (under_way_.fetch_sub(1) == 1 && closing_.load()) ShutDownQueue();
  }

  // Shuts the queue down as soon as nothing is under way: gRPC aborts the process when something is
  // begun on a queue that was shut down. REQUIRES: nothing is begun any more but from Complete.
  void Close() {
    closing_.store(true);
    if (under_way_.load() == 0) ShutDownQueue();
  }

  grpc::ServerCompletionQueue* queue() { return queue_.get(); }
  // Where the runtime's answers to calls of this lane go.
  ReplyInbox& inbox() { return *inbox_; }

 private:
  void ShutDownQueue() {
    if (!shut_down_.exchange(true)) queue_->Shutdown();
  }

  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  const std::unique_ptr<ReplyInbox> inbox_;
  std::atomic<int64_t> under_way_{0};
  std::atomic<bool> closing_{false};
  std::atomic<bool> shut_down_{false};
};

// A tag of a call that has several under way at once: keeps its call alive until it comes back.
//
// Thread safety: armed by one thread at a time, and again only after it came back.
template <typename Call>
class CallTag final : public CompletionTag {
 public:
  using Handler = void (Call::*)(bool ok);
  explicit CallTag(Handler handler) : handler_(handler) {}

  void* Arm(Lane& lane, std::shared_ptr<Call> call) {
    call_ = std::move(call);
    return lane.Begin(this);
  }
  void Complete(bool ok) override {
    const std::shared_ptr<Call> call = std::move(call_);
    (call.get()->*handler_)(ok);
  }

 private:
  const Handler handler_;
  std::shared_ptr<Call> call_;
};

}  // namespace shardd::rpc
