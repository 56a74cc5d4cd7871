#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "client/shardctl/command.h"
#include "client/shardctl/following.h"
#include "client/shardctl/live_screen.h"
#include "client/shardctl/present.h"
#include "client/shardctl/thread_rows.h"
#include "client/shardctl/thread_stacks.h"
#include "client/shardctl/thread_top.h"

namespace shardd::shardctl {
namespace {

struct ThreadListOptions {
  bool all = false;
  LiveOptions live;
};

absl::StatusOr<ExitCode> ListThreads(Invocation& invocation, const ThreadListOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListThreadsRequest request;
  request.set_own_only(!options.all);
  LiveView view;
  view.draw = [&](const TerminalSize&, std::ostream& out) -> absl::Status {
    auto response = (*daemon)->ListThreads(request);
    if (!response.ok()) return response.status();
    RowWriter writer(out, invocation.rows_options(), "threads", ThreadColumns());
    for (const v1::Thread& thread : response->threads()) {
      if (options.all || IsLiveAndOwn(thread)) writer.Add(ThreadRow(thread));
    }
    writer.Finish();
    return absl::OkStatus();
  };
  return ShowLive(invocation, options.live, view);
}

absl::StatusOr<ExitCode> GetThread(Invocation& invocation, const std::string& id) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::GetThreadRequest request;
  request.set_id(id);
  auto response = (*daemon)->GetThread(request);
  if (!response.ok()) return response.status();
  PrintObject(invocation.terminal.out, invocation.rows_options(), "thread", ThreadColumns(),
              ThreadRow(response->thread()));
  return kOk;
}

struct WatchThreadsOptions {
  uint64_t from_revision = 0;
  FollowOptions follow;
};

void PrintEvent(Invocation& invocation, const v1::ThreadEvent& event) {
  const std::vector<Column> columns = ThreadEventColumns();
  const Row row = ThreadEventRow(event);
  if (invocation.machine_readable()) {
    PrintFollowed(invocation, columns, row);
  } else {
    // Revision, time and event; the message says the rest.
    Row line;
    line.cells = {row.cells[0], row.cells[1], row.cells[2], row.cells.back()};
    PrintFollowed(invocation, columns, line);
  }
  invocation.terminal.out.flush();
}

// The oldest event that can still be had, if `status` says that those asked for cannot.
std::optional<uint64_t> OldestKept(const absl::Status& status) {
  const client::ErrorDetail detail = client::DetailOf(status);
  const auto found = detail.metadata.find("oldest_revision");
  uint64_t revision = 0;
  if (detail.reason != v1::ERROR_REASON_REVISION_COMPACTED || found == detail.metadata.end() ||
      !absl::SimpleAtoi(found->second, &revision)) {
    return std::nullopt;
  }
  return revision;
}

absl::StatusOr<ExitCode> WatchThreads(Invocation& invocation, const WatchThreadsOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::WatchThreadsRequest request;
  request.set_start_revision(options.from_revision);
  FollowOptions follow = options.follow;
  for (bool begun = false;;) {
    auto result = Follow<v1::WatchThreadsResponse>(
        invocation, follow, (*daemon)->random(), [&] { return (*daemon)->WatchThreads(request); },
        [&](const v1::WatchThreadsResponse& response, size_t max) {
          begun = true;
          size_t taken = 0;
          for (; taken < max && static_cast<int>(taken) < response.events_size(); ++taken) {
            PrintEvent(invocation, response.events(static_cast<int>(taken)));
          }
          if (follow.count > 0) follow.count -= taken;
          request.set_start_revision(response.progress_revision() + 1);
          return taken;
        });
    const std::optional<uint64_t> oldest = OldestKept(result.status());
    if (!begun || !oldest.has_value()) return result;
    // The daemon was started anew since, or much has happened while it was away.
    invocation.Note(absl::StrCat("events were lost; going on with revision ", *oldest));
    request.set_start_revision(*oldest);
    begun = false;
  }
}

absl::StatusOr<ExitCode> Stack(Invocation& invocation, const std::string& id) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::DumpStacksRequest request;
  request.set_thread_id(id);
  auto stream = (*daemon)->DumpStacks(request);
  std::vector<v1::ThreadStack> stacks;
  for (;;) {
    auto next = stream.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    stacks.insert(stacks.end(), (*next)->stacks().begin(), (*next)->stacks().end());
  }
  if (!invocation.machine_readable()) {
    PrintStacks(stacks, invocation.rows_options().color, invocation.terminal.out);
    return kOk;
  }
  RowWriter writer = invocation.Rows("stacks", StackColumns());
  for (const v1::ThreadStack& stack : stacks) writer.Add(StackRow(stack));
  writer.Finish();
  return kOk;
}

constexpr Choice<ThreadOrder> kThreadOrders[] = {{"busy", ThreadOrder::kBusy},
                                                 {"cpu", ThreadOrder::kCpu},
                                                 {"name", ThreadOrder::kName},
                                                 {"queue", ThreadOrder::kQueue}};

struct TopThreadsOptions {
  bool once = false;
  ThreadOrder order = ThreadOrder::kBusy;
  LiveOptions live{.interval = absl::Seconds(1)};
};

absl::StatusOr<ExitCode> TopThreads(Invocation& invocation, const TopThreadsOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListThreadsRequest request;
  request.set_own_only(true);
  ThreadTop top;
  top.set_order(options.order);
  const auto update = [&]() -> absl::Status {
    auto response = (*daemon)->ListThreads(request);
    if (!response.ok()) return response.status();
    top.Update(invocation.clock.Now(), *response);
    return absl::OkStatus();
  };
  LiveView view;
  view.on_key = [&top](char key) { return top.OnKey(key); };
  view.draw = [&](const TerminalSize& size, std::ostream& out) -> absl::Status {
    if (const absl::Status updated = update(); !updated.ok()) return updated;
    const RowsOptions rows = invocation.rows_options();
    if (!invocation.machine_readable()) {
      top.PrintScreen(size, rows.color, out);
      return absl::OkStatus();
    }
    RowWriter writer(out, rows, "threads", ThreadTop::Columns());
    for (const Row& row : top.Rows()) writer.Add(row);
    writer.Finish();
    return absl::OkStatus();
  };
  LiveOptions live = options.live;
  if (options.once) {
    // What threads do in a while takes a while to know.
    if (const absl::Status updated = update(); !updated.ok()) return updated;
    invocation.clock.Wait(live.interval);
    live.interval = absl::ZeroDuration();
  }
  return ShowLive(invocation, live, view);
}

void AddList(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<ThreadListOptions>();
  CLI::App* app =
      tree.Add(group, "list", "List the daemon's threads and what they are doing.",
               {"shardctl thread list -o wide", "shardctl thread list --watch=5s"},
               [options](Invocation& invocation) { return ListThreads(invocation, *options); });
  app->add_flag("--all", options->all,
                "Also threads that have stopped lately, and those of libraries.");
  AddWatchOptions(app, &options->live);
}

void AddWatch(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<WatchThreadsOptions>();
  CLI::App* app =
      tree.Add(group, "watch", "Show threads start, stall, recover and stop, until interrupted.",
               {"shardctl thread watch", "shardctl thread watch --from-revision 1 -o jsonl"},
               [options](Invocation& invocation) { return WatchThreads(invocation, *options); });
  app->add_option("--from-revision", options->from_revision,
                  "The first event to show (default the next one; 1 is the first since the daemon "
                  "started).")
      ->type_name("N");
  AddFollowOptions(app, &options->follow);
}

void AddTop(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<TopThreadsOptions>();
  CLI::App* app =
      tree.Add(group, "top", "Show the busiest threads, each second anew.",
               {"shardctl thread top", "shardctl thread top --once -o json"},
               [options](Invocation& invocation) { return TopThreads(invocation, *options); });
  app->add_flag("--once", options->once, "Look for one interval, print, and end.");
  AddDuration(app, "--interval", &options->live.interval, "How often to look (default 1s).");
  app->add_option("--count", options->live.count, "Stop after this many times (default never).")
      ->type_name("N");
  AddChoice(app, "--sort", &options->order, kThreadOrders,
            "What comes first: busy, cpu, queue or name (default busy).")
      ->type_name("ORDER");
}

}  // namespace

void AddThreadCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("thread", "The daemon's threads and what they are doing.");
  AddList(tree, group);

  auto id = std::make_shared<std::string>();
  tree.Add(group, "get", "Show a thread.", {"shardctl thread get t-1"},
           [id](Invocation& invocation) { return GetThread(invocation, *id); })
      ->add_option("THREAD", *id, "The thread's id: t-N.")
      ->required();

  AddWatch(tree, group);

  auto stack_of = std::make_shared<std::string>();
  tree.Add(group, "stack", "Show where threads are in the code.",
           {"shardctl thread stack", "shardctl thread stack t-1"},
           [stack_of](Invocation& invocation) { return Stack(invocation, *stack_of); })
      ->add_option("THREAD", *stack_of, "The thread's id (default all threads).");

  AddTop(tree, group);
}

}  // namespace shardd::shardctl
