#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/retry.h"
#include "client/session.h"
#include "client/shardctl/import_ledger.h"
#include "client/shardctl/import_writes.h"
#include "client/shardctl/record.h"

namespace shardd::shardctl {

struct ImporterOptions {
  WriteOptions write;
  // Create the namespaces that records name.
  bool create_namespace = true;
  // End at the first bad record.
  bool stop_on_error = false;
  // How long the daemon may be away, or too busy, without any progress.
  absl::Duration retry_for = absl::Seconds(30);
  size_t frame_operations_max = 64;
  size_t frame_bytes_max = size_t{960} << 10;
  // What may be kept of records to write again at the end.
  size_t outdated_bytes_max = size_t{64} << 20;
  client::SessionOptions session;
};

// A write that the daemon said is durable.
struct Acknowledgement {
  std::string name_space;
  std::string id;
  // The revision of the account after it.
  uint64_t revision = 0;
};

struct ImportSummary {
  // Accounts that hold what their record says.
  uint64_t accounts = 0;
  // Malformed, or refused by the daemon.
  uint64_t bad_records = 0;
  // Writes that an earlier import had made already, and that still stand.
  uint64_t replayed = 0;
  // Accounts that an earlier import had written already, that were changed since, and that were
  // written again.
  uint64_t rewritten = 0;
  bool interrupted = false;
};

// Writes records into accounts, over a session.
//
// Survives the death of the daemon: it opens a new session and sends again what has no answer yet;
// the request_ids make that harmless. Operations that the daemon puts off are sent again. The input
// is read no faster than it is written.
//
// The answer to a write may be that an earlier import has made it. Then the account is looked at:
// at the revision of that write it holds what the record says. At any other one, or if it is gone,
// somebody has changed it since, or it is a later record of this input that did: so it is written
// again, as a request of its own, only when no later record of the account has turned out to stand.
// Invariant: of an account with several records, one is on its way at a time, in the order of the
// input. So a later import that goes on after any end of this one repeats what came first, and
// never puts an earlier record over a later one.
// Thread safety: none.
class Importer {
 public:
  struct Callbacks {
    std::function<void(uint64_t line, const std::string& why)> on_bad_record;
    // After each frame.
    std::function<void(const ImportSummary&)> on_progress;
    // Something the user should know while it waits.
    std::function<void(const std::string&)> on_note;
    std::function<bool()> is_interrupted;
    // After each frame that was answered, with its durable writes; an error ends the import. May be
    // missing.
    std::function<absl::Status(const std::vector<Acknowledgement>&)> on_acknowledged;
  };

  // `client` must outlive the importer.
  Importer(client::Client& client, const ImporterOptions& options, Callbacks callbacks);

  // Imports all records. An error means that it could not go on; what was counted is durable.
  absl::StatusOr<ImportSummary> Run(RecordReader& reader);

  // What was done so far, also after an error.
  ImportSummary summary() const;

 private:
  // A record on its way: its parts one after the other, then its labels, limits and state.
  struct Writing {
    AccountKey key;
    uint64_t line = 0;
    std::vector<v1::ApplyRequest> parts;
    std::optional<v1::UpdateAccountRequest> update;
    size_t bytes = 0;
    // Its request_ids are of this run alone, so nobody can have made it before.
    bool is_fresh = false;
    // What is known of the answers: how many came from before, the account's revision after the
    // last, and whether somebody else has changed the account between two of them.
    uint64_t replayed = 0;
    uint64_t revision = 0;
    bool is_torn = false;
    // The first of its parts made the account.
    bool is_new = false;
    // The way was made for it once; and what the account was before, if that changed it.
    bool way_made = false;
    std::optional<v1::Account> before;

    void TakeRevision(uint64_t next);
    bool NeedsUpdate() const;
  };
  // One request of a record: a part of it, or the look whether it still stands.
  struct Operation {
    std::shared_ptr<Writing> writing;
    size_t part = 0;
    bool looks = false;

    size_t Bytes() const;
    v1::SessionOperation Request() const;
  };
  using Frame = std::vector<Operation>;
  struct Answer {
    uint64_t frame;
    absl::StatusOr<v1::SessionResponse> response;
  };

  absl::Status Accept(const Record& record);
  absl::Status EnsureNamespace(const std::string& name);
  absl::Status Add(Operation operation);
  absl::Status FlushFrame();
  // Waits until every operation sent is done or given up, sending again what must be.
  absl::Status Settle();
  absl::Status SendAgain(Frame operations);
  void Send(Frame frame);
  // In frames that are not too large.
  void SendAll(Frame operations);
  void TakeAnswers();
  void TakeResult(Operation operation, const v1::SessionResult& result);
  void TakeLook(const std::shared_ptr<Writing>& writing, uint64_t revision);
  void TakeRefusal(Operation operation, const absl::Status& status);
  // All parts are durable.
  void Complete(Operation operation);
  void Done(Writing& writing);
  // After a refusal that depends on the account: lifts limits and thaws it, if the record says what
  // they are to be in the end.
  absl::Status MakeWay(Writing& writing);
  void Refuse(const Operation& operation, const absl::Status& status);
  // The account may not hold what the record says, though it did once.
  void KeepOutdated(const std::shared_ptr<Writing>& writing);
  void ForgetOutdated(const AccountKey& key);
  // Sends it as a request of its own.
  void Rewrite(const std::shared_ptr<Writing>& writing);
  absl::Status RewriteOutdated();
  void ReportAcknowledged();
  // What was sent and is not done.
  Frame TakeUnsettled();
  // Waits before another try, or says why there is none.
  absl::Status WaitToRetry(const absl::Status& reason);
  absl::Status Persist(const std::function<absl::Status()>& call);
  void ReportBad(uint64_t line, const std::string& why);

  client::Client& client_;
  const ImporterOptions options_;
  const Callbacks callbacks_;
  ImportLedger ledger_;
  ImportSummary counted_;
  // What became of the namespaces that were to be created.
  std::map<std::string, absl::Status> namespaces_;
  client::Backoff backoff_;
  // When the daemon began to be away or too busy.
  absl::Time trouble_since_;

  // Being filled.
  Frame frame_;
  size_t frame_bytes_ = 0;
  // Sent and not answered, by number.
  std::map<uint64_t, Frame> sent_;
  uint64_t last_frame_ = 0;
  // To be sent after what is there: what follows from answers.
  Frame next_;
  // What was written before and does not stand. The records of an account, in the order of the
  // input; unless they are merged only the last counts.
  absl::flat_hash_map<AccountKey, std::vector<std::shared_ptr<Writing>>> outdated_;
  size_t outdated_bytes_ = 0;
  // Put off by the daemon.
  Frame put_off_;
  absl::Status put_off_status_;
  // Durable and not reported.
  std::vector<Acknowledgement> acknowledged_;
  // Why the session broke.
  absl::Status broken_;
  // Why the import cannot go on.
  absl::Status fatal_;

  // Answers come on the session's thread and are taken on ours.
  std::mutex answers_mutex_;
  std::vector<Answer> answers_;
  // Last, so that its thread has ended before the rest goes.
  std::unique_ptr<client::Session> session_;
};

}  // namespace shardd::shardctl
