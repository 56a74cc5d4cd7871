#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace shardd::bench {

// A plain-text channel to `address`, set up alike for every server that is measured.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address);

// Waits until the server's health service says that it serves. UNAVAILABLE if it has not after
// `patience`.
absl::Status WaitUntilServing(const std::shared_ptr<grpc::Channel>& channel,
                              absl::Duration patience);

// What a failed call says about itself, prefixed with `what`.
absl::Status FailedCall(const std::string& what, const grpc::Status& status);

}  // namespace shardd::bench
