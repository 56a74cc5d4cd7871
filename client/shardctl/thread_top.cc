#include "client/shardctl/thread_top.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/shardctl/present.h"
#include "client/shardctl/text.h"
#include "client/shardctl/thread_rows.h"

namespace shardd::shardctl {
namespace {

std::string BusyBar(double ratio) {
  constexpr int kCells = 20;
  const int full = std::clamp(static_cast<int>(std::lround(ratio * kCells)), 0, kCells);
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "█" : "·";
  return bar;
}

Cell RateCell(const std::optional<double>& rate) {
  if (!rate.has_value()) return Cell(nullptr, "-");
  return Cell(std::round(*rate), Thousands(static_cast<uint64_t>(std::max(*rate, 0.0))));
}

Tone ToneOf(const v1::Thread& thread) {
  if (thread.state() == v1::THREAD_STATE_STALLED) return Tone::kBad;
  return thread.busy_ratio() > 0.9 ? Tone::kWarn : Tone::kPlain;
}

absl::string_view NameOf(ThreadOrder order) {
  switch (order) {
    case ThreadOrder::kBusy:
      return "busy";
    case ThreadOrder::kCpu:
      return "cpu";
    case ThreadOrder::kQueue:
      return "queue";
    case ThreadOrder::kName:
      return "name";
  }
  return "";
}

}  // namespace

void ThreadTop::Update(absl::Time now, const v1::ListThreadsResponse& threads) {
  const double seconds = absl::ToDoubleSeconds(now - updated_);
  std::map<std::string, v1::Thread> current;
  items_.clear();
  for (const v1::Thread& thread : threads.threads()) {
    if (!IsLiveAndOwn(thread)) continue;
    Item item{.thread = thread, .cpu_ratio = std::nullopt, .items_per_second = std::nullopt};
    const auto before = before_.find(thread.id());
    if (before != before_.end() && seconds > 0) {
      const absl::Duration cpu_time =
          FromProto(thread.cpu_time()) - FromProto(before->second.cpu_time());
      item.cpu_ratio = std::max(absl::ToDoubleSeconds(cpu_time) / seconds, 0.0);
      item.items_per_second =
          static_cast<double>(thread.items_total() - before->second.items_total()) / seconds;
    }
    current[thread.id()] = thread;
    items_.push_back(std::move(item));
  }
  before_ = std::move(current);
  updated_ = now;
}

bool ThreadTop::OnKey(char key) {
  switch (key) {
    case 'b':
      order_ = ThreadOrder::kBusy;
      return true;
    case 'c':
      order_ = ThreadOrder::kCpu;
      return true;
    case 'd':
      order_ = ThreadOrder::kQueue;
      return true;
    case 'n':
      order_ = ThreadOrder::kName;
      return true;
    default:
      return false;
  }
}

std::vector<const ThreadTop::Item*> ThreadTop::Sorted() const {
  std::vector<const Item*> sorted;
  for (const Item& item : items_) sorted.push_back(&item);
  const auto weight = [this](const Item& item) {
    switch (order_) {
      case ThreadOrder::kBusy:
        return item.thread.busy_ratio();
      case ThreadOrder::kCpu:
        return item.cpu_ratio.value_or(0);
      case ThreadOrder::kQueue:
        return static_cast<double>(item.thread.queue_depth());
      case ThreadOrder::kName:
        break;
    }
    return 0.0;
  };
  std::sort(sorted.begin(), sorted.end(), [&](const Item* a, const Item* b) {
    const double weight_a = weight(*a);
    const double weight_b = weight(*b);
    if (weight_a != weight_b) return weight_a > weight_b;
    if (a->thread.name() != b->thread.name()) return a->thread.name() < b->thread.name();
    return a->thread.id() < b->thread.id();
  });
  return sorted;
}

std::vector<Column> ThreadTop::Columns() {
  return {{"name", false, false, "thread"},
          {"busy_ratio", false, true, "busy"},
          {"cpu_ratio", false, true, "cpu"},
          {"items_per_second", false, true, "items/s"},
          {"queue", false, true},
          {"queue_oldest_seconds", false, true, "oldest"},
          {"state"},
          {"phase"},
          {"phase_age_seconds", false, true, "for"},
          {"operation"},
          {"shard"},
          {"id", true},
          {"role", true}};
}

std::vector<Row> ThreadTop::Rows() const {
  std::vector<Row> rows;
  for (const Item* item : Sorted()) {
    const v1::Thread& thread = item->thread;
    Row row;
    row.Add(TextCell(thread.name(), ToneOf(thread)));
    row.Add(PercentCell(thread.busy_ratio()));
    row.Add(item->cpu_ratio.has_value() ? PercentCell(*item->cpu_ratio) : Cell(nullptr, "-"));
    row.Add(RateCell(item->items_per_second));
    row.Add(NumberCell(thread.queue_depth()));
    row.Add(DurationCell(FromProto(thread.queue_oldest_age())));
    row.Add(
        TextCell(EnumWord(v1::ThreadState_Name(thread.state()), "THREAD_STATE_"), ToneOf(thread)));
    row.Add(TextCell(EnumWord(v1::ThreadPhase_Name(thread.phase()), "THREAD_PHASE_")));
    row.Add(DurationCell(FromProto(thread.phase_age())));
    row.Add(TextCell(thread.operation()));
    row.Add(TextCell(thread.shard_id()));
    row.Add(TextCell(thread.id()));
    row.Add(TextCell(EnumWord(v1::ThreadRole_Name(thread.role()), "THREAD_ROLE_")));
    rows.push_back(std::move(row));
  }
  return rows;
}

void ThreadTop::PrintScreen(const TerminalSize& size, bool color, std::ostream& out) const {
  size_t stalled = 0;
  for (const Item& item : items_) {
    stalled += item.thread.state() == v1::THREAD_STATE_STALLED ? 1 : 0;
  }
  out << Paint(absl::StrCat(items_.size(), " threads"), Tone::kBold, color) << "  "
      << Paint(absl::StrCat(stalled, " stalled"), stalled > 0 ? Tone::kBad : Tone::kPlain, color)
      << "  by " << NameOf(order_)
      << Paint("   [q]uit  [space] stop  by [b]usy [c]pu queue [d]epth [n]ame", Tone::kFaint, color)
      << "\n";
  std::vector<Column> columns = Columns();
  columns[1].title = absl::StrCat("busy, ten seconds");
  RowsOptions options;
  options.format = Format::kTable;
  options.color = color;
  options.cell_width_max = std::max<size_t>(size.width / 3, 24);
  RowWriter writer(out, options, "threads", std::move(columns));
  for (Row& row : Rows()) {
    const double ratio = row.cells[1].json.get<double>();
    row.cells[1].text = absl::StrFormat("%s %4s", BusyBar(ratio), row.cells[1].text);
    writer.Add(row);
  }
  writer.Finish();
}

}  // namespace shardd::shardctl
