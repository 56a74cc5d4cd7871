#pragma once

#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/rpc/described_service.h"
#include "server/rpc/unary_call.h"

namespace shardd::rpc {

// A service that says in its constructor how each of its methods is served.
class CallService : public DescribedService {
 protected:
  using DescribedService::DescribedService;

  // Serves `method` with `handle`, which runs on a poller, must not block, and finishes or submits
  // the call. REQUIRES: the method takes Request and returns Response, one each.
  template <typename Request, typename Response>
  void Unary(absl::string_view method, Admission admission,
             typename UnaryCall<Request, Response>::Handler handle, int posted = kPostedOne) {
    using Call = UnaryCall<Request, Response>;
    using Config = typename Call::Config;
    const Method found = FindMethod(method);
    const auto config = std::make_shared<const Config>(Config{found, admission, std::move(handle)});
    Serve(found, posted, [config](Lane& lane) { Call::Post(*config, lane); });
  }

  // Serves `method` with a WriteStream or FrameStream of its own, made from `args`.
  template <typename Call, typename... Args>
  void Stream(absl::string_view method, Admission admission, Args... args) {
    using Config = typename Call::Config;
    const Method found = FindMethod(method);
    const auto make = [args...](const Config& config, Lane& lane) {
      return std::make_shared<Call>(config, lane, args...);
    };
    const auto config = std::make_shared<const Config>(Config{found, admission, make});
    Serve(found, kPostedOne, [config](Lane& lane) { Call::Post(*config, lane); });
  }
};

}  // namespace shardd::rpc
