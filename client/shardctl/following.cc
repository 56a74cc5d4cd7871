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
  std::string line;
  for (const Cell& cell : row.cells) {
    if (!cell.text.empty()) absl::StrAppend(&line, line.empty() ? "" : "  ", cell.text);
  }
  invocation.terminal.out << line << "\n";
}

}  // namespace shardd::shardctl
