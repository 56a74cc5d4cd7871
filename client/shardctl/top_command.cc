#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/shardctl/balancer_summary.h"
#include "client/shardctl/command.h"
#include "client/shardctl/live_screen.h"
#include "client/shardctl/message_matrix.h"
#include "client/shardctl/present.h"
#include "client/shardctl/shard_rates.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

constexpr absl::Duration kIntervalDefault = absl::Seconds(1);
// Rates over less time than this would jump.
constexpr absl::Duration kIntervalMin = absl::Milliseconds(200);
// Those that run are nearly always among the newest.
constexpr int kTopOperationsLooked = 50;

struct TopOptions {
  LiveOptions live;
  RateOrder order = RateOrder::kOperations;
  size_t limit = 0;
  bool once = false;
};

constexpr Choice<RateOrder> kOrders[] = {{"ops", RateOrder::kOperations},
                                         {"busy", RateOrder::kBusy},
                                         {"mailbox", RateOrder::kMailbox},
                                         {"accounts", RateOrder::kAccounts},
                                         {"bytes", RateOrder::kBytes}};

const char* NameOf(RateOrder order) {
  for (const Choice<RateOrder>& item : kOrders) {
    if (item.value == order) return item.name;
  }
  return "";
}

std::vector<Column> TopColumns() {
  return {{"shard"},
          {"state"},
          {"operations_per_second", false, true, "ops/s"},
          {"batches_per_second", true, true, "batches/s"},
          {"busy"},
          {"mailbox", false, true},
          {"accounts", false, true},
          {"bytes", false, true},
          {"home"},
          {"thread"},
          {"phase"},
          {"operation"}};
}

Cell TopRateCell(double rate) {
  const double rounded = static_cast<double>(static_cast<int64_t>(rate * 10 + 0.5)) / 10;
  return Cell(rounded, Thousands(static_cast<uint64_t>(rate + 0.5)));
}

Cell BusyCell(double busy) {
  constexpr int kCells = 10;
  const int full = static_cast<int>(busy * kCells + 0.5);
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "█" : "░";
  const Tone tone = busy > 0.9 ? Tone::kWarn : Tone::kPlain;
  return Cell(static_cast<double>(static_cast<int>(busy * 1000 + 0.5)) / 1000,
              absl::StrFormat("%s %3d%%", bar, static_cast<int>(busy * 100 + 0.5)), tone);
}

Row TopRow(const ShardRate& rate, const ShardSample& sample) {
  const v1::Shard& shard = rate.shard;
  const auto thread = sample.threads.find(shard.thread_id());
  Row row;
  row.Add(TextCell(shard.id()));
  row.Add(ShardStateCell(shard.state()));
  row.Add(TopRateCell(rate.operations_per_second));
  row.Add(TopRateCell(rate.batches_per_second));
  row.Add(BusyCell(rate.busy));
  row.Add(NumberCell(shard.mailbox_depth()));
  row.Add(NumberCell(shard.account_count()));
  row.Add(BytesCell(shard.byte_count()));
  row.Add(TextCell(shard.home()));
  row.Add(TextCell(shard.thread_id()));
  row.Add(TextCell(thread == sample.threads.end()
                       ? ""
                       : EnumWord(v1::ThreadPhase_Name(thread->second.phase()), "THREAD_PHASE_")));
  row.Add(TextCell(shard.operation_id()));
  return row;
}

// Looks at the daemon again and again, and shows what went on between two looks.
class Top {
 public:
  Top(Invocation& invocation, client::Client& daemon, const TopOptions& options)
      : invocation_(invocation), daemon_(daemon), options_(options), order_(options.order) {}

  absl::Status Draw(const TerminalSize& size, std::ostream& out) {
    if (const absl::Status looked = LookAgain(); !looked.ok()) return looked;
    Sort(order_, rates_);
    double operations = 0;
    uint64_t mailbox = 0;
    for (const ShardRate& rate : rates_) {
      operations += rate.operations_per_second;
      mailbox += rate.shard.mailbox_depth();
    }
    if (!invocation_.machine_readable()) PrintHeading(operations, mailbox, out);
    RowWriter writer(out, invocation_.rows_options(), "top", TopColumns());
    const size_t rows = std::min(rates_.size(), RowsMax(size));
    for (size_t i = 0; i < rows; ++i) writer.Add(TopRow(rates_[i], *now_));
    Json more = {{"time", Rfc3339(now_->time)},
                 {"epoch", JsonNumber(now_->epoch)},
                 {"shards", JsonNumber(now_->shards.size())},
                 {"operations_per_second", TopRateCell(operations).json},
                 {"mailbox", JsonNumber(mailbox)}};
    const bool balanced = balancer_.has_value();
    more["hot_accounts"] = balanced ? HotAccountsJson(balancer_->load) : Json();
    more["balancer"] = balanced ? BalancerJson(*balancer_) : Json();
    more["operations"] = balanced ? RunningJson(*balancer_) : Json();
    more["messages"] = messages_.has_value() ? MessageRatesJson(*messages_) : Json();
    writer.Finish(more);
    if (invocation_.machine_readable()) return absl::OkStatus();
    if (messages_.has_value()) PrintMessages(out);
    if (balanced) PrintBalancing(out);
    return absl::OkStatus();
  }

  // The next order; whether to draw at once.
  bool OnKey(char key) {
    if (key != 's' && key != 'S') return false;
    const auto current =
        std::find_if(std::begin(kOrders), std::end(kOrders),
                     [this](const Choice<RateOrder>& item) { return item.value == order_; });
    order_ = current + 1 == std::end(kOrders) ? kOrders[0].value : (current + 1)->value;
    return true;
  }

 private:
  size_t RowsMax(const TerminalSize& size) const {
    constexpr size_t kLinesBesides = 5;
    if (options_.limit > 0) return options_.limit;
    const bool fits_screen = !options_.once && invocation_.terminal.out_is_tty;
    if (!fits_screen || invocation_.machine_readable()) return rates_.size();
    const size_t other_lines = kLinesBesides + MessagesLines();
    return std::max<size_t>(size.height, other_lines + 1) - other_lines;
  }

  absl::Status LookAgain() {
    if (!now_.has_value()) {
      if (absl::Status status = Look(); !status.ok()) return status;
      invocation_.clock.Wait(options_.live.interval > absl::ZeroDuration()
                                 ? std::min(options_.live.interval, kIntervalDefault)
                                 : kIntervalDefault);
    }
    // Only another order was asked for.
    if (!rates_.empty() && invocation_.clock.Now() - now_->time < kIntervalMin) {
      return absl::OkStatus();
    }
    const ShardSample before = *now_;
    if (absl::Status status = Look(); !status.ok()) return status;
    rates_ = RatesBetween(before, *now_);
    return absl::OkStatus();
  }

  absl::Status Look() {
    constexpr int kPageMax = 1000;
    ShardSample sample;
    auto threads = daemon_.ListThreads({});
    if (!threads.ok()) return threads.status();
    for (const v1::Thread& thread : threads->threads()) sample.threads[thread.id()] = thread;
    v1::ListShardsRequest request;
    request.set_page_size(kPageMax);
    const absl::Status status =
        daemon_.ShardPages(request).ForEach([&sample](const v1::ListShardsResponse& page) {
          sample.shards.insert(sample.shards.end(), page.shards().begin(), page.shards().end());
          sample.epoch = page.epoch();
          return absl::OkStatus();
        });
    if (!status.ok()) return status;
    sample.time = invocation_.clock.Now();
    now_ = std::move(sample);
    balancer_ = LookAtBalancer(daemon_, kTopOperationsLooked);
    messages_ = LookAtMessages(daemon_);
    return absl::OkStatus();
  }

  void PrintHeading(double operations, uint64_t mailbox, std::ostream& out) const {
    out << Thousands(static_cast<uint64_t>(operations + 0.5)) << " ops/s   " << Thousands(mailbox)
        << " waiting   " << now_->shards.size() << " shards   epoch " << now_->epoch << "   by "
        << NameOf(order_);
    if (!options_.once && invocation_.terminal.out_is_tty) {
      out << "   [q]uit [s]ort [space]pause";
    }
    out << "\n";
  }

  // How many more lines than one PrintMessages writes.
  size_t MessagesLines() const {
    const size_t lines = messages_.has_value() ? MatrixLines(*messages_).size() : 0;
    return lines > 0 ? lines - 1 : 0;
  }

  void PrintMessages(std::ostream& out) const {
    const std::vector<std::string> lines = MatrixLines(*messages_);
    if (lines.empty()) out << "MESSAGES/S    none\n";
    for (size_t i = 0; i < lines.size(); ++i) {
      out << (i == 0 ? "MESSAGES/S    " : "              ") << lines[i] << "\n";
    }
  }

  // The balancer's last check is as good a now as the daemon's, for what it did minutes ago.
  void PrintBalancing(std::ostream& out) const {
    const v1::GetLoadResponse& load = balancer_->load;
    const absl::Time now = FromProto(load.time());
    out << "HOT ACCOUNTS  " << HotAccountsLine(load) << "\n";
    out << "BALANCER      " << BalancerLine(*balancer_, now);
    for (const v1::Operation& operation : RunningOf(balancer_->operations)) {
      out << "   " << ProgressLine(operation, load);
    }
    out << "\n";
  }

  Invocation& invocation_;
  client::Client& daemon_;
  const TopOptions& options_;
  RateOrder order_;
  // Nothing if the daemon does not say.
  std::optional<BalancerSummary> balancer_;
  std::optional<v1::GetMessageRatesResponse> messages_;
  std::optional<ShardSample> now_;
  std::vector<ShardRate> rates_;
};

absl::StatusOr<ExitCode> RunTop(Invocation& invocation, const TopOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  Top top(invocation, **daemon, options);
  LiveOptions live = options.live;
  if (options.once) live.interval = absl::ZeroDuration();
  return ShowLive(
      invocation, live,
      {.draw = [&top](const TerminalSize& size, std::ostream& out) { return top.Draw(size, out); },
       .on_key = [&top](char key) { return top.OnKey(key); }});
}

}  // namespace

void AddTopCommand(CommandTree& tree) {
  auto options = std::make_shared<TopOptions>();
  options->live.interval = kIntervalDefault;
  CLI::App* app = tree.Add(
      nullptr, "top", "Show what the shards are doing, the busiest first, until interrupted.",
      {"shardctl top", "shardctl top --sort mailbox --limit 10", "shardctl top --once -o json"},
      [options](Invocation& invocation) { return RunTop(invocation, *options); });
  AddDuration(app, "--interval", &options->live.interval,
              "From one look to the next (default 1s).");
  AddChoice(app, "--sort", &options->order, kOrders,
            "What comes first: ops, busy, mailbox, accounts or bytes (default ops; the key s "
            "changes it).")
      ->type_name("COLUMN");
  app->add_option("--limit", options->limit, "How many shards to show (default those that fit).")
      ->type_name("N");
  app->add_option("--count", options->live.count, "Stop after this many looks (default never).")
      ->type_name("N");
  app->add_flag("--once", options->once, "Look twice, an interval apart, and show that once.");
}

}  // namespace shardd::shardctl
