#pragma once

#include <string>

#include "tests/bench/messages/message_party.h"

namespace shardd::bench {

// Redis Streams: XADD; a consumer group that reads with XREADGROUP, and for each batch of messages
// sets the payload as the receiver's value and acknowledges, in one transaction. Pipelined, one
// connection for the sender and one for the consumer.
class RedisMessages final : public MessageParty {
 public:
  explicit RedisMessages(std::string address) : address_(std::move(address)) {}

  absl::Status Fill(const DatasetOptions& options) override;
  absl::Status Prepare() override;
  absl::Status Run(MessageFlights& flights) override;
  absl::Status CheckNothingLeft(uint64_t sent) override;

 private:
  const std::string address_;
};

}  // namespace shardd::bench
