#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/error.h"
#include "client/shardctl/await_operation.h"
#include "client/shardctl/present.h"
#include "client/shardctl/shard_commands.h"

namespace shardd::shardctl {
namespace {

// The options of pause, resume, pin, unpin and compact.
struct CareOptions {
  std::string id;
  absl::Duration duration = absl::Minutes(1);
  GuardOptions guard;
  bool wait = false;
};

struct VerifyOptions {
  std::vector<std::string> ids;
  GuardOptions guard;
  bool all = false;
  bool wait = false;
};

// A shard, and until when something holds, or would; nothing: it does no longer.
ExitCode PrintUntil(Invocation& invocation, const CareOptions& options, const char* what,
                    const google::protobuf::Timestamp* until) {
  if (options.guard.dry_run) {
    invocation.Note("Nothing is changed: this only says what would be done.");
  }
  Row row;
  row.Add(TextCell(options.id));
  row.Add(until != nullptr ? TimeCell(true, *until) : Cell(nullptr, "-"));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "shard", {{"id"}, {what}}, row);
  return kOk;
}

absl::StatusOr<ExitCode> Pause(Invocation& invocation, const CareOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto request = RequestOn<v1::PauseShardRequest>(options.id, options.guard);
  ToProto(options.duration, *request.mutable_duration());
  auto response = (*daemon)->PauseShard(request);
  if (!response.ok()) return response.status();
  return PrintUntil(invocation, options, "paused_until", &response->paused_until());
}

absl::StatusOr<ExitCode> Resume(Invocation& invocation, const CareOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const auto request = RequestOn<v1::ResumeShardRequest>(options.id, options.guard);
  auto response = (*daemon)->ResumeShard(request);
  if (!response.ok()) return response.status();
  return PrintUntil(invocation, options, "paused_until", nullptr);
}

absl::StatusOr<ExitCode> Pin(Invocation& invocation, const CareOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto request = RequestOn<v1::PinShardRequest>(options.id, options.guard);
  ToProto(options.duration, *request.mutable_duration());
  auto response = (*daemon)->PinShard(request);
  if (!response.ok()) return response.status();
  return PrintUntil(invocation, options, "pinned_until", &response->pinned_until());
}

absl::StatusOr<ExitCode> Unpin(Invocation& invocation, const CareOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const auto request = RequestOn<v1::UnpinShardRequest>(options.id, options.guard);
  auto response = (*daemon)->UnpinShard(request);
  if (!response.ok()) return response.status();
  return PrintUntil(invocation, options, "pinned_until", nullptr);
}

absl::StatusOr<ExitCode> Compact(Invocation& invocation, const CareOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  const auto request = RequestOn<v1::CompactShardRequest>(options.id, options.guard);
  auto response = (*daemon)->CompactShard(request);
  if (!response.ok()) return response.status();
  return ShowBegun(invocation, response->operation(), options.wait);
}

// ---- Verification.

std::vector<Column> VerifiedColumns() {
  return {{"shard"},
          {"operation"},
          {"state"},
          {"accounts", false, true},
          {"entries", false, true},
          {"bytes", false, true},
          {"records", false, true},
          {"checksum"},
          {"errors", false, true},
          {"first_error"}};
}

Row VerifiedRow(const std::string& shard, const std::string& operation, const Cell& state,
                const v1::ShardTotals& totals) {
  Row row;
  row.Add(TextCell(shard));
  row.Add(operation.empty() ? Cell(nullptr, "-") : TextCell(operation));
  row.Add(state);
  row.Add(NumberCell(totals.account_count()));
  row.Add(NumberCell(totals.entry_count()));
  row.Add(BytesCell(totals.byte_count()));
  row.Add(NumberCell(totals.record_count()));
  row.Add(ChecksumCell(totals.checksum()));
  Cell errors = NumberCell(totals.error_count());
  if (totals.error_count() > 0) errors.tone = Tone::kBad;
  row.Add(errors);
  row.Add(TextCell(totals.first_error(), Tone::kBad));
  return row;
}

void AddTotals(const v1::ShardTotals& more, v1::ShardTotals& sum) {
  sum.set_account_count(sum.account_count() + more.account_count());
  sum.set_entry_count(sum.entry_count() + more.entry_count());
  sum.set_byte_count(sum.byte_count() + more.byte_count());
  sum.set_record_count(sum.record_count() + more.record_count());
  sum.set_checksum(sum.checksum() + more.checksum());
  sum.set_error_count(sum.error_count() + more.error_count());
}

// One that runs and one that is ready: the daemon reads one shard after the other, and a split must
// not wait behind many.
constexpr size_t kVerificationsAtOnceMax = 2;

// Verifications, some at once, and their sums.
class Verifier {
 public:
  // Called with the error of a shard that does not exist, or no more.
  using OnGone = std::function<absl::Status(const absl::Status&)>;

  Verifier(Invocation& invocation, client::Client& daemon, const GuardOptions& guard)
      : invocation_(invocation),
        daemon_(daemon),
        guard_(guard),
        writer_(invocation.Rows("verifications", VerifiedColumns())) {}

  // Verifies shards, one that is busy when it no longer is, and shows what was found in their
  // order.
  absl::Status Verify(const std::vector<std::string>& ids, const OnGone& on_gone) {
    auto next = ids.begin();
    std::deque<Begun> under_way;
    while (next != ids.end() || !under_way.empty()) {
      absl::Status refused;
      while (refused.ok() && next != ids.end() && under_way.size() < kVerificationsAtOnceMax) {
        Begun begun = Begin(*next);
        const absl::Status& status = begun.operation.status();
        if (!status.ok() && !absl::IsNotFound(status)) {
          refused = status;
        } else {
          under_way.push_back(std::move(begun));
          ++next;
        }
      }
      // The end of another one may make room.
      if (under_way.empty()) {
        const absl::Status free = AwaitFree(refused);
        if (!free.ok()) return free;
        continue;
      }
      const Begun first = std::move(under_way.front());
      under_way.pop_front();
      const absl::Status status =
          first.operation.ok() ? Await(first) : on_gone(first.operation.status());
      if (!status.ok()) {
        NoteLeft(under_way);
        return status;
      }
    }
    return absl::OkStatus();
  }

  ExitCode Finish() {
    const bool good = sum_.error_count() == 0;
    const Cell state = good ? TextCell("good", Tone::kGood) : TextCell("contradictory", Tone::kBad);
    const Row total = VerifiedRow("total", "", state, sum_);
    Json sums = RowJson(VerifiedColumns(), total);
    for (const char* key : {"shard", "operation", "first_error"}) sums.erase(key);
    if (count_ > 1 && !invocation_.machine_readable()) writer_.Add(total);
    writer_.Finish({{"total", std::move(sums)}});
    return good ? kOk : kUnhealthy;
  }

 private:
  struct Begun {
    std::string shard;
    absl::StatusOr<std::string> operation;  // its id
  };

  Begun Begin(const std::string& id) {
    auto begun = daemon_.VerifyShard(RequestOn<v1::VerifyShardRequest>(id, guard_));
    if (!begun.ok()) return {id, begun.status()};
    return {id, begun->operation().id()};
  }

  // Waits for the operation that works on the shard. Any other refusal is returned.
  absl::Status AwaitFree(const absl::Status& refused) {
    const client::ErrorDetail detail = client::DetailOf(refused);
    const auto busy_with = detail.metadata.find("operation");
    if (detail.reason != v1::ERROR_REASON_SHARD_BUSY || busy_with == detail.metadata.end()) {
      return refused;
    }
    const absl::Status ended =
        AwaitOperation(invocation_, busy_with->second, absl::InfiniteDuration()).status();
    // It may have been forgotten since.
    return absl::IsNotFound(ended) ? absl::OkStatus() : ended;
  }

  // REQUIRES: it was begun.
  absl::Status Await(const Begun& begun) {
    const auto ended = AwaitOperation(invocation_, *begun.operation, absl::InfiniteDuration());
    if (!ended.ok()) return ended.status();
    // One that found contradictions has failed, but says what it found.
    if (!ended->has_totals()) {
      const absl::Status failed = client::FromOperation(*ended);
      return failed.ok() ? absl::InternalError("the verification has no totals") : failed;
    }
    const bool good = ended->totals().error_count() == 0;
    const Cell state = good ? TextCell("good", Tone::kGood) : TextCell("contradictory", Tone::kBad);
    writer_.Add(VerifiedRow(begun.shard, ended->id(), state, ended->totals()));
    AddTotals(ended->totals(), sum_);
    ++count_;
    return absl::OkStatus();
  }

  void NoteLeft(const std::deque<Begun>& under_way) {
    std::vector<std::string> left;
    for (const Begun& begun : under_way) {
      if (begun.operation.ok()) left.push_back(*begun.operation);
    }
    if (left.empty()) return;
    invocation_.Note(absl::StrCat("Begun and not waited for: ", absl::StrJoin(left, ", ")));
  }

  Invocation& invocation_;
  client::Client& daemon_;
  const GuardOptions guard_;
  RowWriter writer_;
  v1::ShardTotals sum_;
  size_t count_ = 0;
};

// Begins verifications, or plans them.
absl::StatusOr<ExitCode> BeginVerifications(Invocation& invocation, client::Client& daemon,
                                            const std::vector<std::string>& ids,
                                            const GuardOptions& guard) {
  RowWriter writer = invocation.Rows("operations", OperationColumns());
  for (const std::string& id : ids) {
    auto begun = daemon.VerifyShard(RequestOn<v1::VerifyShardRequest>(id, guard));
    if (!begun.ok()) return begun.status();
    writer.Add(OperationRow(begun->operation()));
  }
  writer.Finish();
  return kOk;
}

absl::StatusOr<ExitCode> VerifyAndWait(Invocation& invocation, client::Client& daemon,
                                       const VerifyOptions& options) {
  Verifier verifier(invocation, daemon, options.guard);
  const absl::Status status =
      verifier.Verify(options.ids, [](const absl::Status& gone) { return gone; });
  if (!status.ok()) return status;
  return verifier.Finish();
}

// The shards may change meanwhile: one that is gone is passed over, and the sums are then of no one
// moment.
absl::StatusOr<ExitCode> VerifyAll(Invocation& invocation, client::Client& daemon,
                                   const VerifyOptions& options) {
  auto table = daemon.GetTable({});
  if (!table.ok()) return table.status();
  std::vector<std::string> ids;
  for (const v1::Route& route : table->table().routes()) ids.push_back(route.shard_id());
  if (options.guard.dry_run) return BeginVerifications(invocation, daemon, ids, options.guard);
  Verifier verifier(invocation, daemon, options.guard);
  const absl::Status status = verifier.Verify(ids, [&](const absl::Status& gone) {
    invocation.Note(absl::StrCat("passed over: ", gone.message()));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  const ExitCode code = verifier.Finish();
  auto after = daemon.GetTable({});
  if (after.ok() && after->table().epoch() != table->table().epoch()) {
    invocation.Note(absl::StrCat("The routing table went from epoch ", table->table().epoch(),
                                 " to ", after->table().epoch(),
                                 " meanwhile: the total is of no one moment."));
  }
  return code;
}

absl::StatusOr<ExitCode> Verify(Invocation& invocation, const VerifyOptions& options) {
  if (options.all == !options.ids.empty()) {
    return absl::InvalidArgumentError("give the ids of shards, or --all");
  }
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  if (options.all) return VerifyAll(invocation, **daemon, options);
  if (options.wait && !options.guard.dry_run) return VerifyAndWait(invocation, **daemon, options);
  return BeginVerifications(invocation, **daemon, options.ids, options.guard);
}

CLI::App* AddCare(CommandTree& tree, CLI::App* group, const std::string& name,
                  const std::string& description, const std::vector<std::string>& examples,
                  absl::StatusOr<ExitCode> (*run)(Invocation&, const CareOptions&),
                  const std::shared_ptr<CareOptions>& options) {
  CLI::App* app =
      tree.Add(group, name, description, examples,
               [run, options](Invocation& invocation) { return run(invocation, *options); });
  AddShardId(app, &options->id);
  AddGuard(app, &options->guard);
  return app;
}

}  // namespace

void AddShardCareCommands(CommandTree& tree, CLI::App* group) {
  auto pause = std::make_shared<CareOptions>();
  CLI::App* app = AddCare(tree, group, "pause", "Let the requests to a shard wait for a while.",
                          {"shardctl shard pause s-0001 --for 10s"}, Pause, pause);
  AddDuration(app, "--for", &pause->duration, "For how long, 1h at most (default 1m).");
  AddCare(tree, group, "resume", "End a shard's pause.", {"shardctl shard resume s-0001"}, Resume,
          std::make_shared<CareOptions>());

  auto pin = std::make_shared<CareOptions>();
  app = AddCare(tree, group, "pin", "Keep a shard from being split, merged or moved for a while.",
                {"shardctl shard pin s-0001 --for 24h"}, Pin, pin);
  AddDuration(app, "--for", &pin->duration, "For how long, a year at most.")->required();
  AddCare(tree, group, "unpin", "End a shard's pin.", {"shardctl shard unpin s-0001"}, Unpin,
          std::make_shared<CareOptions>());

  auto compact = std::make_shared<CareOptions>();
  AddCare(tree, group, "compact", "Rewrite what is stored of a shard without what is obsolete.",
          {"shardctl shard compact s-0001 --wait"}, Compact, compact)
      ->add_flag("--wait", compact->wait, "Wait until it has ended, and fail as it did.");

  auto verify = std::make_shared<VerifyOptions>();
  app = tree.Add(group, "verify",
                 "Read all records of shards and compare them with each other and with their "
                 "counts; 7 if they contradict each other.",
                 {"shardctl shard verify s-0001 --wait", "shardctl shard verify --all --wait"},
                 [verify](Invocation& invocation) { return Verify(invocation, *verify); });
  app->add_option("SHARD", verify->ids, "The shards' ids: s-NNNN.");
  AddGuard(app, &verify->guard);
  app->add_flag("--all", verify->all, "All shards, two at a time; waits for each.");
  app->add_flag("--wait", verify->wait, "Wait until they have ended, and show what they found.");
}

}  // namespace shardd::shardctl
