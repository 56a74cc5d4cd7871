#include "client/shardctl/command.h"
#include "client/shardctl/rows.h"

namespace shardd::shardctl {
namespace {

absl::StatusOr<ExitCode> GetConfig(Invocation& invocation) {
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->GetConfig(v1::GetConfigRequest());
  if (!response.ok()) return response.status();
  RowWriter writer = invocation.Rows("config", {{"key"}, {"value"}, {"origin"}, {"help", true}});
  for (const v1::ConfigValue& value : response->values()) {
    Row row;
    const Tone tone = value.origin() == "default" ? Tone::kPlain : Tone::kBold;
    row.Add(TextCell(value.key(), tone));
    row.Add(TextCell(value.value(), tone));
    row.Add(TextCell(value.origin(), tone));
    row.Add(TextCell(value.help()));
    writer.Add(row);
  }
  writer.Finish();
  return kOk;
}

}  // namespace

void AddConfigCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("config", "The daemon's configuration.");
  tree.Add(group, "get", "Show the configuration in force and where each value comes from.",
           {"shardctl config get", "shardctl config get -o wide"}, GetConfig);
}

}  // namespace shardd::shardctl
