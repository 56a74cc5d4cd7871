#include "tests/client/fake_threads.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/client/fake_store.h"

namespace shardd::client {
namespace {

using grpc::ServerContext;
using grpc::Status;

v1::Thread FakeThread(const std::string& id, const std::string& name, v1::ThreadRole role) {
  v1::Thread thread;
  thread.set_id(id);
  thread.set_name(name);
  thread.set_role(role);
  thread.set_state(v1::THREAD_STATE_RUNNING);
  thread.set_phase(v1::THREAD_PHASE_IDLE);
  if (role == v1::THREAD_ROLE_WORKER) thread.set_shard_id("s-0001");
  return thread;
}

v1::ThreadStack FakeStack(const v1::Thread& thread, const std::string& function) {
  v1::ThreadStack stack;
  *stack.mutable_thread() = thread;
  stack.set_answered(!function.empty());
  if (function.empty()) {
    stack.set_silent_because("it takes no signals");
    stack.set_text("no stack: it takes no signals\n");
    return stack;
  }
  v1::StackFrame& frame = *stack.add_frames();
  frame.set_address(4096);
  frame.set_function(function);
  frame.set_module("shardd");
  frame.set_module_offset(16);
  stack.set_text(absl::StrCat("#0  ", function, "  (shardd+0x10)\n"));
  return stack;
}

Status Compacted(uint64_t oldest) {
  google::rpc::Status details;
  details.set_code(grpc::StatusCode::OUT_OF_RANGE);
  google::rpc::ErrorInfo info;
  info.set_domain("shardd");
  info.set_reason("REVISION_COMPACTED");
  (*info.mutable_metadata())["oldest_revision"] = absl::StrCat(oldest);
  details.add_details()->PackFrom(info);
  return Status(grpc::StatusCode::OUT_OF_RANGE, "gone", details.SerializeAsString());
}

}  // namespace

FakeThreads::FakeThreads() {
  v1::ListThreadsResponse list;
  *list.add_threads() = FakeThread("t-1", "worker-1", v1::THREAD_ROLE_WORKER);
  *list.add_threads() = FakeThread("t-2", "worker-2", v1::THREAD_ROLE_WORKER);
  list.mutable_threads(1)->set_state(v1::THREAD_STATE_STOPPED);
  *list.add_threads() = FakeThread("os-7", "rocksdb:low", v1::THREAD_ROLE_EXTERNAL);
  lists_.push_back(std::move(list));
  events_.push_back({});
}

void FakeThreads::SetLists(std::deque<v1::ListThreadsResponse> lists) {
  const std::lock_guard<std::mutex> lock(mutex_);
  lists_ = std::move(lists);
}

void FakeThreads::SetEvents(uint64_t oldest, const std::vector<std::string>& messages) {
  const std::lock_guard<std::mutex> lock(mutex_);
  events_ = {{oldest, messages}};
}

void FakeThreads::SetEventsLater(uint64_t oldest, const std::vector<std::string>& messages) {
  const std::lock_guard<std::mutex> lock(mutex_);
  events_.push_back({oldest, messages});
}

Status FakeThreads::ListThreads(ServerContext*, const v1::ListThreadsRequest* request,
                                v1::ListThreadsResponse* response) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const v1::Thread& thread : lists_.front().threads()) {
    if (request->own_only() && thread.role() == v1::THREAD_ROLE_EXTERNAL) continue;
    *response->add_threads() = thread;
  }
  if (lists_.size() > 1) lists_.pop_front();
  return Status::OK;
}

Status FakeThreads::GetThread(ServerContext*, const v1::GetThreadRequest* request,
                              v1::GetThreadResponse* response) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const v1::Thread& thread : lists_.front().threads()) {
    if (thread.id() != request->id()) continue;
    *response->mutable_thread() = thread;
    return Status::OK;
  }
  return Refusal(grpc::StatusCode::NOT_FOUND, v1::ERROR_REASON_THREAD_NOT_FOUND,
                 absl::StrCat("thread ", request->id(), " does not exist"));
}

Status FakeThreads::WatchThreads(ServerContext*, const v1::WatchThreadsRequest* request,
                                 grpc::ServerWriter<v1::WatchThreadsResponse>* writer) {
  Events events;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    events = events_.front();
    if (events_.size() > 1) events_.pop_front();
  }
  const uint64_t end = events.oldest + events.messages.size();
  const uint64_t start = request->start_revision() == 0 ? end : request->start_revision();
  if (start < events.oldest || start > end) return Compacted(events.oldest);
  v1::WatchThreadsResponse response;
  for (uint64_t revision = start; revision < end; ++revision) {
    v1::ThreadEvent& event = *response.add_events();
    event.set_revision(revision);
    event.set_kind(v1::THREAD_EVENT_KIND_STALLED);
    event.set_thread_id("t-1");
    event.set_phase(v1::THREAD_PHASE_COMMITTING);
    event.set_cause(v1::STALL_CAUSE_STORAGE);
    event.set_message(events.messages[revision - events.oldest]);
  }
  response.set_progress_revision(end - 1);
  writer->Write(response);
  return Refusal(grpc::StatusCode::UNAVAILABLE, v1::ERROR_REASON_DRAINING, "shutting down");
}

Status FakeThreads::DumpStacks(ServerContext*, const v1::DumpStacksRequest* request,
                               grpc::ServerWriter<v1::DumpStacksResponse>* writer) {
  const std::vector<v1::ThreadStack> stacks = {
      FakeStack(FakeThread("t-1", "worker-1", v1::THREAD_ROLE_WORKER), "Loop()"),
      FakeStack(FakeThread("t-2", "worker-2", v1::THREAD_ROLE_WORKER), "Loop()"),
      FakeStack(FakeThread("os-7", "rocksdb:low", v1::THREAD_ROLE_EXTERNAL), "")};
  bool found = false;
  for (const v1::ThreadStack& stack : stacks) {
    if (!request->thread_id().empty() && request->thread_id() != stack.thread().id()) continue;
    found = true;
    v1::DumpStacksResponse response;
    *response.add_stacks() = stack;
    writer->Write(response);
  }
  if (found) return Status::OK;
  return Refusal(grpc::StatusCode::NOT_FOUND, v1::ERROR_REASON_THREAD_NOT_FOUND, "no such thread");
}

}  // namespace shardd::client
