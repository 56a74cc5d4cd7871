// A gRPC server that does nothing but answer: what shardd's calls are measured against.
//
//   shardd_bench_echo callback|queue
//
// Listens on a free loopback port, prints HOST:PORT, and serves until it is killed.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "echo.grpc.pb.h"

namespace shardd::bench {
namespace {

// More calls than any client keeps in flight, so that none waits to be taken.
constexpr int kQueuedCalls = 512;
constexpr uint32_t kAnswerBytesMax = 1 << 20;

void Answer(const EchoRequest& request, EchoResponse& response) {
  response.mutable_payload()->assign(std::min(request.answer_bytes(), kAnswerBytesMax), 'x');
}

class CallbackEcho final : public EchoService::CallbackService {
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context, const EchoRequest* request,
                                 EchoResponse* response) override {
    Answer(*request, *response);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// One call of the completion-queue server; used again for the next call when it ends.
class QueuedCall {
 public:
  QueuedCall(EchoService::AsyncService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue) {
    Accept();
  }

  // The call's pending step is done; `ok` is false if the client has gone.
  void Proceed(bool ok) {
    if (answering_ || !ok) return Accept();
    answering_ = true;
    Answer(*request_, response_);
    responder_->Finish(response_, grpc::Status::OK, this);
  }

 private:
  void Accept() {
    answering_ = false;
    responder_.reset();
    context_ = std::make_unique<grpc::ServerContext>();
    responder_ = std::make_unique<grpc::ServerAsyncResponseWriter<EchoResponse>>(context_.get());
    request_ = std::make_unique<EchoRequest>();
    service_.RequestEcho(context_.get(), request_.get(), responder_.get(), &queue_, &queue_, this);
  }

  EchoService::AsyncService& service_;
  grpc::ServerCompletionQueue& queue_;
  bool answering_ = false;
  std::unique_ptr<grpc::ServerContext> context_;
  std::unique_ptr<EchoRequest> request_;
  EchoResponse response_;
  std::unique_ptr<grpc::ServerAsyncResponseWriter<EchoResponse>> responder_;
};

// Starts `builder` on a free port and prints the address.
std::unique_ptr<grpc::Server> Listen(grpc::ServerBuilder& builder) {
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server != nullptr) std::cout << "127.0.0.1:" << port << std::endl;
  return server;
}

int ServeCallbacks() {
  CallbackEcho service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = Listen(builder);
  if (server == nullptr) return 1;
  server->Wait();
  return 0;
}

int ServeQueue() {
  EchoService::AsyncService service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = Listen(builder);
  if (server == nullptr) return 1;
  std::vector<std::unique_ptr<QueuedCall>> calls;
  for (int i = 0; i < kQueuedCalls; ++i) {
    calls.push_back(std::make_unique<QueuedCall>(service, *queue));
  }
  void* call = nullptr;
  for (bool ok = false; queue->Next(&call, &ok);) static_cast<QueuedCall*>(call)->Proceed(ok);
  return 0;
}

}  // namespace
}  // namespace shardd::bench

int main(int argc, char** argv) {
  // As shardd does: the yardstick must not carry a burden that shardd has put down.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::string_view mode = argc == 2 ? argv[1] : "";
  if (mode == "callback") return shardd::bench::ServeCallbacks();
  if (mode == "queue") return shardd::bench::ServeQueue();
  std::cerr << "usage: shardd_bench_echo callback|queue\n";
  return 2;
}
