#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/account/record_key.h"
#include "server/account/routing_key.h"
#include "server/base/ids.h"
#include "server/base/limits.h"
#include "server/core/event.h"
#include "server/core/hand_over.h"
#include "server/core/operation_progress.h"
#include "server/core/record_cache.h"
#include "server/core/shard_command.h"
#include "server/core/shard_turn.h"
#include "server/cross_thread_messaging/fresh_messages.h"
#include "server/cross_thread_messaging/mailboxes.h"
#include "server/cross_thread_messaging/message_status.h"
#include "server/cross_thread_messaging/outbox.h"
#include "server/cross_thread_messaging/receiving.h"
#include "server/cross_thread_messaging/taking_in.h"
#include "server/routing/route_table.h"
#include "server/routing/undeliverable.h"
#include "server/routing/undeliverables.h"
#include "server/shard_state_operations/account_cursor.h"
#include "server/shard_state_operations/change_history.h"
#include "server/shard_state_operations/records.h"
#include "server/shard_state_operations/rehome.h"
#include "server/shard_state_operations/shard_reader.h"
#include "server/shard_state_operations/staged_account.h"

namespace shardd {

// One shard's brain: decides, never acts.
//
// Turns one request into writes of the turn's batch and effects that wait for it. No I/O of its
// own, no threads, no locks, no clock: the same requests at the same times on the same data give
// the same writes and effects.
//
// Thread safety: none. Owned by one ShardWorker, used only on its thread.
// Invariants:
//   (1) A request changes nothing, or all of it is in the turn's batch together with its outcome.
//   (2) An account's revision rises with every committed change and never falls.
//   (3) What is in memory agrees with the store plus the turn's batch; after a failed commit the
//   core must be discarded.
class ShardCore {
 public:
  struct Options {
    size_t cache_bytes = limits::kRecordCacheBytes;
    uint64_t outcomes_per_account = limits::kOutcomesPerAccountMax;
    absl::Duration outcome_retention = limits::kOutcomeRetention;
    absl::Duration outcome_age_min = limits::kOutcomeAgeMin;
    Rehome::Pace rehome_pace = {limits::kRehomeRecordsPerStep, limits::kRehomeBytesPerStep,
                                limits::kRehomeBytesPerSecond};
    MailboxBounds mailbox = {limits::kAccountMailboxMessagesMax, limits::kAccountMailboxBytesMax,
                             limits::kMessageHopsMax};
    Outbox::Bounds outbox = Outbox::DefaultBounds();
    Undeliverables::Bounds undeliverables = {limits::kUndeliverableMessagesMax,
                                             limits::kUndeliverableBytesMax};
    size_t mailboxes_max = limits::kMailboxesPerShardMax;  // that are remembered at a time
    size_t fresh_messages_bytes = limits::kFreshMessagesBytes;
    absl::Duration mark_age_min = limits::kMarkAgeMin;
    // Leases get tokens from this on: above all that an earlier run can have given.
    uint64_t first_lease = 0;
  };

  // At start, from what is stored; `epoch`: of the table.
  ShardCore(Route route, TableEpoch epoch, ShardStats stats, Options options);
  // For a range that another core hands over. `epoch`: of the table that says so.
  ShardCore(Route route, TableEpoch epoch, HandOver state, Options options);

  // Takes up the rehome that an earlier run left under way. Call it before the first turn.
  void TakeUp(RehomeRecord rehome);
  // Takes up what its accounts have sent and an earlier run left under way, and who has messages;
  // likewise.
  absl::Status LoadMessages(const storage::Reader& reader);

  // Runs one request. REQUIRES: it is not retired; turn.now is not before that of any earlier turn;
  // turn.committed holds every earlier turn's batch.
  void Step(ShardRequest request, ShardTurn& turn);
  // Runs one command. REQUIRES: nothing else is in the turn, but that an Absorb may follow requests;
  // none may follow it.
  void Step(ShardCommand command, ShardTurn& turn);

  // Whether requests may be run; otherwise they wait for a command or the time in turn.wake_at.
  bool TakesRequests(absl::Time now) const { return !retired_ && now >= paused_until_; }
  // Whether it has given everything away.
  bool retired() const { return retired_; }
  // Whether a rehome has steps left to take.
  bool moves() const { return rehome_.has_value() && rehome_->way.HasWork(); }

  // Ends a turn: background work that is due, and what is written once per turn. Call it last,
  // before the commit, and also for a turn without requests.
  void FinishTurn(ShardTurn& turn);

  ShardId shard() const { return route_.shard; }
  const Route& route() const { return route_; }
  // Of the table that gave it its range.
  TableEpoch epoch() const { return epoch_; }
  const ShardStats& stats() const { return stats_; }
  MessageStatus messages() const {
    return {message_counts_, outbox_.count(), outbox_.oldest(), undeliverables_.count(),
            message_rates_.rates()};
  }
  size_t watch_count() const { return watches_.size(); }

 private:
  // What changed in a range since it was surveyed. Its counts may be negative, and wrap.
  struct Tally {
    OperationId operation;
    KeyRange range;
    ShardStats change;
  };

  struct RehomeUnderWay {
    RehomeUnderWay(ShardId shard, const KeyRange& range, RehomeRecord record)
        : way(shard, range, std::move(record)) {}

    Rehome way;
    bool reported = false;                          // that everything is copied, or cannot be
    absl::Time retry_at = absl::InfinitePast();     // after a step that failed
    absl::Time rests_until = absl::InfinitePast();  // while requests come
    absl::Time since = absl::InfinitePast();        // of this process: the first step
    size_t copied = 0;                              // or deleted: records, by the last step
    uint64_t copied_in_all = 0;                     // records, by this process
    int64_t grown = 0;                              // records that the shard has more since then
    OperationProgress progress;                     // in records copied
  };

  OutcomeRetention Retention() const {
    return {options_.outcomes_per_account, options_.outcome_retention, options_.outcome_age_min};
  }
  // OK if the request may run: in time, under the right epoch, for an account of this shard.
  absl::Status Admit(const ShardRequest& request, absl::Time now) const;
  // kNamespaceDeleting.
  absl::Status CheckOpen(const std::string& name_space) const;

  void Run(CallId call, ApplyRequest&& request, ShardTurn& turn);
  void Run(CallId call, GetRequest&& request, ShardTurn& turn);
  void Run(CallId call, ScanRequest&& request, ShardTurn& turn);
  void Run(CallId call, CreateAccountRequest&& request, ShardTurn& turn);
  void Run(CallId call, UpdateAccountRequest&& request, ShardTurn& turn);
  void Run(CallId call, DeleteAccountRequest&& request, ShardTurn& turn);
  void Run(CallId call, GetOutcomeRequest&& request, ShardTurn& turn);
  void Run(CallId call, WatchRequest&& request, ShardTurn& turn);
  void Run(CallId call, UnwatchRequest&& request, ShardTurn& turn);
  void Run(CallId call, PurgeNamespace&& request, ShardTurn& turn);
  void Run(CallId call, ReopenNamespace&& request, ShardTurn& turn);
  // Messages; in shard_core_messages.cc.
  void Run(CallId call, DeliverMessage&& request, ShardTurn& turn);
  void Run(CallId call, SettleDelivery&& request, ShardTurn& turn);
  void Run(CallId call, AskAboutMark&& request, ShardTurn& turn);
  void Run(CallId call, DropMark&& request, ShardTurn& turn);
  // In shard_core_receiving.cc.
  void Run(CallId call, ReceiveRequest&& request, ShardTurn& turn);
  void Run(CallId call, ReceiveAnyRequest&& request, ShardTurn& turn);
  void Run(CallId call, ExtendLeasesRequest&& request, ShardTurn& turn);
  void Run(CallId call, NackRequest&& request, ShardTurn& turn);
  void Run(CallId call, SettleUndeliverableRequest&& request, ShardTurn& turn);

  // Commands; in shard_core_changes.cc.
  void Run(BeginSurvey&& command, ShardTurn& turn);
  void Run(EndSurvey&& command, ShardTurn& turn);
  void Run(SplitOff&& command, ShardTurn& turn);
  void Run(Retire&& command, ShardTurn& turn);
  void Run(Unretire&& command, ShardTurn& turn);
  void Run(Absorb&& command, ShardTurn& turn);
  void Run(BeginRehome&& command, ShardTurn& turn);
  void Run(SwitchHome&& command, ShardTurn& turn);
  void Run(HomePublished&& command, ShardTurn& turn);
  void Run(AbandonRehome&& command, ShardTurn& turn);
  void Run(PauseRequests&& command, ShardTurn& turn);

  // Gives away what is in memory of a range.
  HandOver Release(const KeyRange& range);
  // Those of which something lies in the range.
  std::map<std::string, uint64_t, std::less<>> ClosedNamespaces(const KeyRange& range) const;
  void Take(HandOver state);
  void AddWatch(CallId call, Watch watch);
  void RehomeStep(ShardTurn& turn);
  // A change of so many records: what rehomes must keep ahead of.
  void CountGrowth(int64_t records);
  // How long a step of so much is followed by none while requests come.
  absl::Duration RestAfter(const storage::WriteSet& step, absl::Time now) const;
  // How much of it is copied, 0 to 1, by the accounts and entries there are.
  double CopiedShare() const;
  // When the next step may be taken, as things are.
  absl::Time NextRehomeStep() const;
  // `key`: of an account whose record or entries changed. Differences may be negative, and wrap.
  void CountChange(RoutingKey key, const ShardStats& before);

  // Runs a mutation that `stage` describes, once per request_id: a repeat gets the stored answer.
  // `stage` takes the staged account and returns the answer to give once the revision is known.
  template <typename Request, typename Stage>
  void RunOnce(CallId call, Request& request, ShardTurn& turn, Stage stage);

  // Answers with what `read` finds, within the bounds of its frame.
  template <typename Read>
  void AnswerRead(CallId call, ShardTurn& turn, Read read);
  // Answers, and counts what the answer brings.
  void AnswerFound(CallId call, absl::StatusOr<ShardAnswer> answer, ShardTurn& turn);

  // Whether what the request sends may be sent: kAccountMailboxFull, kOutboxFull.
  absl::Status CheckSends(const ApplyRequest& request, absl::Time now) const;
  // Writes what it sends. `revision`: of the sender, with it.
  void SendAll(ApplyRequest& request, const AccountKeys& keys, uint64_t revision, ShardTurn& turn);
  absl::StatusOr<DeliveryOutcome> TakeIn(Message&& message, ShardId from, ShardTurn& turn);
  // Puts a message where `decision` says. `keys`: of its receiver, which has a record unless the
  // message is undeliverable.
  void PutIn(Message&& message, const TakingInDecision& decision, const AccountKeys& keys,
             std::optional<AccountRecord> receiver, ShardTurn& turn);
  // Those whose turn it is go to the owners of their receivers.
  void DeliverWaiting(ShardTurn& turn);
  // REQUIRES: there is room for it.
  void KeepUndeliverable(const Message& message, UndeliverableReason reason, uint32_t attempts,
                         ShardTurn& turn);
  // Puts an undeliverable message into the mailbox of its receiver. Errors: as for
  // SettleUndeliverableRequest; it stays where it is then.
  absl::Status Redrive(const AccountRef& account, const std::string& own_key, ShardTurn& turn);
  // Asks after marks that are old, a step further.
  absl::Status SweepMarks(ShardTurn& turn);
  // A step of it for accounts that were made.
  void RedriveForNewAccounts(ShardTurn& turn);
  absl::Status LoadUndeliverables(const storage::Reader& reader);
  // Looks for accounts with messages, a step further.
  absl::Status FindMailboxes(const storage::Reader& reader, absl::Time now);

  // Hands messages of an account, which has left the line, to a consumer, and puts it where it
  // belongs then.
  absl::Status Lend(const AccountRef& account, const ReceiveTerms& terms,
                    const std::optional<std::pair<std::string, std::string>>& label,
                    ReceiveResult& result, ShardTurn& turn);
  // Delayed messages whose time has come go to the end of the mailbox. Returns when the next comes.
  absl::StatusOr<absl::Time> MakeDue(const AccountKeys& keys, MailboxState& mailbox,
                                     ShardTurn& turn);
  // Hands out the first message of a mailbox of which nothing is lent, if that need not be read.
  bool LendFresh(const AccountRef& account, const AccountKeys& keys, const ReceiveTerms& terms,
                 const MailboxState& mailbox, ReceiveResult& result, absl::Time now);
  // Hands out a message that was received so often in vain.
  void LendOne(Message&& message, uint64_t number, uint32_t attempts, const ReceiveTerms& terms,
               ReceiveResult& result, absl::Time now);
  // Returns when there may be more, if not before `more`.
  absl::StatusOr<absl::Time> LendReceivable(const AccountRef& account, const ReceiveTerms& terms,
                                            absl::Time more, MailboxState& mailbox,
                                            ReceiveResult& result, ShardTurn& turn);
  static absl::StatusOr<std::optional<AttemptsRecord>> FindAttempts(const storage::Reader& reader,
                                                                    const AccountKeys& keys,
                                                                    uint64_t number);
  static absl::StatusOr<Message> FindMessage(const storage::Reader& reader,
                                             const AccountRef& account, uint64_t number);
  static void DropFromMailbox(const AccountKeys& keys, uint64_t number, uint32_t attempts,
                              ShardTurn& turn);
  // kMessageLeaseEnded unless all are valid.
  absl::Status CheckLeases(const AccountRef& account, const std::vector<Lease>& leases,
                           absl::Time now) const;
  // What acknowledgements do: to the mailbox, to the hops of what is sent, and to what is stored
  // and in memory. REQUIRES: all of them are valid.
  MailboxState WithoutAcknowledged(const ApplyRequest& request, MailboxState mailbox) const;
  uint32_t HopsOf(const ApplyRequest& request) const;
  void DropAcknowledged(const ApplyRequest& request, const AccountKeys& keys,
                        const MailboxState& mailbox, ShardTurn& turn);
  // After an account was created, frozen, made active or deleted: whether it receives messages.
  void FollowState(const AccountRef& account, const StagedAccount& change, absl::Time now);
  // Deletes all messages of a mailbox.
  absl::Status ForgetMailbox(const AccountRef& account, ShardTurn& turn);
  void NoteReceivable(const AccountRef& account, const MailboxState& mailbox, absl::Time now);
  // Messages that are lent come back unacknowledged, all of them or none: storage errors.
  absl::Status EndAttempts(const AccountRef& account, const std::vector<uint64_t>& numbers,
                           absl::Time not_before, ShardTurn& turn);
  void EndPassedLeases(ShardTurn& turn);
  void TellWhatIsReady(ShardTurn& turn);
  // What came for an account before it was deleted becomes undeliverable, step by step.
  void MoveOrphans(ShardTurn& turn);
  absl::StatusOr<bool> MoveOrphansOf(const AccountRef& account, ShardTurn& turn);

  void Write(StagedAccount& staged, const AccountKeys& keys, ShardTurn& turn);
  // Every record of this shard is written here, so that the cache never differs.
  void WriteRecord(std::string key, std::optional<std::string> value, ShardTurn& turn);
  void Publish(const AccountKeys& keys, AccountChange change, ShardTurn& turn);
  absl::Status StartWatch(CallId call, const WatchRequest& request, ShardTurn& turn);
  void CloseNamespace(const std::string& name);
  absl::Status Purge(const PurgeNamespace& request, ShardTurn& turn, PurgeResult& result);
  absl::Status ForgetAccount(const AccountRef& account, const AccountRecord& record,
                             ShardTurn& turn);
  void SendProgress(ShardTurn& turn);
  absl::Status SweepStep(ShardTurn& turn);
  absl::Status SweepAccount(const AccountRef& account, AccountRecord record, ShardTurn& turn);

  Route route_;
  TableEpoch epoch_;
  const Options options_;
  ShardStats stats_;
  ShardStats stats_written_;
  std::unique_ptr<RecordCache> cache_;
  // Being deleted, or deleted and not created again; by the order in which they were closed. Each
  // has something in the range: elsewhere nobody would reopen it.
  std::map<std::string, uint64_t, std::less<>> closed_namespaces_;
  uint64_t next_closed_ = 0;
  ChangeHistory history_;
  Outbox outbox_;  // bounded by the options
  Mailboxes mailboxes_;  // bounded by the options
  FreshMessages fresh_messages_;
  MessageCounts message_counts_;
  MessageRates message_rates_{limits::kMessageRateSourcesMax};
  uint64_t next_lease_;  // no token so high was given
  Undeliverables undeliverables_;
  // Accounts that get what came before there was one of this name. Until they have all of it,
  // nothing else is taken in for them, so that order is kept.
  std::set<AccountRef> redriven_;
  // When what found no room among the undeliverable ones is tried again.
  absl::Time undeliverable_rests_until_ = absl::InfinitePast();
  std::set<AccountRef> orphaned_;  // accounts whose mailboxes are from before their deletion
  // Looking for accounts with messages: first from where the last search found room to the end,
  // then from the beginning to there, so that all get their turn; then for delayed messages.
  struct MailboxSearch {
    int leg = 0;
    std::string position;
    std::string room_until;  // behind the last one that was remembered
  };
  storage::KeyBounds SearchBounds(int leg) const;
  std::optional<MailboxSearch> mailbox_search_;  // nullopt: nobody looks
  std::string mailbox_search_from_;
  absl::Time mailbox_search_rests_until_ = absl::InfinitePast();
  std::map<CallId, Watch> watches_;
  std::map<std::string, std::set<CallId>, std::less<>> watches_of_account_;
  absl::Time next_progress_ = absl::InfinitePast();
  absl::Time next_sweep_ = absl::InfinitePast();
  absl::Time next_mark_sweep_ = absl::InfinitePast();
  std::string mark_cursor_;   // where the sweep of marks goes on; empty: from the start
  std::string sweep_cursor_;  // key of the last account record swept; empty: from the start

  std::optional<Tally> tally_;
  std::optional<RehomeUnderWay> rehome_;
  bool turn_has_requests_ = false;
  // The first turn since the last request that found nothing to do; the infinite future: none did.
  absl::Time idle_since_ = absl::InfinitePast();
  bool retired_ = false;
  absl::Time paused_until_ = absl::InfinitePast();
};

}  // namespace shardd
