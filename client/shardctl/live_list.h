#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "client/shardctl/live_screen.h"
#include "client/shardctl/paging.h"

namespace shardd::shardctl {

// How much of a list to show, and whether again and again.
struct LiveListOptions {
  PageOptions page;
  LiveOptions live;
};

// The options of both.
inline void AddLiveListOptions(CLI::App* app, LiveListOptions* options) {
  AddPageOptions(app, &options->page);
  AddWatchOptions(app, &options->live);
}

// What a list is of: its name in JSON, such as "accounts", its columns, and which one -o name
// prints.
struct ListKind {
  std::string name;
  std::vector<Column> columns;
  size_t name_column = 0;
};

// Writes a list as its pages come; with --watch again and again, as ShowLive. `begin` gives the
// pages from the first one on, `add` turns one into rows.
template <typename BeginPages, typename AddRows>
absl::StatusOr<ExitCode> ShowPages(Invocation& invocation, const LiveListOptions& options,
                                   const ListKind& kind, BeginPages begin, AddRows add) {
  if (options.live.interval == absl::ZeroDuration()) {
    return WritePages(invocation, options.page, begin(),
                      invocation.Rows(kind.name, kind.columns, kind.name_column), add);
  }
  PageOptions page = options.page;
  page.quiet = true;
  LiveView view;
  view.draw = [&](const TerminalSize&, std::ostream& out) {
    RowWriter writer(out, invocation.rows_options(), kind.name, kind.columns, kind.name_column);
    return WritePages(invocation, page, begin(), std::move(writer), add).status();
  };
  return ShowLive(invocation, options.live, view);
}

}  // namespace shardd::shardctl
