#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tests/bench/messages/message_flights.h"

namespace shardd::bench {

struct MessageNamespaces {
  std::string senders;
  std::string receivers;
};

// Sends shardd the messages of `flights` on one session, receives them on one subscription and
// commits them on another session, on one completion queue and one thread, until they are over.
absl::Status ExchangeMessages(const std::shared_ptr<grpc::Channel>& channel,
                              const MessageNamespaces& namespaces, MessageFlights& flights);

}  // namespace shardd::bench
