#include "tests/sim/message_ledger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/cross_thread_messaging/message_records.h"
#include "server/routing/undeliverable.h"
#include "tests/sim/model.h"

namespace shardd::sim {
namespace {

std::string Text(const MessageName& name) {
  return absl::StrCat("message ", name.number.revision, "-", name.number.index, " of ",
                      name.sender.name_space, "/", name.sender.id);
}

MessageName NameOf(const Message& message) { return {message.sender, message.number}; }

bool IsDelayed(const Message& message) { return message.deliver_time != absl::InfinitePast(); }

const ModelSend* FindSend(const Model& model, const MessageName& name) {
  const ModelAccount* const sender = model.Find(name.sender);
  if (sender == nullptr) return nullptr;
  for (const ModelSend& send : sender->messages.sent) {
    if (send.number == name.number) return &send;
  }
  return nullptr;
}

bool IsDealtWith(const Model& model, const AccountRef& receiver, const MessageName& name) {
  const ModelAccount* const account = model.Find(receiver);
  return account != nullptr && account->messages.dealt_with.contains(name);
}

// What is stored of messages, and of a mailbox.
struct StoredMailbox {
  uint64_t count = 0;
  uint64_t bytes = 0;
  uint64_t delayed = 0;
  std::optional<uint64_t> first;
  uint64_t last = 0;
  std::map<AccountRef, SendNumber> newest_from;
};
struct StoredMessages {
  std::set<MessageName> under_way;
  std::map<MessageName, size_t> arrived;  // in how many mailboxes or among undeliverable ones
  std::map<AccountRef, StoredMailbox> mailboxes;
  std::string wrong;
};

void AddArrived(const Message& message, const Model& model, StoredMessages& stored) {
  const MessageName name = NameOf(message);
  ++stored.arrived[name];
  const ModelSend* const send = FindSend(model, name);
  if (send == nullptr) {
    stored.wrong = absl::StrCat(Text(name), " has arrived and was never sent");
  } else if (send->receiver != message.receiver || send->payload != message.payload) {
    stored.wrong = absl::StrCat(Text(name), " is not what was sent");
  } else if (IsDealtWith(model, message.receiver, name)) {
    stored.wrong = absl::StrCat(Text(name), " is there again after it was dealt with");
  }
}

void AddToMailbox(const Message& message, uint64_t number, bool delayed, StoredMessages& stored) {
  StoredMailbox& mailbox = stored.mailboxes[message.receiver];
  ++mailbox.count;
  mailbox.bytes += message.ByteSize();
  mailbox.last = std::max(mailbox.last, number);
  if (delayed) {
    ++mailbox.delayed;
    return;
  }
  if (!mailbox.first.has_value()) mailbox.first = number;
  if (IsDelayed(message)) return;
  SendNumber& newest = mailbox.newest_from[message.sender];
  if (message.number <= newest) {
    stored.wrong = absl::StrCat(Text(NameOf(message)), " comes after a later one");
  }
  newest = message.number;
}

void Add(const MessageRecordKey& key, absl::string_view value, const Model& model,
         StoredMessages& stored) {
  if (key.type == MessageRecordType::kOutbox) {
    const Message message = *DecodeOutbox(value);
    stored.under_way.insert(NameOf(message));
    if (FindSend(model, NameOf(message)) == nullptr) {
      stored.wrong = absl::StrCat(Text(NameOf(message)), " is under way and was never sent");
    }
  } else if (key.type == MessageRecordType::kMailbox) {
    const Message message = *DecodeMessage(key.account, value);
    AddArrived(message, model, stored);
    AddToMailbox(message, *ParseMailboxOwnKey(key.own_key), false, stored);
  } else if (key.type == MessageRecordType::kDelayed) {
    const Message message = *DecodeMessage(key.account, value);
    AddArrived(message, model, stored);
    AddToMailbox(message, ParseDelayedOwnKey(key.own_key)->number, true, stored);
  } else if (key.type == MessageRecordType::kUndeliverable) {
    const UndeliverableRecord record = *UndeliverableRecord::Decode(value);
    AddArrived(*DecodeMessage(key.account, record.message), model, stored);
  }
}

StoredMessages ReadMessages(const storage::Reader& reader, const Model& model) {
  StoredMessages stored;
  const auto cursor = reader.NewCursor(storage::kMessages, {});
  for (cursor->SeekToFirst(); cursor->Valid() && stored.wrong.empty(); cursor->Next()) {
    Add(*ParseMessageKey(cursor->key()), cursor->value(), model, stored);
  }
  return stored;
}

std::string WrongCounts(const StoredMailbox& found, const MailboxState& said) {
  if (said.count != found.count || said.bytes != found.bytes || said.delayed != found.delayed) {
    return absl::StrCat("says ", said.count, " messages, ", said.bytes, " bytes, ", said.delayed,
                        " delayed; there are ", found.count, ", ", found.bytes, ", ",
                        found.delayed);
  }
  const bool below = found.first.has_value() && *found.first < said.first;
  const bool above = found.count > 0 && found.last >= said.next;
  return below || above ? "has messages outside of its numbers" : "";
}

}  // namespace

bool MessageLedger::Held(const AccountRef& account, Lease lease, absl::Time now) const {
  const auto of_account = held_.find(account);
  if (of_account == held_.end()) return false;
  const auto found = of_account->second.find(lease.number);
  return found != of_account->second.end() && found->second.token == lease.token &&
         now < found->second.until;
}

bool MessageLedger::AllHeld(const AccountRef& account, const std::vector<Lease>& leases,
                            absl::Time now) const {
  return std::all_of(leases.begin(), leases.end(),
                     [&](Lease lease) { return Held(account, lease, now); });
}

void MessageLedger::Received(const AccountRef& account, const ReceiveResult& result,
                             absl::Time now, const Model& model) {
  for (const ReceivedMessage& received : result.messages) {
    const Message& message = received.message;
    const MessageName name = NameOf(message);
    const ModelSend* const send = FindSend(model, name);
    if (send == nullptr || send->receiver != account || send->payload != message.payload) {
      return Fail(absl::StrCat(Text(name), " is received and was not sent so"));
    }
    if (IsDealtWith(model, account, name)) {
      return Fail(absl::StrCat(Text(name), " is received after it was dealt with"));
    }
    // What has become due stays so when the clock is set back.
    if (model.latest() < message.deliver_time) {
      return Fail(absl::StrCat(Text(name), " is received before its time"));
    }
    if (now >= message.expire_time) {
      return Fail(absl::StrCat(Text(name), " is received after its time"));
    }
    if (!tokens_[account].insert(received.lease.token).second) {
      return Fail(absl::StrCat("a lease of ", Text(name), " has a token that was used before"));
    }
    Holding& holding = held_[account][received.lease.number];
    if (now < holding.until) return Fail(absl::StrCat(Text(name), " is held by two"));
    holding = {received.lease.token, received.until, message};
    if (received.attempt > 1) trace_.Meet("a message that is received again");
  }
}

void MessageLedger::Extended(const AccountRef& account, const std::vector<Lease>& leases,
                             absl::Time until) {
  for (const Lease lease : leases) held_[account][lease.number].until = until;
}

std::vector<Message> MessageLedger::Ended(const AccountRef& account,
                                          const std::vector<Lease>& leases) {
  std::vector<Message> messages;
  std::vector<Lease> in_order = leases;
  std::sort(in_order.begin(), in_order.end());
  for (const Lease lease : in_order) {
    auto node = held_[account].extract(lease.number);
    messages.push_back(std::move(node.mapped().message));
  }
  return messages;
}

void MessageLedger::Deleted(const AccountRef& account) { held_.erase(account); }

void MessageLedger::Reached(const ReceiveResult& result) {
  for (const ReceivedMessage& received : result.messages) {
    reached_.push_back({received.message.receiver, received.lease});
  }
}

void MessageLedger::Check(const storage::Reader& reader, const Model& model,
                          const RecordOf& record_of) {
  const StoredMessages stored = ReadMessages(reader, model);
  if (!stored.wrong.empty()) return Fail(stored.wrong);
  for (const auto& [account, mailbox] : stored.mailboxes) {
    const std::optional<AccountRecord> record = record_of(account);
    const std::string wrong =
        record.has_value() ? WrongCounts(mailbox, record->mailbox) : "has no account";
    if (wrong.empty()) continue;
    return Fail(absl::StrCat("the mailbox of ", account.name_space, "/", account.id, " ", wrong));
  }
  for (const auto& [sender, account] : model.accounts()) {
    for (const ModelSend& send : account.messages.sent) {
      const MessageName name{sender, send.number};
      const auto arrived = stored.arrived.find(name);
      const size_t places = (arrived == stored.arrived.end() ? 0 : arrived->second) +
                            (IsDealtWith(model, send.receiver, name) ? 1 : 0);
      if (places > 1) return Fail(absl::StrCat(Text(name), " is there twice"));
      const auto purged = purged_.find(send.receiver.name_space);
      const bool may_be_gone = purged != purged_.end() && send.serial < purged->second;
      if (places == 0 && !stored.under_way.contains(name) && !may_be_gone) {
        return Fail(absl::StrCat(Text(name), " is lost"));
      }
    }
  }
}

std::optional<std::string> MessageLedger::StillToArrive(const storage::Reader& reader) {
  const auto cursor = reader.NewCursor(storage::kMessages, {});
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const MessageRecordKey key = *ParseMessageKey(cursor->key());
    const auto says = [&](const Message& message, absl::string_view where) {
      return absl::StrCat(Text(NameOf(message)), " to ", message.receiver.name_space, "/",
                          message.receiver.id, " is ", where);
    };
    if (key.type == MessageRecordType::kOutbox) {
      return says(*DecodeOutbox(cursor->value()), "under way");
    }
    if (key.type == MessageRecordType::kMailbox) {
      return says(*DecodeMessage(key.account, cursor->value()), "in the mailbox");
    }
    if (key.type == MessageRecordType::kDelayed) {
      return says(*DecodeMessage(key.account, cursor->value()), "delayed");
    }
  }
  return std::nullopt;
}

}  // namespace shardd::sim
