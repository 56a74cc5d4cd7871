#include "client/shardctl/paging.h"

namespace shardd::shardctl {

void AddPageOptions(CLI::App* app, PageOptions* options) {
  app->add_option("--limit", options->limit, "How many to show, 1 to 1000 (default 50).")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  app->add_option("--page-token", options->token,
                  "Go on where an earlier list ended: the token that it printed.")
      ->type_name("TOKEN");
  app->add_flag("--all", options->all, "Show all of them.");
}

}  // namespace shardd::shardctl
