#include "client/shardctl/following.h"

#include "absl/strings/str_cat.h"

namespace shardd::shardctl {

void AddFollowOptions(CLI::App* app, FollowOptions* options) {
  AddDuration(app, "--retry-for", &options->retry_for,
              "How long the daemon may be away before the watch is given up (default 30s).");
  app->add_option("--count", options->count, "Stop after this many changes (default never).")
      ->type_name("N");
}

void PrintFollowed(Invocation& invocation, const std::vector<Column>& columns, const Row& row) {
  RowsOptions options = invocation.rows_options();
  if (invocation.machine_readable()) {
    // A document that never ends is no document: json is jsonl here.
    if (options.format == Format::kJson) options.format = Format::kJsonl;
    if (options.format == Format::kCsv) {
      for (size_t i = 0; i < row.cells.size(); ++i) {
        invocation.terminal.out << (i == 0 ? "" : ",") << CsvText(row.cells[i]);
      }
      invocation.terminal.out << "\n";
      return;
    }
    RowWriter writer(invocation.terminal.out, options, "changes", columns);
    writer.Add(row);
    return;
  }
  for (size_t i = 0; i < row.cells.size(); ++i) {
    invocation.terminal.out << (i == 0 ? "" : "  ") << row.cells[i].text;
  }
  invocation.terminal.out << "\n";
}

bool HasContent(const v1::WatchAccountResponse& response) { return response.changes_size() > 0; }

bool HasContent(const v1::WatchTableResponse& response) {
  return response.has_table() || response.has_diff();
}

}  // namespace shardd::shardctl
