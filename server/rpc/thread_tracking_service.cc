#include "server/rpc/thread_tracking_service.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "server/rpc/convert_results.h"

namespace shardd::rpc {
namespace {

using ListCall = UnaryCall<v1::ListThreadsRequest, v1::ListThreadsResponse>;
using GetCall = UnaryCall<v1::GetThreadRequest, v1::GetThreadResponse>;

absl::Status Get(const ThreadRegistry& threads, GetCall& call) {
  const std::optional<ThreadId> id = ParseThreadId(call.request().id());
  if (!id.has_value()) {
    return InvalidField("id", "is not the id of a thread; they look like t-3");
  }
  const std::optional<ThreadStatus> status = threads.Find(*id);
  if (!status.has_value()) {
    return Error(Reason::kThreadNotFound, absl::StrCat("no thread is called ", ToText(*id)));
  }
  ToProto(*status, *call.response().mutable_thread());
  return absl::OkStatus();
}

void List(const ThreadRegistry& threads, ListCall& call) {
  for (const ThreadStatus& status : threads.List()) {
    ToProto(status, *call.response().add_threads());
  }
  call.Finish(absl::OkStatus());
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *v1::Thread::descriptor()->file()->FindServiceByName("ThreadTrackingService");
}

}  // namespace

ThreadTrackingService::ThreadTrackingService(CallContext& context, const ThreadRegistry& threads)
    : CallService(Descriptor(), Descriptor().full_name(), context) {
  const Admission always = Admission::kOperator;
  Unary<v1::ListThreadsRequest, v1::ListThreadsResponse>(
      "ListThreads", always, [&threads](ListCall& call) { List(threads, call); });
  Unary<v1::GetThreadRequest, v1::GetThreadResponse>(
      "GetThread", always, [&threads](GetCall& call) { call.Finish(Get(threads, call)); });
}

}  // namespace shardd::rpc
