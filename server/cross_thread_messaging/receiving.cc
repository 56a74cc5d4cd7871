#include "server/cross_thread_messaging/receiving.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

absl::Status CheckLease(absl::Duration lease) {
  if (lease >= limits::kMessageLeaseMin && lease <= limits::kMessageLeaseMax) {
    return absl::OkStatus();
  }
  return InvalidField(
      "lease", absl::StrCat("is ", absl::FormatDuration(lease), "; it must be from ",
                            absl::FormatDuration(limits::kMessageLeaseMin), " to ",
                            absl::FormatDuration(limits::kMessageLeaseMax)));
}

absl::Status Check(const ReceiveTerms& terms) {
  if (terms.messages_max < 1 || terms.messages_max > limits::kReceiveMessagesMax) {
    return InvalidField("max_messages",
                        absl::StrCat("is ", terms.messages_max, "; it must be from 1 to ",
                                     limits::kReceiveMessagesMax));
  }
  return CheckLease(terms.lease);
}

absl::Status CheckSomeLeases(const std::vector<Lease>& leases) {
  if (leases.empty()) return InvalidField("ack_ids", "is empty; it must name 1 or more messages");
  return ValidateLeases("ack_ids", leases);
}

size_t NameSize(const AccountRef& account) { return account.name_space.size() + account.id.size(); }

// Numbers, times and tags around a message in an answer, and lengths around a header, at most.
constexpr size_t kAroundMessage = 160;
constexpr size_t kAroundHeader = 16;

}  // namespace

absl::Status ValidateLeases(absl::string_view field, const std::vector<Lease>& leases) {
  if (leases.size() > limits::kLeasesMax) {
    return InvalidField(field, absl::StrCat("has ", leases.size(), " items; at most ",
                                            limits::kLeasesMax, " are allowed"));
  }
  std::set<uint64_t> numbers;
  for (size_t i = 0; i < leases.size(); ++i) {
    if (numbers.insert(leases[i].number).second) continue;
    return InvalidField(absl::StrCat(field, "[", i, "]"),
                        "names a message that another one names too");
  }
  return absl::OkStatus();
}

absl::Status Validate(const ReceiveRequest& request) {
  SHARDD_RETURN_IF_ERROR(ValidateAccountRef(request.account));
  return Check(request.terms);
}

absl::Status Validate(const ReceiveAnyRequest& request) {
  SHARDD_RETURN_IF_ERROR(ValidateNamespaceName(request.name_space));
  return Check(request.terms);
}

absl::Status Validate(const ExtendLeasesRequest& request) {
  SHARDD_RETURN_IF_ERROR(ValidateAccountRef(request.account));
  SHARDD_RETURN_IF_ERROR(CheckSomeLeases(request.leases));
  return CheckLease(request.lease);
}

absl::Status Validate(const NackRequest& request) {
  SHARDD_RETURN_IF_ERROR(ValidateAccountRef(request.account));
  SHARDD_RETURN_IF_ERROR(CheckSomeLeases(request.leases));
  if (request.delay >= absl::ZeroDuration() && request.delay <= limits::kMessageLeaseMax) {
    return absl::OkStatus();
  }
  return InvalidField("delay", absl::StrCat("is ", absl::FormatDuration(request.delay),
                                            "; it must be from 0 to ",
                                            absl::FormatDuration(limits::kMessageLeaseMax)));
}

absl::Status Validate(const SettleUndeliverableRequest& request) {
  return ValidateAccountRef(request.account);
}

size_t ByteSize(const SettleUndeliverableRequest& request) {
  return sizeof(request) + NameSize(request.account) + request.own_key.size();
}

size_t ByteSize(const ReceiveRequest& request) {
  return sizeof(request) + NameSize(request.account);
}

size_t ByteSize(const ReceiveAnyRequest& request) {
  size_t size = sizeof(request) + request.name_space.size();
  if (request.label.has_value()) size += request.label->first.size() + request.label->second.size();
  return size;
}

size_t ByteSize(const ExtendLeasesRequest& request) {
  return sizeof(request) + NameSize(request.account) + request.leases.size() * sizeof(Lease);
}

size_t ByteSize(const NackRequest& request) {
  return sizeof(request) + NameSize(request.account) + request.leases.size() * sizeof(Lease);
}

void ReceiveResult::Add(ReceivedMessage received) {
  const Message& message = received.message;
  bytes += kAroundMessage + message.ByteSize() + NameSize(message.sender) +
           NameSize(message.receiver) + message.headers.size() * kAroundHeader;
  if (message.reply_to.has_value()) bytes += NameSize(*message.reply_to);
  messages.push_back(std::move(received));
}

}  // namespace shardd
