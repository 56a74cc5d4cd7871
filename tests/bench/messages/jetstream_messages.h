#pragma once

#include <string>

#include "tests/bench/messages/message_party.h"

namespace shardd::bench {

// NATS JetStream: a stream and a bucket of its key-value store, both in files. The consumer pulls,
// puts the payload under the receiver's key, and when that is answered acknowledges the message,
// and waits until that is answered: the two cannot be one commit, and a put can be repeated.
class JetStreamMessages final : public MessageParty {
 public:
  explicit JetStreamMessages(std::string address) : address_(std::move(address)) {}

  absl::Status Fill(const DatasetOptions& options) override;
  absl::Status Prepare() override;
  absl::Status Run(MessageFlights& flights) override;
  absl::Status CheckNothingLeft(uint64_t sent) override;

 private:
  const std::string address_;
};

}  // namespace shardd::bench
