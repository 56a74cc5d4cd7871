#include "server/rpc/described_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace shardd::rpc {
namespace {

using google::protobuf::MethodDescriptor;
using grpc::internal::RpcMethod;
using grpc::internal::RpcServiceMethod;

RpcMethod::RpcType TypeOf(const MethodDescriptor& method) {
  if (method.client_streaming()) {
    return method.server_streaming() ? RpcMethod::BIDI_STREAMING : RpcMethod::CLIENT_STREAMING;
  }
  return method.server_streaming() ? RpcMethod::SERVER_STREAMING : RpcMethod::NORMAL_RPC;
}

// As gRPC's metrics spell it.
const char* TypeName(RpcMethod::RpcType type) {
  switch (type) {
    case RpcMethod::NORMAL_RPC:
      return "unary";
    case RpcMethod::CLIENT_STREAMING:
      return "client_stream";
    case RpcMethod::SERVER_STREAMING:
      return "server_stream";
    case RpcMethod::BIDI_STREAMING:
      return "bidi_stream";
  }
  return "unknown";
}

}  // namespace

DescribedService::DescribedService(const google::protobuf::ServiceDescriptor& descriptor,
                                   std::string name, CallContext& context)
    : descriptor_(descriptor), name_(std::move(name)), context_(context) {
  paths_.reserve(descriptor_.method_count());
  served_.resize(descriptor_.method_count());
  for (int i = 0; i < descriptor_.method_count(); ++i) {
    const MethodDescriptor& method = *descriptor_.method(i);
    paths_.push_back(absl::StrCat("/", name_, "/", method.name()));
    AddMethod(new RpcServiceMethod(paths_.back().c_str(), TypeOf(method), nullptr));
    MarkMethodAsync(i);
  }
}

DescribedService::Method DescribedService::FindMethod(absl::string_view name) {
  const MethodDescriptor* method = descriptor_.FindMethodByName(std::string(name));
  SHARDD_CHECK(method != nullptr);
  MethodMetrics* metrics = context_.metrics.Add(name_, method->name(), TypeName(TypeOf(*method)));
  return {.service = this, .index = method->index(), .metrics = metrics, .context = &context_};
}

void DescribedService::Serve(const Method& method, int count, std::function<void(Lane&)> post) {
  served_[static_cast<size_t>(method.index)] = {.count = count, .post = std::move(post)};
}

void DescribedService::PostAll(Lane& lane) {
  for (const Served& served : served_) {
    SHARDD_CHECK(served.post != nullptr);
    for (int i = 0; i < served.count; ++i) served.post(lane);
  }
}

}  // namespace shardd::rpc
