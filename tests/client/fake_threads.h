#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "shardd/v1/thread_tracking.grpc.pb.h"

namespace shardd::client {

// The threads of a FakeDaemon: what the test says they are.
//
// Thread safety: all methods may be called from any thread.
class FakeThreads final : public v1::ThreadTrackingService::Service {
 public:
  FakeThreads();

  // What each further list shows; the last one for ever.
  void SetLists(std::deque<v1::ListThreadsResponse> lists);
  // What a watch shows. `oldest` is the first revision that is kept; a watch that asks for another
  // one than these, or the next, is refused. A watch that has shown all breaks off.
  void SetEvents(uint64_t oldest, const std::vector<std::string>& messages);
  // What happens between one watch and the next.
  void SetEventsLater(uint64_t oldest, const std::vector<std::string>& messages);

  grpc::Status ListThreads(grpc::ServerContext* context, const v1::ListThreadsRequest* request,
                           v1::ListThreadsResponse* response) override;
  grpc::Status GetThread(grpc::ServerContext* context, const v1::GetThreadRequest* request,
                         v1::GetThreadResponse* response) override;
  grpc::Status WatchThreads(grpc::ServerContext* context, const v1::WatchThreadsRequest* request,
                            grpc::ServerWriter<v1::WatchThreadsResponse>* writer) override;
  grpc::Status DumpStacks(grpc::ServerContext* context, const v1::DumpStacksRequest* request,
                          grpc::ServerWriter<v1::DumpStacksResponse>* writer) override;

 private:
  struct Events {
    uint64_t oldest = 1;
    std::vector<std::string> messages;
  };

  std::mutex mutex_;
  std::deque<v1::ListThreadsResponse> lists_;
  std::deque<Events> events_;  // the last one stays
};

}  // namespace shardd::client
