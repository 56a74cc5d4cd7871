#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/support/status.h"
#include "shardd/v1/messaging.pb.h"

namespace shardd::client {

// Mailboxes in memory that behave like the daemon's as far as a consumer can see: of each account
// one message is out at a time, and an attempt that fails counts. Time passes when it is told to.
//
// Thread safety: none.
class FakeMailboxes {
 public:
  // Puts a message into a mailbox.
  void Add(const v1::AccountRef& receiver, const std::string& payload);

  // The next message of an account of the namespace, of which none is out; nothing: there is none.
  std::optional<v1::ReceivedMessage> Receive(const std::string& name_space);
  // MESSAGE_LEASE_ENDED unless all are out.
  grpc::Status Check(const v1::AccountRef& receiver,
                     const google::protobuf::RepeatedPtrField<std::string>& ack_ids) const;
  // REQUIRES: they were checked.
  void Ack(const v1::AccountRef& receiver,
           const google::protobuf::RepeatedPtrField<std::string>& ack_ids);
  // The delay is noted, and passes at once.
  grpc::Status Nack(const v1::NackRequest& request);
  grpc::Status Extend(const v1::ExtendLeaseRequest& request);
  // All leases end.
  void EndLeases();

  // All messages of an account from a number on: its first ever is 0.
  void List(const v1::ListMailboxRequest& request, v1::ListMailboxResponse& response) const;

  // How many messages there are, and how many of them are out.
  size_t size() const;
  size_t out() const { return out_.size(); }

  std::vector<v1::NackRequest> nacks;
  std::vector<v1::ExtendLeaseRequest> extensions;
  v1::GetMessageRatesResponse rates;

 private:
  using Key = std::pair<std::string, std::string>;
  struct Held {
    v1::Message message;
    uint64_t number = 0;
    uint32_t attempts = 0;
    std::string ack_id;  // empty: it is not out
  };

  void Return(Held& held);

  std::map<Key, std::deque<Held>> mailboxes_;
  std::map<std::string, Key> out_;  // by ack id
  uint64_t next_ack_ = 1;
  std::map<Key, uint64_t> next_number_;
};

}  // namespace shardd::client
