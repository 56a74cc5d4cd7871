#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/paginator.h"
#include "client/shardctl/command.h"
#include "client/shardctl/rows.h"

namespace shardd::shardctl {

// How much of a list to show.
struct PageOptions {
  int limit = 50;
  std::string token;
  bool all = false;
  // Only data, no words on standard error: for a list that is shown again and again.
  bool quiet = false;
};

// The --limit, --page-token and --all options.
void AddPageOptions(CLI::App* app, PageOptions* options);

// Puts the page options into a list request.
template <typename Request>
void SetPage(const PageOptions& options, Request& request) {
  constexpr int kPageMax = 1000;
  request.set_page_size(options.all ? kPageMax : options.limit);
  request.set_page_token(options.token);
}

// Writes one page, or all that follow; `add` turns a page into rows. Says on standard error how to
// go on, and in JSON as next_page_token. Empty pages are passed over.
template <typename Request, typename Response, typename AddRows>
absl::StatusOr<ExitCode> WritePages(Invocation& invocation, const PageOptions& options,
                                    client::Paginator<Request, Response> pages, RowWriter writer,
                                    AddRows add) {
  size_t rows = 0;
  while (options.all || rows == 0) {
    auto page = pages.Next();
    if (!page.ok()) return page.status();
    if (!page->has_value()) break;
    if (invocation.interrupt.requested()) return absl::CancelledError("interrupted");
    rows += add(**page, writer);
  }
  Json more = Json::object();
  if (!options.all) more["next_page_token"] = pages.page_token();
  writer.Finish(more);
  if (options.quiet) return kOk;
  if (!options.all && !pages.page_token().empty()) {
    invocation.Note(absl::StrCat("More: --page-token ", pages.page_token(), ", or --all"));
  }
  if (rows == 0 && !invocation.machine_readable()) invocation.Note("Nothing found.");
  return kOk;
}

}  // namespace shardd::shardctl
