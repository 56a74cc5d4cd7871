#include <memory>
#include <string>

#include "client/shardctl/command.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

absl::StatusOr<ExitCode> List(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->ListThreads(v1::ListThreadsRequest());
  if (!response.ok()) return response.status();
  RowWriter writer = invocation.Rows("threads", ThreadColumns());
  for (const v1::Thread& thread : response->threads()) writer.Add(ThreadRow(thread));
  writer.Finish();
  return kOk;
}

absl::StatusOr<ExitCode> Get(Invocation& invocation, const std::string& id) {
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

}  // namespace

void AddThreadCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("thread", "The daemon's threads and what they are doing.");
  tree.Add(group, "list", "List all threads.", {"shardctl thread list -o wide"}, List);

  auto id = std::make_shared<std::string>();
  tree.Add(group, "get", "Show a thread.", {"shardctl thread get t-1"},
           [id](Invocation& invocation) { return Get(invocation, *id); })
      ->add_option("THREAD", *id, "The thread's id: t-N.")
      ->required();
}

}  // namespace shardd::shardctl
