#include "server/rpc/thread_tracking_service.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/convert_threads.h"
#include "server/rpc/dump_stacks.h"
#include "server/rpc/watch_threads.h"
#include "server/threads_tracking_service/stack_dump.h"

namespace shardd::rpc {
namespace {

using ListCall = UnaryCall<v1::ListThreadsRequest, v1::ListThreadsResponse>;
using GetCall = UnaryCall<v1::GetThreadRequest, v1::GetThreadResponse>;

std::optional<ThreadStatus> Find(const ThreadRegistry& threads, ThreadId id) {
  if (id.value < kExternalIdBit) return threads.Find(id);
  for (ThreadStatus& status : ListExternal(threads.List())) {
    if (status.id == id) return std::move(status);
  }
  return std::nullopt;
}

absl::Status Get(const ThreadRegistry& threads, GetCall& call) {
  const std::optional<ThreadId> id = ParseThreadName(call.request().id());
  if (!id.has_value()) {
    return InvalidField("id",
                        "is not the id of a thread; they look like t-3, external ones like os-42");
  }
  const std::optional<ThreadStatus> status = Find(threads, *id);
  if (!status.has_value()) {
    return Error(Reason::kThreadNotFound, absl::StrCat("no thread is called ", ThreadName(*id)));
  }
  ToProto(*status, *call.response().mutable_thread());
  return absl::OkStatus();
}

void List(const ThreadRegistry& threads, ListCall& call) {
  const std::vector<ThreadStatus> own = threads.List();
  for (const ThreadStatus& status : own) ToProto(status, *call.response().add_threads());
  if (!call.request().own_only()) {
    for (const ThreadStatus& status : ListExternal(own)) {
      ToProto(status, *call.response().add_threads());
    }
  }
  call.Finish(absl::OkStatus());
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::Thread::descriptor()->file()->FindServiceByName("ThreadTrackingService");
}

}  // namespace

ThreadTrackingService::ThreadTrackingService(CallContext& context, ThreadRegistry& threads)
    : CallService(Descriptor(), Descriptor().full_name(), context),
      dumper_(threads, context.clock) {
  const Admission always = Admission::kOperator;
  Unary<v1::ListThreadsRequest, v1::ListThreadsResponse>(
      "ListThreads", always, [&threads](ListCall& call) { List(threads, call); });
  Unary<v1::GetThreadRequest, v1::GetThreadResponse>(
      "GetThread", always, [&threads](GetCall& call) { call.Finish(Get(threads, call)); });
  Stream<WatchThreads>("WatchThreads", always, &std::as_const(threads).events());
  Stream<DumpStacksStream>("DumpStacks", always, &dumper_);
}

}  // namespace shardd::rpc
