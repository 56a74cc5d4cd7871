// The part of a shard's brain that sends messages, and takes in those that arrive.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/core/shard_core.h"
#include "server/cross_thread_messaging/message_records.h"

namespace shardd {
namespace {

// The id of a message whose sender gave it none: unique among those of the sender.
std::string IdOf(SendNumber number) { return absl::StrCat(number.revision, "-", number.index); }

absl::Status MailboxIsFull(const AccountRef& account, const MailboxBounds& bounds) {
  return Error(Reason::kAccountMailboxFull,
               absl::StrCat("the mailbox of account \"", account.id, "\" is full (",
                            bounds.messages_max, " messages or ", bounds.bytes_max, " bytes)"));
}

bool AwaitsReceiver(UndeliverableReason reason) {
  return reason == UndeliverableReason::kNoAccount;
}

absl::Status NoSuchUndeliverable() {
  return Error(Reason::kUndeliverableNotFound,
               "there is no such undeliverable message; it was redriven or purged");
}

size_t BytesOf(const Send& send) {
  size_t bytes = send.payload.size();
  for (const auto& [key, value] : send.headers) bytes += key.size() + value.size();
  return bytes;
}

ReceiverState StateOf(const std::optional<AccountRecord>& record) {
  if (!record.has_value()) return {};
  return {.exists = record->exists(),
          .message_count = record->mailbox.count,
          .byte_count = record->mailbox.bytes};
}

}  // namespace

absl::Status ShardCore::CheckSends(const ApplyRequest& request, absl::Time now) const {
  if (request.sends.empty()) return absl::OkStatus();
  size_t bytes = 0;
  for (const Send& send : request.sends) {
    bytes += BytesOf(send);
    const absl::Time full_until = outbox_.FullUntil(send.receiver);
    if (full_until <= now) continue;
    return WithRetryAfter(MailboxIsFull(send.receiver, options_.mailbox), full_until - now);
  }
  if (outbox_.HasRoom(request.sends.size(), bytes)) return absl::OkStatus();
  return WithRetryAfter(
      Error(Reason::kOutboxFull,
            absl::StrCat("the accounts of the shard have sent more than is delivered (",
                         options_.outbox.messages_max, " messages or ",
                         options_.outbox.bytes_max, " bytes)")),
      options_.outbox.rest_min);
}

void ShardCore::SendAll(ApplyRequest& request, const AccountKeys& keys, uint64_t revision,
                        ShardTurn& turn) {
  SendNumber number{revision, 0};
  const uint32_t hops = HopsOf(request);
  for (Send& send : request.sends) {
    Message message = MakeMessage(std::move(send), request.account, turn.now);
    const MessagePair pair{request.account, message.receiver};
    message.number = number;
    message.hops = hops;
    message.after = outbox_.Newest(pair);
    if (message.id.empty()) message.id = IdOf(number);
    turn.batch.Put(storage::kMessages,
                   MessageKey(MessageRecordType::kOutbox, keys, OutboxOwnKey(number)),
                   EncodeOutbox(message));
    outbox_.Add(pair, number, message.ByteSize(), turn.now);
    ++message_counts_.sent;
    ++number.index;
  }
}

void ShardCore::DeliverWaiting(ShardTurn& turn) {
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  while (const auto next = outbox_.Next(turn.now)) {
    const AccountKeys keys(next->pair.sender);
    std::string bytes;
    const absl::StatusOr<bool> found =
        overlay.Get(storage::kMessages,
                    MessageKey(MessageRecordType::kOutbox, keys, OutboxOwnKey(next->number)),
                    &bytes);
    absl::StatusOr<Message> message =
        found.ok() && *found ? DecodeOutbox(bytes)
                             : Error(Reason::kStorageCorrupt, "a message of an outbox is missing");
    if (!message.ok()) {
      // It cannot be read now: the pair rests, and tries again.
      outbox_.Settle(next->pair, next->number, DeliveryOutcome::kBusy, turn.now);
      continue;
    }
    turn.effects.push_back(
        PassOn{DeliverMessage{next->pair.receiver, *std::move(message), route_.shard}});
  }
}

void ShardCore::Run(CallId, SettleDelivery&& request, ShardTurn& turn) {
  const MessagePair pair{request.account, request.receiver};
  const bool was_under_way = outbox_.Settle(pair, request.number, request.outcome, turn.now);
  if (!was_under_way || request.outcome != DeliveryOutcome::kTaken) return;
  turn.batch.Delete(storage::kMessages,
                    MessageKey(MessageRecordType::kOutbox, AccountKeys(request.account),
                               OutboxOwnKey(request.number)));
}

void ShardCore::Run(CallId, DeliverMessage&& request, ShardTurn& turn) {
  SettleDelivery answer{request.message.sender, request.account, request.message.number,
                        DeliveryOutcome::kBusy};
  // What cannot be read now is tried again: the sender keeps the message.
  const absl::StatusOr<DeliveryOutcome> outcome =
      TakeIn(std::move(request.message), request.from, turn);
  if (outcome.ok()) answer.outcome = *outcome;
  turn.effects.push_back(PassOn{std::move(answer)});
}

absl::StatusOr<DeliveryOutcome> ShardCore::TakeIn(Message&& message, ShardId from,
                                                  ShardTurn& turn) {
  const AccountKeys keys(message.receiver);
  const std::string mark_key = MessageKey(MessageRecordType::kMark, keys,
                                          MarkOwnKey(AccountKeys(message.sender)));
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  const CachingReader cached(overlay, *cache_);
  SHARDD_ASSIGN_OR_RETURN(std::optional<AccountRecord> receiver,
                          ShardReader(cached, route_.home).FindAccount(keys));
  std::string bytes;
  std::optional<MarkRecord> mark;
  SHARDD_ASSIGN_OR_RETURN(const bool marked, overlay.Get(storage::kMessages, mark_key, &bytes));
  if (marked) {
    SHARDD_ASSIGN_OR_RETURN(mark, MarkRecord::Decode(bytes));
  }
  const TakingInDecision decision =
      DecideTakingIn(message, mark, StateOf(receiver), options_.mailbox, turn.now);
  // What was undeliverable comes first; and there must be room for what becomes so.
  if (redriven_.contains(message.receiver)) return DeliveryOutcome::kBusy;
  const bool undeliverable = decision.what == TakingIn::kUndeliverable;
  if (undeliverable && !undeliverables_.HasRoom(1, message.ByteSize())) {
    return DeliveryOutcome::kBusy;
  }
  switch (decision.what) {
    case TakingIn::kTakenBefore:
      return DeliveryOutcome::kTaken;
    case TakingIn::kOutOfOrder:
      return DeliveryOutcome::kOutOfOrder;
    case TakingIn::kMailboxFull:
      return DeliveryOutcome::kMailboxFull;
    case TakingIn::kUndeliverable:
    case TakingIn::kReceivable:
    case TakingIn::kDelayed:
      break;
  }
  const MarkRecord risen{message.number, turn.now};
  PutIn(std::move(message), decision, keys, std::move(receiver), turn);
  turn.batch.Put(storage::kMessages, mark_key, risen.Encode());
  if (!undeliverable) message_rates_.Add(from, turn.now);
  return DeliveryOutcome::kTaken;
}

void ShardCore::PutIn(Message&& message, const TakingInDecision& decision, const AccountKeys& keys,
                      std::optional<AccountRecord> receiver, ShardTurn& turn) {
  if (decision.what == TakingIn::kUndeliverable) {
    KeepUndeliverable(message, decision.reason, 0, turn);
    return;
  }
  ++message_counts_.delivered;
  MailboxState& mailbox = receiver->mailbox;
  const uint64_t number = mailbox.next++;
  ++mailbox.count;
  mailbox.bytes += message.ByteSize();
  const bool delayed = decision.what == TakingIn::kDelayed;
  const std::string own_key =
      delayed ? DelayedOwnKey(message.deliver_time, number) : MailboxOwnKey(number);
  turn.batch.Put(storage::kMessages,
                 MessageKey(delayed ? MessageRecordType::kDelayed : MessageRecordType::kMailbox,
                            keys, own_key),
                 EncodeMessage(message));
  if (delayed) ++mailbox.delayed;
  WriteRecord(keys.Key(RecordType::kAccount), receiver->Encode(), turn);
  if (receiver->state != AccountState::kActive) return;
  mailboxes_.Note(message.receiver, delayed ? message.deliver_time : turn.now, turn.now);
  if (!delayed) fresh_messages_.Add(keys.routing_key(), number, std::move(message));
}

void ShardCore::KeepUndeliverable(const Message& message, UndeliverableReason reason,
                                  uint32_t attempts, ShardTurn& turn) {
  UndeliverableRecord record;
  record.reason = reason;
  record.attempts = attempts;
  record.first_time = record.last_time = turn.now;
  record.epoch = epoch_;
  record.message = EncodeMessage(message);
  std::string own_key = UndeliverableOwnKey(AccountKeys(message.sender), message.number);
  turn.batch.Put(storage::kMessages,
                 MessageKey(MessageRecordType::kUndeliverable, AccountKeys(message.receiver),
                            own_key),
                 record.Encode());
  undeliverables_.Add(message.receiver, std::move(own_key),
                      {record.first_time, message.ByteSize(), AwaitsReceiver(reason)});
  ++message_counts_.undeliverable;
}

void ShardCore::Run(CallId call, SettleUndeliverableRequest&& request, ShardTurn& turn) {
  const auto run = [&]() -> absl::StatusOr<ShardAnswer> {
    if (request.redrive) {
      SHARDD_RETURN_IF_ERROR(Redrive(request.account, request.own_key, turn));
      return UndeliverableSettled();
    }
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    const std::string key = MessageKey(MessageRecordType::kUndeliverable,
                                       AccountKeys(request.account), request.own_key);
    std::string bytes;
    SHARDD_ASSIGN_OR_RETURN(const bool found, overlay.Get(storage::kMessages, key, &bytes));
    if (!found) return NoSuchUndeliverable();
    turn.batch.Delete(storage::kMessages, key);
    undeliverables_.Remove(request.account, request.own_key);
    return UndeliverableSettled();
  };
  turn.effects.push_back(Reply{call, run()});
}

absl::Status ShardCore::Redrive(const AccountRef& account, const std::string& own_key,
                                ShardTurn& turn) {
  const AccountKeys keys(account);
  const std::string key = MessageKey(MessageRecordType::kUndeliverable, keys, own_key);
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  const CachingReader cached(overlay, *cache_);
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found, overlay.Get(storage::kMessages, key, &bytes));
  if (!found) return NoSuchUndeliverable();
  SHARDD_ASSIGN_OR_RETURN(UndeliverableRecord record, UndeliverableRecord::Decode(bytes));
  SHARDD_ASSIGN_OR_RETURN(Message message, DecodeMessage(account, record.message));
  SHARDD_ASSIGN_OR_RETURN(std::optional<AccountRecord> receiver,
                          ShardReader(cached, route_.home).FindAccount(keys));
  absl::Status refused;
  if (!receiver.has_value() || !receiver->exists()) {
    refused = AccountNotFound(account);
  } else if (receiver->mailbox.count >= options_.mailbox.messages_max ||
             receiver->mailbox.bytes + message.ByteSize() > options_.mailbox.bytes_max) {
    refused = MailboxIsFull(account, options_.mailbox);
  }
  if (!refused.ok()) {
    ++record.attempts;
    record.last_time = turn.now;
    turn.batch.Put(storage::kMessages, key, record.Encode());
    return refused;
  }
  turn.batch.Delete(storage::kMessages, key);
  undeliverables_.Remove(account, own_key);
  // Whoever sends it anew wants it to arrive, late as it is.
  message.expire_time = absl::InfiniteFuture();
  const bool delayed = message.deliver_time > turn.now;
  PutIn(std::move(message), {delayed ? TakingIn::kDelayed : TakingIn::kReceivable, {}}, keys,
        std::move(receiver), turn);
  return absl::OkStatus();
}

void ShardCore::RedriveForNewAccounts(ShardTurn& turn) {
  if (redriven_.empty() || turn.now < undeliverable_rests_until_) return;
  const AccountRef account = *redriven_.begin();
  for (const std::string& own_key :
       undeliverables_.Awaiting(account, limits::kMessagesMovedPerStep)) {
    const absl::Status redriven = Redrive(account, own_key, turn);
    if (ReasonOf(redriven) == Reason::kAccountNotFound) {
      redriven_.erase(account);  // deleted again
      return;
    }
    // The mailbox is full, or cannot be read now.
    if (!redriven.ok()) {
      undeliverable_rests_until_ = turn.now + limits::kUndeliverableRetryInterval;
      return;
    }
    if (turn.batch.bytes() >= limits::kBatchBytesMax) return;
  }
  if (undeliverables_.Awaiting(account, 1).empty()) redriven_.erase(account);
}

absl::Status ShardCore::LoadUndeliverables(const storage::Reader& reader) {
  const auto cursor = reader.NewCursor(
      storage::kMessages, MessageBounds(MessageRecordType::kUndeliverable, route_.range));
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
    SHARDD_ASSIGN_OR_RETURN(const UndeliverableRecord record,
                            UndeliverableRecord::Decode(cursor->value()));
    SHARDD_ASSIGN_OR_RETURN(const Message message, DecodeMessage(key.account, record.message));
    undeliverables_.Add(key.account, std::string(key.own_key),
                        {record.first_time, message.ByteSize(), AwaitsReceiver(record.reason)});
  }
  SHARDD_RETURN_IF_ERROR(cursor->status());
  // A run that ended between an account's creation and this.
  const ShardReader shard(reader, route_.home);
  for (const AccountRef& account : undeliverables_.Awaited()) {
    SHARDD_ASSIGN_OR_RETURN(const std::optional<AccountRecord> record,
                            shard.FindAccount(AccountKeys(account)));
    if (record.has_value() && record->exists()) redriven_.insert(account);
  }
  return absl::OkStatus();
}

absl::Status ShardCore::SweepMarks(ShardTurn& turn) {
  if (next_mark_sweep_ == absl::InfinitePast()) {
    next_mark_sweep_ = turn.now + limits::kSweepRestInterval;
    return absl::OkStatus();
  }
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  const storage::KeyBounds bounds = MessageBounds(MessageRecordType::kMark, route_.range);
  const auto cursor = overlay.NewCursor(storage::kMessages, bounds);
  size_t looked_at = 0;
  for (cursor->Seek(std::max(bounds.lower, mark_cursor_)); cursor->Valid(); cursor->Next()) {
    if (looked_at++ == limits::kMarksAskedPerStep) {
      mark_cursor_ = std::string(cursor->key());
      next_mark_sweep_ = turn.now + limits::kSweepStepInterval;
      return absl::OkStatus();
    }
    SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
    SHARDD_ASSIGN_OR_RETURN(AccountRef sender, ParseMarkOwnKey(key.own_key));
    SHARDD_ASSIGN_OR_RETURN(const MarkRecord mark, MarkRecord::Decode(cursor->value()));
    if (mark.time + options_.mark_age_min > turn.now) continue;
    turn.effects.push_back(PassOn{AskAboutMark{std::move(sender), key.account, mark.number}});
  }
  SHARDD_RETURN_IF_ERROR(cursor->status());
  mark_cursor_.clear();
  next_mark_sweep_ = turn.now + limits::kSweepRestInterval;
  return absl::OkStatus();
}

void ShardCore::Run(CallId, AskAboutMark&& request, ShardTurn& turn) {
  // What is sent from now on has a higher number, and goes the same way behind this answer.
  if (outbox_.Newest({request.account, request.receiver}) != SendNumber()) return;
  turn.effects.push_back(PassOn{DropMark{request.receiver, request.account, request.number}});
}

void ShardCore::Run(CallId, DropMark&& request, ShardTurn& turn) {
  const std::string key = MessageKey(MessageRecordType::kMark, AccountKeys(request.account),
                                     MarkOwnKey(AccountKeys(request.sender)));
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  std::string bytes;
  const absl::StatusOr<bool> found = overlay.Get(storage::kMessages, key, &bytes);
  // What cannot be read now is asked about again.
  if (!found.ok() || !*found) return;
  const absl::StatusOr<MarkRecord> mark = MarkRecord::Decode(bytes);
  if (mark.ok() && mark->number == request.number) turn.batch.Delete(storage::kMessages, key);
}

absl::Status ShardCore::LoadMessages(const storage::Reader& reader) {
  const auto cursor = reader.NewCursor(
      storage::kMessages, MessageBounds(MessageRecordType::kOutbox, route_.range));
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
    SHARDD_ASSIGN_OR_RETURN(const SendNumber number, ParseOutboxOwnKey(key.own_key));
    SHARDD_ASSIGN_OR_RETURN(const Message message, DecodeOutbox(cursor->value()));
    outbox_.Add({key.account, message.receiver}, number, message.ByteSize(), message.send_time);
  }
  SHARDD_RETURN_IF_ERROR(cursor->status());
  SHARDD_RETURN_IF_ERROR(LoadUndeliverables(reader));
  mailbox_search_ = MailboxSearch{};
  while (mailbox_search_.has_value()) {
    SHARDD_RETURN_IF_ERROR(FindMailboxes(reader, absl::InfinitePast()));
  }
  return absl::OkStatus();
}

storage::KeyBounds ShardCore::SearchBounds(int leg) const {
  const bool delayed = leg == 2;
  storage::KeyBounds bounds = MessageBounds(
      delayed ? MessageRecordType::kDelayed : MessageRecordType::kMailbox, route_.range);
  if (leg == 0) bounds.lower = std::max(bounds.lower, mailbox_search_from_);
  if (leg == 1) bounds.upper = std::min(bounds.upper, mailbox_search_from_);
  return bounds;
}

absl::Status ShardCore::FindMailboxes(const storage::Reader& reader, absl::Time now) {
  MailboxSearch& search = *mailbox_search_;
  size_t found = 0;
  for (; search.leg < 3; ++search.leg, search.position.clear()) {
    const storage::KeyBounds bounds = SearchBounds(search.leg);
    search.position = std::max(search.position, bounds.lower);
    if (search.position >= bounds.upper) continue;
    const auto cursor = reader.NewCursor(storage::kMessages, bounds);
    for (cursor->Seek(search.position); cursor->Valid(); cursor->Seek(search.position)) {
      if (found++ == limits::kMailboxesFoundPerStep) return absl::OkStatus();
      SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
      absl::Time when = now;
      if (key.type == MessageRecordType::kDelayed) {
        SHARDD_ASSIGN_OR_RETURN(const DelayedMessage delayed, ParseDelayedOwnKey(key.own_key));
        when = delayed.deliver_time;
      }
      search.position = MessageBounds(key.type, AccountKeys(key.account)).upper;
      if (mailboxes_.Note(key.account, when, now) && key.type == MessageRecordType::kMailbox) {
        search.room_until = search.position;
      }
      if (search.position >= bounds.upper) break;
    }
    SHARDD_RETURN_IF_ERROR(cursor->status());
  }
  mailbox_search_from_ = search.room_until;
  mailbox_search_.reset();
  return absl::OkStatus();
}

}  // namespace shardd
