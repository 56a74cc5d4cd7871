// The part of a shard's brain that hands messages to consumers, and hears what became of them.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/core/shard_core.h"
#include "server/cross_thread_messaging/message_records.h"

namespace shardd {
namespace {

constexpr size_t kAnswerBytesMax = limits::kPageBytesMax;

absl::Status LeaseEnded(const AccountRef& account, Lease lease) {
  return Error(Reason::kMessageLeaseEnded,
               absl::StrCat("message ", lease.number, " of account \"", account.id,
                            "\" is not held under this ack id: its lease has ended, and what was "
                            "done with it must be dropped"));
}

bool HasLabel(const AccountRecord& record,
              const std::optional<std::pair<std::string, std::string>>& label) {
  if (!label.has_value()) return true;
  const auto found = record.labels.find(label->first);
  return found != record.labels.end() && found->second == label->second;
}

// Of a message that leaves its mailbox.
void Remove(uint64_t number, uint64_t bytes, MailboxState& mailbox) {
  SHARDD_CHECK(mailbox.count > 0 && mailbox.bytes >= bytes);
  --mailbox.count;
  mailbox.bytes -= bytes;
  if (number == mailbox.first) ++mailbox.first;
  if (mailbox.count == 0) mailbox.first = mailbox.next;
}

}  // namespace

void ShardCore::Run(CallId call, ReceiveRequest&& request, ShardTurn& turn) {
  const auto run = [&]() -> absl::StatusOr<ShardAnswer> {
    mailboxes_.Advance(turn.now);
    ReceiveResult result;
    if (mailboxes_.Pick(request.account, request.terms.several)) {
      SHARDD_RETURN_IF_ERROR(Lend(request.account, request.terms, std::nullopt, result, turn));
    }
    return result;
  };
  AnswerFound(call, run(), turn);
}

void ShardCore::Run(CallId call, ReceiveAnyRequest&& request, ShardTurn& turn) {
  const auto run = [&]() -> absl::StatusOr<ShardAnswer> {
    mailboxes_.Advance(turn.now);
    ReceiveResult result;
    std::set<AccountRef> seen;  // who has nothing for this consumer goes to the end of the line
    while (result.messages.size() < request.terms.messages_max &&
           result.bytes < kAnswerBytesMax && seen.size() < limits::kReceiveAccountsLookedAt) {
      const auto account = mailboxes_.Next(request.name_space, request.terms.several);
      if (!account.has_value()) break;
      if (!seen.insert(*account).second) {
        mailboxes_.Note(*account, turn.now, turn.now);
        break;
      }
      const absl::Status lent = Lend(*account, request.terms, request.label, result, turn);
      if (!lent.ok() && result.messages.empty()) return lent;
      if (!lent.ok()) break;  // what is lent must be said
    }
    return result;
  };
  AnswerFound(call, run(), turn);
}

absl::Status ShardCore::Lend(const AccountRef& account, const ReceiveTerms& terms,
                             const std::optional<std::pair<std::string, std::string>>& label,
                             ReceiveResult& result, ShardTurn& turn) {
  const AccountKeys keys(account);
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  const CachingReader cached(overlay, *cache_);
  absl::StatusOr<std::optional<AccountRecord>> found =
      ShardReader(cached, route_.home).FindAccount(keys);
  if (!found.ok()) {
    // It may be readable later.
    mailboxes_.Note(account, turn.now + limits::kMailboxReadRetryInterval, turn.now);
    return std::move(found).status();
  }
  if (found->has_value() && (*found)->mailbox.HasOrphans()) orphaned_.insert(account);
  // A frozen account is noted again when it is active.
  if (!found->has_value() || (*found)->state != AccountState::kActive) return absl::OkStatus();
  AccountRecord record = **std::move(found);
  if (!HasLabel(record, label)) {
    mailboxes_.Note(account, turn.now, turn.now);
    return absl::OkStatus();
  }
  const MailboxState before = record.mailbox;
  absl::StatusOr<absl::Time> more = MakeDue(keys, record.mailbox, turn);
  if (more.ok()) more = LendReceivable(account, terms, *more, record.mailbox, result, turn);
  if (record.mailbox != before) WriteRecord(keys.Key(RecordType::kAccount), record.Encode(), turn);
  const absl::Time retry = turn.now + limits::kMailboxReadRetryInterval;
  if (more.value_or(retry) != absl::InfiniteFuture()) {
    mailboxes_.Note(account, more.value_or(retry), turn.now);
  }
  return more.status();
}

absl::StatusOr<absl::Time> ShardCore::MakeDue(const AccountKeys& keys, MailboxState& mailbox,
                                              ShardTurn& turn) {
  if (mailbox.delayed == 0) return absl::InfiniteFuture();
  std::vector<std::pair<std::string, std::string>> due;
  absl::Time next = absl::InfiniteFuture();
  {
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    const auto cursor = overlay.NewCursor(storage::kMessages,
                                          MessageBounds(MessageRecordType::kDelayed, keys));
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
      SHARDD_ASSIGN_OR_RETURN(const DelayedMessage delayed, ParseDelayedOwnKey(key.own_key));
      if (delayed.number < mailbox.orphans_end) continue;
      next = delayed.deliver_time;
      if (next > turn.now || due.size() == limits::kMessagesMovedPerStep) break;
      next = absl::InfiniteFuture();
      due.emplace_back(std::string(cursor->key()), std::string(cursor->value()));
    }
    SHARDD_RETURN_IF_ERROR(cursor->status());
  }
  for (auto& [key, value] : due) {
    turn.batch.Delete(storage::kMessages, std::move(key));
    turn.batch.Put(storage::kMessages,
                   MessageKey(MessageRecordType::kMailbox, keys, MailboxOwnKey(mailbox.next++)),
                   std::move(value));
    --mailbox.delayed;
  }
  return next;
}

absl::StatusOr<absl::Time> ShardCore::LendReceivable(const AccountRef& account,
                                                     const ReceiveTerms& terms, absl::Time more,
                                                     MailboxState& mailbox, ReceiveResult& result,
                                                     ShardTurn& turn) {
  const AccountKeys keys(account);
  if (!terms.several && LendFresh(account, keys, terms, mailbox, result, turn.now)) return more;
  struct Found {
    uint64_t number = 0;
    uint32_t attempts = 0;
    Message message;
  };
  std::vector<Found> receivable;
  std::vector<Found> given_up;
  size_t undeliverable_bytes = 0;
  size_t bytes = result.bytes;
  const size_t wanted = terms.several ? terms.messages_max - result.messages.size() : 1;
  {
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    const auto cursor = overlay.NewCursor(storage::kMessages,
                                          MessageBounds(MessageRecordType::kMailbox, keys));
    const uint64_t first = std::max(mailbox.first, mailbox.orphans_end);
    size_t looked_at = 0;
    for (cursor->Seek(MessageKey(MessageRecordType::kMailbox, keys, MailboxOwnKey(first)));
         cursor->Valid(); cursor->Next()) {
      SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
      SHARDD_ASSIGN_OR_RETURN(const uint64_t number, ParseMailboxOwnKey(key.own_key));
      if (receivable.size() == wanted || ++looked_at > limits::kReceiveRecordsLookedAt) {
        // Who wants one at a time gets the next when this one is done with.
        if (terms.several || receivable.empty()) more = turn.now;
        break;
      }
      if (mailboxes_.IsLent(account, number)) continue;
      SHARDD_ASSIGN_OR_RETURN(const std::optional<AttemptsRecord> attempts,
                              FindAttempts(overlay, keys, number));
      if (attempts.has_value() && attempts->not_before > turn.now) {
        more = std::min(more, attempts->not_before);
        if (terms.several) continue;
        break;
      }
      SHARDD_ASSIGN_OR_RETURN(Message message, DecodeMessage(account, cursor->value()));
      Found found{number, attempts.has_value() ? attempts->attempts : 0, std::move(message)};
      const bool expired = found.message.expire_time <= turn.now;
      // Tried in vain so often, and had no room among the undeliverable ones.
      if (expired || found.attempts >= found.message.attempts_max) {
        if (!undeliverables_.HasRoom(given_up.size() + 1,
                                     undeliverable_bytes + found.message.ByteSize())) {
          more = std::min(more, turn.now + limits::kUndeliverableRetryInterval);
          break;
        }
        undeliverable_bytes += found.message.ByteSize();
        given_up.push_back(std::move(found));
        continue;
      }
      // A message of its own always fits.
      if (bytes > 0 && bytes + found.message.ByteSize() > kAnswerBytesMax) {
        more = turn.now;
        break;
      }
      bytes += found.message.ByteSize();
      receivable.push_back(std::move(found));
    }
    SHARDD_RETURN_IF_ERROR(cursor->status());
  }
  for (const Found& found : given_up) {
    Remove(found.number, found.message.ByteSize(), mailbox);
    DropFromMailbox(keys, found.number, found.attempts, turn);
    const bool expired = found.message.expire_time <= turn.now;
    KeepUndeliverable(found.message,
                      expired ? UndeliverableReason::kExpired
                              : UndeliverableReason::kTooManyAttempts,
                      found.attempts, turn);
  }
  for (Found& found : receivable) {
    fresh_messages_.Forget(keys.routing_key(), found.number);
    LendOne(std::move(found.message), found.number, found.attempts, terms, result, turn.now);
  }
  return more;
}

bool ShardCore::LendFresh(const AccountRef& account, const AccountKeys& keys,
                          const ReceiveTerms& terms, const MailboxState& mailbox,
                          ReceiveResult& result, absl::Time now) {
  const Message* const fresh =
      fresh_messages_.Find(account, keys.routing_key(), mailbox.first);
  if (fresh == nullptr || fresh->expire_time <= now) return false;
  if (result.bytes > 0 && result.bytes + fresh->ByteSize() > kAnswerBytesMax) return false;
  LendOne(fresh_messages_.Take(keys.routing_key(), mailbox.first), mailbox.first, 0, terms, result,
          now);
  return true;
}

void ShardCore::LendOne(Message&& message, uint64_t number, uint32_t attempts,
                        const ReceiveTerms& terms, ReceiveResult& result, absl::Time now) {
  const Lease lease{number, next_lease_++};
  const absl::Time until = now + terms.lease;
  mailboxes_.Lend(message.receiver, number,
                  {.token = lease.token,
                   .until = until,
                   .bytes = message.ByteSize(),
                   .hops = message.hops,
                   .attempts = attempts,
                   .attempts_max = message.attempts_max});
  result.Add({std::move(message), lease, until, attempts + 1});
  ++message_counts_.received;
  if (attempts > 0) ++message_counts_.redelivered;
}

absl::StatusOr<std::optional<AttemptsRecord>> ShardCore::FindAttempts(
    const storage::Reader& reader, const AccountKeys& keys, uint64_t number) {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(
      const bool found,
      reader.Get(storage::kMessages,
                 MessageKey(MessageRecordType::kAttempts, keys, MailboxOwnKey(number)), &bytes));
  if (!found) return std::nullopt;
  SHARDD_ASSIGN_OR_RETURN(AttemptsRecord record, AttemptsRecord::Decode(bytes));
  return record;
}

void ShardCore::DropFromMailbox(const AccountKeys& keys, uint64_t number, uint32_t attempts,
                                ShardTurn& turn) {
  turn.batch.Delete(storage::kMessages,
                    MessageKey(MessageRecordType::kMailbox, keys, MailboxOwnKey(number)));
  if (attempts == 0) return;
  turn.batch.Delete(storage::kMessages,
                    MessageKey(MessageRecordType::kAttempts, keys, MailboxOwnKey(number)));
}

absl::Status ShardCore::CheckLeases(const AccountRef& account, const std::vector<Lease>& leases,
                                    absl::Time now) const {
  for (const Lease lease : leases) {
    if (mailboxes_.Find(account, lease, now) == nullptr) return LeaseEnded(account, lease);
  }
  return absl::OkStatus();
}

MailboxState ShardCore::WithoutAcknowledged(const ApplyRequest& request,
                                            MailboxState mailbox) const {
  std::vector<Lease> acks = request.acks;
  std::sort(acks.begin(), acks.end());
  for (const Lease ack : acks) {
    const LentMessage* const lent = mailboxes_.FindLent(request.account, ack.number);
    Remove(ack.number, lent->bytes, mailbox);
  }
  return mailbox;
}

uint32_t ShardCore::HopsOf(const ApplyRequest& request) const {
  uint32_t hops = 0;
  for (const Lease ack : request.acks) {
    hops = std::max(hops, mailboxes_.FindLent(request.account, ack.number)->hops + 1);
  }
  return hops;
}

void ShardCore::DropAcknowledged(const ApplyRequest& request, const AccountKeys& keys,
                                 const MailboxState& mailbox, ShardTurn& turn) {
  for (const Lease ack : request.acks) {
    const LentMessage lent = mailboxes_.EndLease(request.account, ack.number);
    DropFromMailbox(keys, ack.number, lent.attempts, turn);
  }
  message_counts_.acknowledged += request.acks.size();
  NoteReceivable(request.account, mailbox, turn.now);
}

void ShardCore::NoteReceivable(const AccountRef& account, const MailboxState& mailbox,
                               absl::Time now) {
  if (mailbox.count - mailbox.delayed > mailboxes_.LentCount(account)) {
    mailboxes_.Note(account, now, now);
  }
}

void ShardCore::FollowState(const AccountRef& account, const StagedAccount& change,
                            absl::Time now) {
  const AccountRecord& record = change.record();
  if (change.created() && !undeliverables_.Awaiting(account, 1).empty()) redriven_.insert(account);
  // While it was frozen nobody looked at it.
  const bool active = record.state == AccountState::kActive;
  if (change.updated() && active && record.mailbox.count > 0) mailboxes_.Note(account, now, now);
  if (record.exists()) return;
  mailboxes_.Forget(account);
  redriven_.erase(account);
  if (record.mailbox.count > 0) orphaned_.insert(account);
}

absl::Status ShardCore::ForgetMailbox(const AccountRef& account, ShardTurn& turn) {
  const AccountKeys keys(account);
  std::vector<std::string> stored;
  {
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    for (const MessageRecordType type : {MessageRecordType::kMailbox, MessageRecordType::kDelayed,
                                         MessageRecordType::kAttempts}) {
      const auto cursor = overlay.NewCursor(storage::kMessages, MessageBounds(type, keys));
      for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
        stored.emplace_back(cursor->key());
      }
      SHARDD_RETURN_IF_ERROR(cursor->status());
    }
  }
  for (std::string& key : stored) turn.batch.Delete(storage::kMessages, std::move(key));
  mailboxes_.Forget(account);
  fresh_messages_.Clear();
  orphaned_.erase(account);
  return absl::OkStatus();
}

void ShardCore::Run(CallId call, ExtendLeasesRequest&& request, ShardTurn& turn) {
  const auto run = [&]() -> absl::StatusOr<ShardAnswer> {
    SHARDD_RETURN_IF_ERROR(CheckLeases(request.account, request.leases, turn.now));
    const absl::Time until = turn.now + request.lease;
    for (const Lease lease : request.leases) {
      mailboxes_.Extend(request.account, lease.number, until);
    }
    return LeasesResult{until};
  };
  turn.effects.push_back(Reply{call, run()});
}

void ShardCore::Run(CallId call, NackRequest&& request, ShardTurn& turn) {
  const auto run = [&]() -> absl::StatusOr<ShardAnswer> {
    SHARDD_RETURN_IF_ERROR(CheckLeases(request.account, request.leases, turn.now));
    const absl::Time not_before = turn.now + request.delay;
    std::vector<uint64_t> numbers;
    for (const Lease lease : request.leases) numbers.push_back(lease.number);
    if (!request.counts) {
      for (const uint64_t number : numbers) mailboxes_.EndLease(request.account, number);
      mailboxes_.Note(request.account, turn.now, turn.now);
      return LeasesResult{turn.now};
    }
    SHARDD_RETURN_IF_ERROR(EndAttempts(request.account, numbers, not_before, turn));
    return LeasesResult{not_before};
  };
  turn.effects.push_back(Reply{call, run()});
}

void ShardCore::EndPassedLeases(ShardTurn& turn) {
  for (size_t i = 0; i < limits::kLeasesEndedPerTurn; ++i) {
    const auto passed = mailboxes_.FirstPassed(turn.now);
    if (!passed.has_value()) return;
    const absl::Status ended = EndAttempts(passed->account, {passed->number}, turn.now, turn);
    // An attempt that cannot be recorded does not count: the message is received again.
    if (!ended.ok()) {
      mailboxes_.EndLease(passed->account, passed->number);
      mailboxes_.Note(passed->account, turn.now + limits::kMailboxReadRetryInterval, turn.now);
    }
  }
}

absl::Status ShardCore::EndAttempts(const AccountRef& account,
                                    const std::vector<uint64_t>& numbers, absl::Time not_before,
                                    ShardTurn& turn) {
  const AccountKeys keys(account);
  struct Attempt {
    uint64_t number = 0;
    AttemptsRecord record;
    std::optional<Message> given_up;
  };
  std::vector<Attempt> attempts;
  std::optional<AccountRecord> receiver;
  size_t given_up_bytes = 0;
  {
    const storage::OverlayReader overlay(*turn.committed, turn.batch);
    const CachingReader cached(overlay, *cache_);
    SHARDD_ASSIGN_OR_RETURN(receiver, ShardReader(cached, route_.home).FindAccount(keys));
    for (const uint64_t number : numbers) {
      Attempt& attempt = attempts.emplace_back();
      attempt.number = number;
      SHARDD_ASSIGN_OR_RETURN(std::optional<AttemptsRecord> earlier,
                              FindAttempts(overlay, keys, number));
      attempt.record.first_time = turn.now;
      if (earlier.has_value()) attempt.record = *earlier;
      ++attempt.record.attempts;
      attempt.record.last_time = turn.now;
      attempt.record.not_before = not_before;
      const LentMessage* const lent = mailboxes_.FindLent(account, number);
      if (attempt.record.attempts < lent->attempts_max) continue;
      if (!undeliverables_.HasRoom(attempts.size(), given_up_bytes + lent->bytes)) {
        attempt.record.not_before = turn.now + limits::kUndeliverableRetryInterval;
        continue;
      }
      given_up_bytes += lent->bytes;
      SHARDD_ASSIGN_OR_RETURN(attempt.given_up, FindMessage(overlay, account, number));
    }
  }
  if (!receiver.has_value()) return Error(Reason::kStorageCorrupt, "a mailbox has no account");
  const MailboxState before = receiver->mailbox;
  for (const Attempt& attempt : attempts) {
    const LentMessage lent = mailboxes_.EndLease(account, attempt.number);
    if (attempt.given_up.has_value()) {
      Remove(attempt.number, lent.bytes, receiver->mailbox);
      DropFromMailbox(keys, attempt.number, attempt.record.attempts, turn);
      KeepUndeliverable(*attempt.given_up, UndeliverableReason::kTooManyAttempts,
                        attempt.record.attempts, turn);
      continue;
    }
    turn.batch.Put(
        storage::kMessages,
        MessageKey(MessageRecordType::kAttempts, keys, MailboxOwnKey(attempt.number)),
        attempt.record.Encode());
  }
  if (receiver->mailbox != before) {
    WriteRecord(keys.Key(RecordType::kAccount), receiver->Encode(), turn);
  }
  if (receiver->mailbox.count > 0) mailboxes_.Note(account, not_before, turn.now);
  return absl::OkStatus();
}

absl::StatusOr<Message> ShardCore::FindMessage(const storage::Reader& reader,
                                               const AccountRef& account, uint64_t number) {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(
      const bool found,
      reader.Get(storage::kMessages,
                 MessageKey(MessageRecordType::kMailbox, AccountKeys(account),
                            MailboxOwnKey(number)),
                 &bytes));
  if (!found) return Error(Reason::kStorageCorrupt, "a message of a mailbox is missing");
  return DecodeMessage(account, bytes);
}

void ShardCore::TellWhatIsReady(ShardTurn& turn) {
  MailboxNews news = mailboxes_.TakeNews();
  if (!news.empty()) turn.effects.push_back(MessagesReady{route_.shard, std::move(news)});
}

void ShardCore::MoveOrphans(ShardTurn& turn) {
  if (orphaned_.empty() || turn.now < undeliverable_rests_until_) return;
  const AccountRef account = *orphaned_.begin();
  const absl::StatusOr<bool> all = MoveOrphansOf(account, turn);
  // What cannot be read now is found again by the sweep.
  if (!all.ok() || *all) orphaned_.erase(account);
}

absl::StatusOr<bool> ShardCore::MoveOrphansOf(const AccountRef& account, ShardTurn& turn) {
  const AccountKeys keys(account);
  const storage::OverlayReader overlay(*turn.committed, turn.batch);
  const CachingReader cached(overlay, *cache_);
  SHARDD_ASSIGN_OR_RETURN(std::optional<AccountRecord> record,
                          ShardReader(cached, route_.home).FindAccount(keys));
  if (!record.has_value()) return true;
  MailboxState& mailbox = record->mailbox;
  struct Orphan {
    std::string key;
    uint64_t number = 0;
    bool delayed = false;
    Message message;
  };
  std::vector<Orphan> orphans;
  size_t bytes = turn.batch.bytes();
  size_t moved_bytes = 0;
  bool full = false;
  const auto has_room = [&] {
    return !full && orphans.size() < limits::kMessagesMovedPerStep &&
           bytes < limits::kBatchBytesMax;
  };
  for (const bool delayed : {false, true}) {
    const auto type = delayed ? MessageRecordType::kDelayed : MessageRecordType::kMailbox;
    const auto cursor = overlay.NewCursor(storage::kMessages, MessageBounds(type, keys));
    for (cursor->SeekToFirst(); cursor->Valid() && has_room(); cursor->Next()) {
      SHARDD_ASSIGN_OR_RETURN(const MessageRecordKey key, ParseMessageKey(cursor->key()));
      uint64_t number = 0;
      if (delayed) {
        SHARDD_ASSIGN_OR_RETURN(const DelayedMessage found, ParseDelayedOwnKey(key.own_key));
        number = found.number;
        if (number >= mailbox.orphans_end) continue;
      } else {
        SHARDD_ASSIGN_OR_RETURN(number, ParseMailboxOwnKey(key.own_key));
        if (number >= mailbox.orphans_end) break;
      }
      SHARDD_ASSIGN_OR_RETURN(Message message, DecodeMessage(account, cursor->value()));
      full = !undeliverables_.HasRoom(orphans.size() + 1, moved_bytes + message.ByteSize());
      if (full) break;
      bytes += cursor->value().size();
      moved_bytes += message.ByteSize();
      orphans.push_back({std::string(cursor->key()), number, delayed, std::move(message)});
    }
    SHARDD_RETURN_IF_ERROR(cursor->status());
  }
  const bool all = has_room();
  fresh_messages_.Clear();
  for (Orphan& orphan : orphans) {
    if (orphan.delayed) --mailbox.delayed;
    Remove(orphan.number, orphan.message.ByteSize(), mailbox);
    turn.batch.Delete(storage::kMessages, std::move(orphan.key));
    turn.batch.Delete(storage::kMessages, MessageKey(MessageRecordType::kAttempts, keys,
                                                     MailboxOwnKey(orphan.number)));
    KeepUndeliverable(orphan.message, UndeliverableReason::kAccountDeleted, 0, turn);
  }
  if (full) undeliverable_rests_until_ = turn.now + limits::kUndeliverableRetryInterval;
  if (all) mailbox.first = std::max(mailbox.first, mailbox.orphans_end);
  WriteRecord(keys.Key(RecordType::kAccount), record->Encode(), turn);
  return all;
}

}  // namespace shardd
