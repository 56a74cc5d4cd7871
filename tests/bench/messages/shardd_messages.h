#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "tests/bench/messages/message_party.h"

namespace shardd::bench {

// shardd: senders send with Apply, consumers subscribe and acknowledge with an Apply that also puts
// the payload. Senders and receivers are in different shards.
class SharddMessages final : public MessageParty {
 public:
  explicit SharddMessages(const std::shared_ptr<grpc::Channel>& channel) : channel_(channel) {}

  absl::Status Fill(const DatasetOptions& options) override;
  absl::Status Prepare() override;
  absl::Status Run(MessageFlights& flights) override;
  absl::Status CheckNothingLeft(uint64_t sent) override;

 private:
  absl::Status CheckShardsDiffer();
  absl::Status CheckNoneUndeliverable();

  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace shardd::bench
