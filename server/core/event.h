#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/base/ids.h"
#include "server/base/limits.h"
#include "server/core/operation_record.h"
#include "server/cross_thread_messaging/outbox.h"
#include "server/cross_thread_messaging/receiving.h"
#include "server/shard_state_operations/requests.h"
#include "storage/store.h"
#include "storage/write_set.h"

namespace shardd {

// Names who waits for an answer; opaque to cores. The front end that made it is told of the answer
// with the same value.
struct CallId {
  uint64_t call = 0;
  uint32_t slot = 0;  // which part of the call, for calls that carry many operations
  friend constexpr auto operator<=>(CallId, CallId) = default;
};

// From the coordinator: refuse requests to this namespace from now on, and go through up to
// `accounts_max` of its accounts. Answered with PurgeResult. If `delete_accounts`, all of them are
// forgotten, and what deleted accounts left behind; else this only looks for one that exists, and
// changes nothing: a namespace that turns out not to be empty must keep what it remembers.
struct PurgeNamespace {
  OperationId operation;
  std::string name_space;
  bool delete_accounts = false;
  size_t accounts_max = limits::kPurgeAccountsPerStep;
  std::string position;  // of the PurgeResult before; empty: from the start
};
// From the coordinator: the namespace takes requests again: its deletion failed or was cancelled,
// or it was created (again).
struct ReopenNamespace {
  std::string name_space;
};

// From the owner of a sender: a message for `account`, which is its receiver. Answered with
// SettleDelivery.
struct DeliverMessage {
  AccountRef account;
  Message message;
  ShardId from;
};
// From the owner of a receiver: what became of a message that `account` has sent.
struct SettleDelivery {
  AccountRef account;
  AccountRef receiver;
  SendNumber number;
  DeliveryOutcome outcome = DeliveryOutcome::kTaken;
};

// From the owner of a receiver: whether messages that `account` has sent to `receiver` are under
// way. If none is, it is answered with DropMark.
struct AskAboutMark {
  AccountRef account;
  AccountRef receiver;
  SendNumber number;  // that the mark says
};
// From the owner of a sender: nothing that it sent to `account` up to `number` comes any more, so
// that nobody has to remember it.
struct DropMark {
  AccountRef account;
  AccountRef sender;
  SendNumber number;
};

// The answer to a message for which its receiver's owner had no room.
SettleDelivery Returned(const DeliverMessage& delivery);

// Everything a shard can be asked.
using ShardRequestBody =
    std::variant<ApplyRequest, GetRequest, ScanRequest, CreateAccountRequest, UpdateAccountRequest,
                 DeleteAccountRequest, GetOutcomeRequest, WatchRequest, UnwatchRequest,
                 ReceiveRequest, ReceiveAnyRequest, ExtendLeasesRequest, NackRequest,
                 SettleUndeliverableRequest,
                 PurgeNamespace, ReopenNamespace, DeliverMessage, SettleDelivery, AskAboutMark,
                 DropMark>;

// Whether somebody waits for an answer. Else it comes from another core, which is told by a message
// of its own, or not at all.
bool HasCaller(const ShardRequestBody& body);

// The account that a request is about; nullptr: it is about a shard.
const AccountRef* AccountOf(const ShardRequestBody& body);

// Whether it is for each owner of a part of the shard, if that is divided before it is run.
bool IsForEachOwner(const ShardRequestBody& body);

// What a request weighs in a mailbox, in bytes. One without weight is never refused for want of
// room: a watch that was admitted can end, the coordinator can go on, and what is on its way to
// others is settled.
size_t MailboxWeight(const ShardRequestBody& body);

struct ShardRequest {
  CallId call;
  // Past this time the request is refused, not run.
  absl::Time deadline = absl::InfiniteFuture();
  // The routing epoch the caller used; 0 if it named none.
  uint64_t epoch = 0;
  ShardRequestBody body;
};

// A watch has ended: answered to UnwatchRequest, or sent on its own when the account is no longer
// here.
struct WatchEnded {};

using ShardAnswer =
    std::variant<ApplyResult, GetResult, ScanResult, AccountResult, OutcomeResult, WatchEnded,
                 ReceiveResult, LeasesResult, UndeliverableSettled>;

// The bytes of entries and messages that an answer brings; 0 for answers to writes.
size_t ReadBytes(const ShardAnswer& answer);

// kFrameTooLarge: the reads of one frame have found more than kFrameReadBytesMax.
absl::Status FrameReadsTooMuch();

// The answer to one request. A request gets exactly one, except that WatchRequest is answered by
// WatchEvents until WatchEnded or an error.
struct Reply {
  CallId call;
  absl::StatusOr<ShardAnswer> answer;
};

// Changes for one watch, oldest first; none in a sign of life.
struct WatchEvent {
  CallId call;
  std::vector<std::shared_ptr<const AccountChange>> changes;
  uint64_t progress_revision = 0;
};

// For the runtime: pass it on to the owner of its account, behind what was passed on before.
struct PassOn {
  ShardRequestBody body;
};

// For the runtime: where messages can be received now, and where not any more. What is not named is
// as it was.
struct MessagesReady {
  ShardId shard;
  MailboxNews news;
};

// For the coordinator: what a PurgeNamespace did.
struct PurgeResult {
  OperationId operation;
  ShardId shard;
  uint64_t accounts_deleted = 0;
  bool empty = false;           // no account of the namespace is left in this shard
  bool holds_accounts = false;  // it holds an account that must not be deleted
  std::string position;         // where looking goes on, unless it has ended
  absl::Status status;
};

}  // namespace shardd
