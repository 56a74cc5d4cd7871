#include "tests/client/fake_mailboxes.h"

#include "absl/strings/str_cat.h"
#include "shardd/v1/error_reason.pb.h"
#include "tests/client/fake_store.h"

namespace shardd::client {

void FakeMailboxes::Add(const v1::AccountRef& receiver, const std::string& payload) {
  Held held;
  *held.message.mutable_receiver() = receiver;
  held.message.set_payload(payload);
  const Key key(receiver.namespace_(), receiver.id());
  held.number = next_number_[key]++;
  mailboxes_[key].push_back(std::move(held));
}

void FakeMailboxes::List(const v1::ListMailboxRequest& request,
                         v1::ListMailboxResponse& response) const {
  const auto found = mailboxes_.find({request.account().namespace_(), request.account().id()});
  if (found == mailboxes_.end()) return;
  for (const Held& held : found->second) {
    if (held.number < request.start_number()) continue;
    v1::MailboxMessage& message = *response.add_messages();
    message.set_number(held.number);
    *message.mutable_message() = held.message;
    message.set_attempts(held.attempts);
  }
}

std::optional<v1::ReceivedMessage> FakeMailboxes::Receive(const std::string& name_space) {
  for (auto& [key, mailbox] : mailboxes_) {
    if (key.first != name_space || mailbox.empty() || !mailbox.front().ack_id.empty()) continue;
    Held& held = mailbox.front();
    held.ack_id = absl::StrCat("ack-", next_ack_++);
    out_[held.ack_id] = key;
    v1::ReceivedMessage received;
    *received.mutable_message() = held.message;
    received.set_ack_id(held.ack_id);
    received.set_attempt(held.attempts + 1);
    return received;
  }
  return std::nullopt;
}

grpc::Status FakeMailboxes::Check(
    const v1::AccountRef& receiver,
    const google::protobuf::RepeatedPtrField<std::string>& ack_ids) const {
  for (const std::string& ack_id : ack_ids) {
    const auto out = out_.find(ack_id);
    if (out != out_.end() && out->second == Key(receiver.namespace_(), receiver.id())) continue;
    return Refusal(grpc::StatusCode::FAILED_PRECONDITION, v1::ERROR_REASON_MESSAGE_LEASE_ENDED,
                   "its lease has ended");
  }
  return grpc::Status::OK;
}

void FakeMailboxes::Ack(const v1::AccountRef& receiver,
                        const google::protobuf::RepeatedPtrField<std::string>& ack_ids) {
  for (const std::string& ack_id : ack_ids) {
    mailboxes_[{receiver.namespace_(), receiver.id()}].pop_front();
    out_.erase(ack_id);
  }
}

grpc::Status FakeMailboxes::Nack(const v1::NackRequest& request) {
  grpc::Status held = Check(request.account(), request.ack_ids());
  if (!held.ok()) return held;
  nacks.push_back(request);
  Return(mailboxes_[{request.account().namespace_(), request.account().id()}].front());
  return held;
}

grpc::Status FakeMailboxes::Extend(const v1::ExtendLeaseRequest& request) {
  grpc::Status held = Check(request.account(), request.ack_ids());
  if (held.ok()) extensions.push_back(request);
  return held;
}

void FakeMailboxes::EndLeases() {
  for (auto& [key, mailbox] : mailboxes_) {
    if (!mailbox.empty() && !mailbox.front().ack_id.empty()) Return(mailbox.front());
  }
}

void FakeMailboxes::Return(Held& held) {
  out_.erase(held.ack_id);
  held.ack_id.clear();
  ++held.attempts;
}

size_t FakeMailboxes::size() const {
  size_t messages = 0;
  for (const auto& [key, mailbox] : mailboxes_) messages += mailbox.size();
  return messages;
}

}  // namespace shardd::client
