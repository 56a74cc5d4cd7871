#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

// Every bound of the daemon, with its reason. A test reaches each.
namespace shardd::limits {

// Names. The namespace bound is a DNS label's, so that tenants can be host names; ids leave room
// for any URN.
inline constexpr size_t kNamespaceBytesMax = 63;
inline constexpr size_t kAccountIdBytesMax = 256;
inline constexpr size_t kRequestIdBytesMax = 64;

// Entries. Keys stay far below what slows RocksDB; a value of 1 MiB still fits a gRPC message of 4
// MiB three times.
inline constexpr size_t kEntryKeyBytesMax = 1024;
inline constexpr size_t kEntryValueBytesMax = size_t{1} << 20;

// An account is small: its deletion must fit one batch.
inline constexpr uint64_t kAccountEntriesMax = 65'536;
inline constexpr uint64_t kAccountBytesMax = uint64_t{64} << 20;
inline constexpr size_t kAccountLabelsMax = 64;
inline constexpr size_t kLabelKeyBytesMax = 63;
inline constexpr size_t kLabelValueBytesMax = 256;

// One request.
inline constexpr size_t kPreconditionsMax = 128;
inline constexpr size_t kMutationsMax = 1024;
inline constexpr size_t kGetKeysMax = 256;
inline constexpr size_t kPageSizeDefault = 50;
inline constexpr size_t kPageSizeMax = 1000;
// A page ends at this size, so that a page of large values still fits a message.
inline constexpr size_t kPageBytesMax = size_t{1} << 20;
// How many stored accounts one list page looks at; a sparse page ends early with a token.
inline constexpr size_t kPageExaminedMax = 4096;

// gRPC: a message may hold the largest value three times over; one more byte is refused by gRPC
// itself.
inline constexpr size_t kMessageBytesMax = size_t{4} << 20;
inline constexpr size_t kMetadataBytesMax = size_t{8} << 10;
inline constexpr size_t kStreamsPerConnectionMax = 1000;
inline constexpr absl::Duration kDeadlineDefault = absl::Seconds(30);
inline constexpr absl::Duration kDeadlineMax = absl::Minutes(10);
static_assert(3 * kEntryValueBytesMax < kMessageBytesMax);
static_assert(kPageBytesMax + kEntryValueBytesMax + kEntryKeyBytesMax < kMessageBytesMax);

// Sessions and imports: what one stream may have under way. More is not read from the network.
inline constexpr size_t kFrameOperationsMax = 1024;
inline constexpr size_t kFramesInFlightMax = 16;
inline constexpr size_t kStreamBytesInFlightMax = size_t{8} << 20;
static_assert(kStreamBytesInFlightMax >= 2 * kMessageBytesMax);
// What one Get, or all reads of one frame, may find together: the rest of a message is for the
// answers to writes, which are small but cannot be left out.
inline constexpr size_t kFrameReadBytesMax = kMessageBytesMax / 4 * 3;
// The result of a mutation takes up to 32 bytes of the answer: half of that rest.
inline constexpr size_t kFrameMutationsMax = 16'384;
static_assert(kFrameMutationsMax * 32 <= kMessageBytesMax / 8);

// Answers to reads, of all calls together, that wait for callers to take them.
inline constexpr size_t kUnsentBytesMax = size_t{256} << 20;
static_assert(kUnsentBytesMax >= 4 * kStreamBytesInFlightMax);

// A mailbox holds what a worker can commit in about a second; beyond that the caller should hear of
// it.
inline constexpr size_t kMailboxItemsMax = 65'536;
inline constexpr size_t kMailboxBytesMax = size_t{64} << 20;
inline constexpr absl::Duration kMailboxRetryAfter = absl::Milliseconds(50);
static_assert(kMailboxItemsMax >= kFrameOperationsMax * kFramesInFlightMax,
              "one session alone cannot fill a mailbox");

// Messages. A payload is as large as a value; headers are for routing and tracing, not for data.
inline constexpr size_t kMessagePayloadBytesMax = kEntryValueBytesMax;
inline constexpr size_t kMessageIdBytesMax = 64;
inline constexpr size_t kMessageHeadersMax = 32;
inline constexpr size_t kMessageHeaderKeyBytesMax = 64;
inline constexpr size_t kMessageHeaderValueBytesMax = 1024;
inline constexpr absl::Duration kMessageDelayMax = absl::Hours(24 * 366);
inline constexpr absl::Duration kMessageTimeToLiveMax = absl::Hours(24 * 366 * 10);
// A message that nobody could process so often will not be the next time either.
inline constexpr uint32_t kMessageAttemptsDefault = 16;
inline constexpr uint32_t kMessageAttemptsMax = 10'000;
// Of one commit: what it sends fits one batch together with the rest.
inline constexpr size_t kSendsMax = 128;
// A message that led to one that led to one … is a loop, not a process.
inline constexpr uint32_t kMessageHopsMax = 64;

// What the accounts of a shard have sent and is not known to be with its receivers, by default
// bounded like a mailbox; and of that, what may be on its way: two batches, and of one pair what
// keeps it busy from turn to turn.
inline constexpr size_t kOutboxMessagesMax = 65'536;
inline constexpr size_t kOutboxBytesMax = size_t{256} << 20;
inline constexpr size_t kOutboxInFlightMax = 8192;
inline constexpr size_t kOutboxPairInFlightMax = 256;
inline constexpr absl::Duration kOutboxRestMin = absl::Milliseconds(100);
inline constexpr absl::Duration kOutboxRestMax = absl::Seconds(5);

// Receiving. A lease is long enough for work that asks others, and short enough that a message of a
// consumer that died is not lost from sight; it can be extended as often as wished.
inline constexpr size_t kReceiveMessagesMax = 1024;
inline constexpr absl::Duration kMessageLeaseMin = absl::Milliseconds(100);
inline constexpr absl::Duration kMessageLeaseDefault = absl::Seconds(30);
inline constexpr absl::Duration kMessageLeaseMax = absl::Hours(12);
inline constexpr size_t kLeasesMax = 1024;  // of one request
// A mailbox that cannot be read is tried again.
inline constexpr absl::Duration kMailboxReadRetryInterval = absl::Seconds(5);
// Who waits for messages hears by then before his deadline that none came; a tenth of the time, if
// that is less.
inline constexpr absl::Duration kReceiveAnswerMargin = absl::Milliseconds(200);
// Messages that a subscription may be sent without further credit.
inline constexpr int kSubscriptionCreditMax = 65'536;
// Accounts that one ReceiveAny looks at, and records of one mailbox: those that are not received
// now are passed over.
inline constexpr size_t kReceiveAccountsLookedAt = 4096;
inline constexpr size_t kReceiveRecordsLookedAt = 4096;
// Messages that one turn makes due, or moves to the undeliverable ones; leases whose end it sees;
// accounts with messages that it looks for.
inline constexpr size_t kMessagesMovedPerStep = 256;
inline constexpr size_t kLeasesEndedPerTurn = 1024;
inline constexpr size_t kMailboxesFoundPerStep = 1024;

// What was taken in from a sender is remembered at least so long; then he is asked whether anything
// is still under way.
inline constexpr absl::Duration kMarkAgeMin = absl::Hours(1);
inline constexpr size_t kMarksAskedPerStep = 256;

// Undeliverable messages that a shard keeps. When it is full, what would become one stays where it
// is, and is tried again.
inline constexpr size_t kUndeliverableMessagesMax = 100'000;
inline constexpr size_t kUndeliverableBytesMax = size_t{256} << 20;
inline constexpr absl::Duration kUndeliverableRetryInterval = absl::Seconds(10);

// The mailbox of an account.
inline constexpr uint64_t kAccountMailboxMessagesMax = 10'000;
inline constexpr uint64_t kAccountMailboxBytesMax = uint64_t{64} << 20;
// Accounts with messages that a shard has in mind; of others it reads.
inline constexpr size_t kMailboxesPerShardMax = 65'536;

// Messages that a shard keeps in memory until they are handed out for the first time: what comes
// while consumers keep up.
inline constexpr size_t kFreshMessagesBytes = size_t{1} << 20;

// How many messages go from shard to shard, for operators: after the first, a change is seen by
// 63 %; the second is how many senders a receiver tells apart.
inline constexpr absl::Duration kMessageRateSmoothing = absl::Seconds(10);
inline constexpr size_t kMessageRateSourcesMax = 32;

// What one request can make of little: stored values that it appends to are written anew.
inline constexpr size_t kAppliedBytesMax = size_t{16} << 20;

// One turn of a worker: when it has written or read so much, it stops taking requests into the
// batch, and commits.
inline constexpr size_t kBatchBytesMax = size_t{16} << 20;
inline constexpr size_t kTurnReadBytesMax = size_t{16} << 20;

// Request outcomes: remembered for a day and, while newer than that, at most so many per account.
// None goes that is so young that its caller may still repeat the request within its deadline.
inline constexpr absl::Duration kOutcomeRetention = absl::Hours(24);
inline constexpr uint64_t kOutcomesPerAccountMax = 4096;
inline constexpr absl::Duration kOutcomeAgeMin = kDeadlineMax;
// How many outdated outcomes one write removes: more than one, so that the backlog shrinks.
inline constexpr uint64_t kOutcomesTrimmedPerWrite = 2;

// Records kept in memory by the owners of all shards together, in equal shares: what is read before
// a write.
inline constexpr size_t kRecordCacheBytes = size_t{256} << 20;
inline constexpr size_t kRecordCacheBytesPerShardMin = size_t{256} << 10;

// Recent changes kept in memory by a shard, for watches that resume.
inline constexpr size_t kWatchHistoryChangesMax = 4096;
inline constexpr size_t kWatchHistoryBytesMax = size_t{1} << 20;
inline constexpr size_t kWatchesPerShardMax = 1024;
inline constexpr size_t kWatchBufferBytesMax = size_t{1} << 20;
inline constexpr size_t kWatchBufferChangesMax = 1024;
inline constexpr absl::Duration kWatchProgressInterval = absl::Seconds(10);

// Background work of a shard: it looks at so many accounts in one step, so that requests hardly
// wait for it.
inline constexpr size_t kSweepAccountsPerStep = 256;
inline constexpr uint64_t kSweepOutcomesPerAccount = 64;
inline constexpr uint64_t kSweepOutcomesOfDeleted = kOutcomesPerAccountMax;
inline constexpr absl::Duration kSweepStepInterval = absl::Seconds(1);
inline constexpr absl::Duration kSweepRestInterval = absl::Minutes(10);

// Rehome: what one step copies or deletes between two turns, half a millisecond of work. While one
// request follows the other, steps rest so that a second sees about so much, which on a small
// machine is 2 % of the worker's time; a record counts as so many bytes more than it has, which is
// what writing even a small one takes. The more is copied, the more writes go to both homes, which
// costs far more than to copy: the pace rises with what is copied, to so many times as much at the
// end. It also doubles again and again, so that a large shard comes to an end of it, and steps keep
// ahead of a shard that grows. When there was nothing to do for so long, and until the next request
// comes, steps take the time that nobody else needs.
inline constexpr size_t kRehomeRecordsPerStep = 1024;
inline constexpr size_t kRehomeBytesPerStep = size_t{64} << 10;
inline constexpr size_t kRehomeBytesPerSecond = size_t{2} << 20;
inline constexpr double kRehomeSpeedUp = 8;
inline constexpr size_t kRehomeBytesPerRecord = 1024;
inline constexpr absl::Duration kRehomeDoublesEach = absl::Minutes(5);
inline constexpr absl::Duration kRehomeIdleAfter = absl::Milliseconds(2);
// After a step that could not read, another one is tried then.
inline constexpr absl::Duration kRehomeRetryInterval = absl::Seconds(1);

// A pause that an operator forgot ends by itself.
inline constexpr absl::Duration kShardPauseDefault = absl::Minutes(1);
inline constexpr absl::Duration kShardPauseMax = absl::Hours(1);
inline constexpr absl::Duration kShardPinMax = absl::Hours(24 * 366);

// Coordinator.
inline constexpr size_t kShardsAtStartMax = 1024;
inline constexpr size_t kNamespacesMax = 10'000;
inline constexpr size_t kOperationsKept = 1000;
inline constexpr size_t kOperationsRunningMax = 64;
// How often who works on an operation tells how far it is; each time is a small write.
inline constexpr absl::Duration kOperationProgressInterval = absl::Seconds(1);
inline constexpr size_t kOperationWaitersMax = 1024;
inline constexpr size_t kTablesKept = 64;
// A shard costs a thread and some memory; a home is a column family, and hundreds of those are
// known to hurt.
inline constexpr size_t kShardsMax = 4096;
inline constexpr size_t kHomesMax = 64;
// Changes of the table whose lineage can be asked for.
inline constexpr size_t kLineageKept = 10'000;
// Requests to the coordinator are small: names and ids.
inline constexpr size_t kCoordinatorQueueItemsMax = 4096;
// Accounts of a deleted namespace removed in one batch.
inline constexpr size_t kPurgeAccountsPerStep = 64;

// Calls under way in the whole daemon: a guard for memory, above what the mailboxes of a small
// daemon hold.
inline constexpr size_t kCallsInFlightMax = 100'000;

}  // namespace shardd::limits
