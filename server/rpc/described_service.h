#pragma once

#include <google/protobuf/descriptor.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/rpc/call_context.h"
#include "server/rpc/completion.h"

namespace shardd::rpc {

// A gRPC service whose methods are taken from its descriptor and whose calls all run on completion
// queues. A subclass serves each method by handing Serve what posts one call of it: to post is to
// tell gRPC that the next call of the method may arrive.
//
// Thread safety: after construction, safe. Lifetime: outlives the server and its lanes.
class DescribedService : public grpc::Service {
 public:
  // What the calls of one method need of it.
  struct Method {
    DescribedService* service = nullptr;
    int index = 0;
    MethodMetrics* metrics = nullptr;
    CallContext* context = nullptr;
  };

  const std::string& name() const { return name_; }

  // Posts every method on `lane`. REQUIRES: the server has started, and every method is served.
  void PostAll(Lane& lane);

  // For calls, which post themselves.
  template <typename... Args>
  void RequestUnary(Args... args) {
    RequestAsyncUnary(args...);
  }
  template <typename... Args>
  void RequestServerStreaming(Args... args) {
    RequestAsyncServerStreaming(args...);
  }
  template <typename... Args>
  void RequestBidiStreaming(Args... args) {
    RequestAsyncBidiStreaming(args...);
  }

 protected:
  // `name` is the service's full name, which need not be the descriptor's.
  DescribedService(const google::protobuf::ServiceDescriptor& descriptor, std::string name,
                   CallContext& context);

  // REQUIRES: the method exists.
  Method FindMethod(absl::string_view name);

  // `post` posts one call of the method; `count` are kept posted.
  void Serve(const Method& method, int count, std::function<void(Lane&)> post);

  CallContext& context() { return context_; }

 private:
  struct Served {
    int count = 0;
    std::function<void(Lane&)> post;
  };

  const google::protobuf::ServiceDescriptor& descriptor_;
  const std::string name_;
  CallContext& context_;
  std::vector<std::string> paths_;  // gRPC keeps pointers to them
  std::vector<Served> served_;      // by method index
};

}  // namespace shardd::rpc
