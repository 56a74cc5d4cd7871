#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/account/account_ref.h"
#include "server/account/routing_key.h"
#include "server/core/event.h"
#include "tests/sim/message_ledger.h"
#include "tests/sim/trace.h"

namespace shardd::sim {

// One thing a client wants. It may be sent many times, each time as a call of its own.
struct Wish {
  uint64_t number = 0;
  ShardRequestBody body;
  // What a scan's page token stands for: the key after which the page begins.
  std::string resume_after;
};

// What an answer says, see answer_text.h.
struct Answer {
  std::string text;
  uint64_t revision = 0;
};

struct ModelEntry {
  std::string value;
  uint64_t revision = 0;
};

// The first answer to a request that named itself.
struct ModelOutcome {
  uint64_t order = 0;
  absl::Time time;
  uint64_t wish = 0;      // 0: nobody's, the request was forbidden
  std::string answer;     // text of the first answer
  std::string outcome;    // text of what GetRequestOutcome says of it
  bool is_apply = false;  // its repeats say that they are repeats
  uint64_t run = 0;       // of the daemon that gave it
  bool certain = true;    // false: the account may have had no record to keep it in
};

// One committed change, as a watch must show it.
struct ModelChange {
  uint64_t revision = 0;
  std::map<std::string, std::optional<std::string>> entries;
  bool created = false;
  bool deleted = false;
  bool updated = false;
  uint64_t run = 0;  // counts the daemon's starts
};

struct ModelAccount {
  bool exists = false;
  bool frozen = false;
  uint64_t revision = 0;  // of the name: also when the account does not exist
  AccountLimits limits;
  Labels labels;
  absl::Time create_time;
  absl::Time update_time;
  std::map<std::string, ModelEntry> entries;

  // Whether the name has a record. One that was left behind is dropped at some time after all it
  // remembers is outdated, or when its namespace is deleted.
  bool has_record = false;
  bool may_be_forgotten = false;
  bool revision_exact = true;                    // false: the record's revision was never shown
  std::map<std::string, ModelOutcome> outcomes;  // by request id
  uint64_t outcome_next = 0;

  std::vector<std::shared_ptr<const ModelChange>> changes;
  ModelMessages messages;

  uint64_t ByteCount() const;
};

enum class Known { kYes, kNo, kMaybe };

// What accounts hold, by the rules in server/GUARANTEES.md and the comments of the contract.
// Written apart from the code it judges.
//
// Runs the same requests in the same order as a shard. Where the rules leave a choice (the revision
// of a new account, whether something outdated is still remembered) it takes the one that was made,
// if it was a right one.
//
// Thread safety: none.
class Model {
 public:
  struct Options {
    bool several = false;  // consumers take several messages of an account at a time
    uint64_t outcomes_per_account = 0;
    absl::Duration retention;
    absl::Duration age_min;
  };
  // Accounts as they were before some turn.
  using Undo = std::map<AccountRef, ModelAccount>;

  Model(Options options, MessageLedger& ledger, Verdict& verdict, Trace& trace)
      : options_(options), ledger_(ledger), verdict_(verdict), trace_(trace) {}

  // Runs a request. Returns the right answer: `actual.text` if that is one, else another.
  // Accounts that change are first copied to `undo`.
  std::string Run(const Wish& wish, absl::Time now, const Answer& actual, Undo& undo);

  // A namespace's deletion went over a range: the first `deleted` of its accounts there are gone.
  // Returns false if there were not so many.
  bool Purge(absl::string_view name_space, const KeyRange& range, uint64_t deleted, Undo& undo);
  // ... and what its deleted accounts left behind may be.
  void Forget(absl::string_view name_space, const KeyRange& range, Undo& undo);

  void Restore(const Undo& undo);
  void NextRun() { ++run_; }
  uint64_t run() const { return run_; }

  // nullptr: never seen.
  const ModelAccount* Find(const AccountRef& account) const;
  const std::map<AccountRef, ModelAccount>& accounts() const { return accounts_; }

  Known HasRecord(const ModelAccount& account) const;
  // Whether it must still be known; an outdated one may be.
  bool MustRemember(const ModelAccount& account, const ModelOutcome& outcome) const;

  // The right answers of reads, given an account's state.
  static std::string Read(const ModelAccount* account, const GetRequest& request);
  static std::string Read(const ModelAccount* account, const ScanRequest& request,
                          const std::string& resume_after);
  static std::string AccountText(const ModelAccount& account);

  // The latest time any request ran at.
  void SeeTime(absl::Time now) { latest_ = std::max(latest_, now); }
  // The latest time that any turn was at.
  absl::Time latest() const { return latest_; }

 private:
  struct Decision {
    Reason refused = Reason::kUnspecified;
    std::vector<MutationResult> results;
    ModelChange change;
    bool changed = false;
  };
  static Decision Refuse(Reason reason) {
    Decision decision;
    decision.refused = reason;
    return decision;
  }

  ModelAccount& Touch(const AccountRef& account, Undo& undo);
  template <typename Request>
  std::string RunMutation(const Wish& wish, const Request& request, absl::Time now,
                          const Answer& actual, Undo& undo);
  std::string RunOutcome(const GetOutcomeRequest& request, absl::Time now, const Answer& actual,
                         Undo& undo);
  void Remember(ModelAccount& account, const std::string& request_id, ModelOutcome outcome) const;

  Decision Decide(ModelAccount& draft, const ApplyRequest& request, absl::Time now,
                  const Answer& actual) const;
  Decision Decide(ModelAccount& draft, const CreateAccountRequest& request, absl::Time,
                  const Answer&) const;
  Decision Decide(ModelAccount& draft, const UpdateAccountRequest& request, absl::Time,
                  const Answer&) const;
  Decision Decide(ModelAccount& draft, const DeleteAccountRequest& request, absl::Time,
                  const Answer&) const;
  // What an Apply that was made does to messages.
  void Exchange(ModelAccount& account, const ApplyRequest& request);
  bool Holds(const ModelAccount& before, const Precondition& condition, const Answer& actual) const;

  void MeetRepeat(const ModelAccount& account, const ModelOutcome& outcome, const Wish& wish) const;
  void MeetRefusal(Reason reason) const;

  Options options_;
  MessageLedger& ledger_;
  Verdict& verdict_;
  Trace& trace_;
  std::map<AccountRef, ModelAccount> accounts_;
  absl::Time latest_ = absl::InfinitePast();
  uint64_t run_ = 0;
};

}  // namespace shardd::sim
