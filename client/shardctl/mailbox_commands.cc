#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "client/error.h"
#include "client/retry.h"
#include "client/shardctl/command.h"
#include "client/shardctl/following.h"
#include "client/shardctl/live_list.h"
#include "client/shardctl/present_messages.h"

namespace shardd::shardctl {
namespace {

constexpr absl::Duration kWatchInterval = absl::Seconds(1);
// Less would only be load.
constexpr absl::Duration kWatchIntervalMin = absl::Milliseconds(100);
// How long an interrupt may go unnoticed.
constexpr absl::Duration kInterruptInterval = absl::Milliseconds(100);

struct MailboxListOptions {
  std::string name_space;
  std::string id;
  LiveListOptions list;
};

struct MailboxWatchOptions {
  std::string name_space;
  std::string id;
  absl::Duration interval = kWatchInterval;
  FollowOptions follow;
};

v1::ListMailboxRequest MailboxOf(const std::string& name_space, const std::string& id) {
  v1::ListMailboxRequest request;
  request.mutable_account()->set_namespace_(name_space);
  request.mutable_account()->set_id(id);
  return request;
}

absl::StatusOr<ExitCode> ListMailbox(Invocation& invocation, const MailboxListOptions& options) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  v1::ListMailboxRequest request = MailboxOf(options.name_space, options.id);
  SetPage(options.list.page, request);
  return ShowPages(
      invocation, options.list, {"messages", MailboxMessageColumns()},
      [&] { return (*daemon)->MailboxPages(request); },
      [](const v1::ListMailboxResponse& page, RowWriter& writer) {
        for (const v1::MailboxMessage& message : page.messages()) {
          writer.Add(MailboxMessageRow(message));
        }
        return page.messages().size();
      });
}

// Prints what is in a mailbox, and then what comes, each once.
class MailboxWatch {
 public:
  MailboxWatch(Invocation& invocation, client::Client& daemon, const MailboxWatchOptions& options)
      : invocation_(invocation),
        daemon_(daemon),
        options_(options),
        request_(MailboxOf(options.name_space, options.id)),
        left_(options.follow.count > 0 ? options.follow.count
                                       : std::numeric_limits<size_t>::max()) {}

  absl::StatusOr<ExitCode> Run() {
    const Interrupt::Scope scope(invocation_.interrupt, [] {});
    client::Backoff backoff(client::RetryPolicy(), daemon_.random());
    absl::Time give_up = invocation_.clock.Now() + options_.follow.retry_for;
    while (true) {
      const absl::Status looked = PrintNew();
      const absl::Time now = invocation_.clock.Now();
      absl::Duration wait = options_.interval;
      if (looked.ok()) {
        backoff.Reset();
        give_up = now + options_.follow.retry_for;
      } else {
        if (!client::IsTransient(looked)) return looked;
        wait = std::max(wait, backoff.Next(looked));
        if (now + wait > give_up) return looked;
      }
      if (left_ == 0) return kOk;
      Await(now + wait);
      if (invocation_.interrupt.requested()) return kInterrupted;
    }
  }

 private:
  absl::Status PrintNew() {
    auto pages = daemon_.MailboxPages(request_);
    while (left_ > 0 && !invocation_.interrupt.requested()) {
      auto page = pages.Next();
      if (!page.ok()) return page.status();
      if (!page->has_value()) break;
      for (const v1::MailboxMessage& message : (*page)->messages()) {
        if (left_ == 0) break;
        --left_;
        PrintFollowed(invocation_, MailboxMessageColumns(), MailboxMessageRow(message));
        request_.set_start_number(message.number() + 1);
      }
      invocation_.terminal.out.flush();
    }
    return absl::OkStatus();
  }

  // Returns then, or when interrupted.
  void Await(absl::Time time) {
    while (!invocation_.interrupt.requested()) {
      const absl::Duration left = time - invocation_.clock.Now();
      if (left <= absl::ZeroDuration()) return;
      invocation_.clock.Wait(std::min(left, kInterruptInterval));
    }
  }

  Invocation& invocation_;
  client::Client& daemon_;
  const MailboxWatchOptions& options_;
  v1::ListMailboxRequest request_;
  size_t left_;  // to print
};

absl::StatusOr<ExitCode> WatchMailbox(Invocation& invocation, const MailboxWatchOptions& options) {
  if (options.interval < kWatchIntervalMin) {
    return absl::InvalidArgumentError("--interval is below 100ms");
  }
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  return MailboxWatch(invocation, **daemon, options).Run();
}

}  // namespace

void AddMailboxCommands(CommandTree& tree, CLI::App* group) {
  auto list = std::make_shared<MailboxListOptions>();
  CLI::App* app = tree.Add(
      group, "list", "List the messages of a mailbox; consumers get them all the same.",
      {"shardctl message list --namespace shop billing",
       "shardctl message list --namespace shop billing --all -o jsonl"},
      [list](Invocation& invocation) { return ListMailbox(invocation, *list); });
  AddNamespace(app, &list->name_space);
  app->add_option("ID", list->id, "The account's id.")->required();
  AddLiveListOptions(app, &list->list);

  auto watch = std::make_shared<MailboxWatchOptions>();
  app = tree.Add(
      group, "watch",
      "Show the messages of a mailbox as they come, until interrupted. Consumers get them all the "
      "same; one that is acknowledged between two looks is not shown.",
      {"shardctl message watch --namespace shop billing",
       "shardctl message watch --namespace shop billing --interval 200ms -o jsonl"},
      [watch](Invocation& invocation) { return WatchMailbox(invocation, *watch); });
  AddNamespace(app, &watch->name_space);
  app->add_option("ID", watch->id, "The account's id.")->required();
  AddDuration(app, "--interval", &watch->interval, "From one look to the next (default 1s).");
  AddFollowOptions(app, &watch->follow);
}

}  // namespace shardd::shardctl
