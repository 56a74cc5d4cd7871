#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "grpcpp/client_context.h"

namespace shardd::client {

// A message that a handler works on.
//
// Thread safety: for the thread of the handler.
class Delivery {
 public:
  Delivery(Client& client, v1::ReceivedMessage received)
      : client_(client), received_(std::move(received)) {}

  const v1::Message& message() const { return received_.message(); }
  // 1 if it was never received before.
  uint32_t attempt() const { return received_.attempt(); }
  const v1::ReceivedMessage& received() const { return received_; }

  // Holds the message for so long from now: for a handler that takes longer than the subscription's
  // lease. MESSAGE_LEASE_ENDED (see DetailOf): it is somebody else's by now, so return.
  absl::Status ExtendLease(absl::Duration lease);

 private:
  Client& client_;
  const v1::ReceivedMessage received_;
};

struct ConsumerOptions {
  // Which messages. Must not be concurrent.
  v1::Subscription subscription;
  // Messages handled at a time, each of another account, each by a thread of its own.
  int handlers = 4;
  // How long a Receive waits for a message before it is made again.
  absl::Duration receive_timeout = absl::Seconds(30);
  // A message whose handler failed is received again after so long; twice as long each time.
  absl::Duration failure_delay_first = absl::Seconds(1);
  absl::Duration failure_delay_max = absl::Minutes(10);
  // Is told of each failure, by the thread of the handler: an error of the handler, or a refused
  // commit.
  std::function<void(const Delivery&, const absl::Status&)> on_failure;
};

// Handles messages: receives one, calls the handler, and commits what it returns in one Apply with
// the acknowledgement; so state, sends and acknowledgement take effect together, and once.
//
// Messages of an account are handled one at a time, in order, by however many consumers. One that
// fails is given back, and its account waits until it comes again: later each time, until its
// sender's attempts_max makes it undeliverable. Nothing is received ahead: what a consumer holds is
// being handled. A daemon that is gone is waited for. What a consumer held when it died comes again
// when the lease has ended.
//
// Thread safety: Run is for one thread; Stop and counts are for any.
class Consumer {
 public:
  static constexpr int kHandlersMax = 1024;

  // Returns what to commit: preconditions, mutations and sends on the account that received the
  // message; the rest of the request is set by the consumer. An error, or an exception: the attempt
  // has failed, and nothing is changed. Called by several threads at a time.
  using Handler = std::function<absl::StatusOr<v1::ApplyRequest>(Delivery&)>;

  struct Counts {
    uint64_t handled = 0;   // and committed
    uint64_t failed = 0;    // and given back
    uint64_t lost = 0;      // the lease ended before the commit: somebody else handles them
    uint64_t in_doubt = 0;  // no answer to the commit; they come again unless it was made
  };

  // `client` must outlive the consumer.
  Consumer(Client& client, ConsumerOptions options, Handler handler)
      : client_(client), options_(std::move(options)), handler_(std::move(handler)) {}

  // Returns OK after Stop, once everything that is being handled is done with. INVALID_ARGUMENT:
  // the options are wrong. Otherwise the error of a Receive that does not mend by itself, like that
  // of a namespace that does not exist.
  absl::Status Run();

  // Lets no handler begin any more. May be called before Run, and again.
  void Stop();

  Counts counts() const;

 private:
  absl::Status CheckOptions() const;
  void HandleMessages();
  // Waits for a message. nullopt: none came.
  absl::StatusOr<std::optional<v1::ReceivedMessage>> Receive();
  void Handle(Delivery& delivery);
  absl::StatusOr<v1::ApplyRequest> CallHandler(Delivery& delivery) const;
  void GiveBack(const Delivery& delivery, const absl::Status& failure);
  bool stopped() const;
  void Count(uint64_t Counts::*count);

  Client& client_;
  const ConsumerOptions options_;
  const Handler handler_;

  mutable std::mutex mutex_;
  bool stopped_ = false;
  absl::Status failure_;
  Counts counts_;
  std::set<grpc::ClientContext*> receiving_;
};

}  // namespace shardd::client
