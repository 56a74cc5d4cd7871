#include "tests/client/shardctl/shardctl_run.h"

#include <sstream>

#include "client/shardctl/app.h"

namespace shardd::shardctl {

Ran Shardctl::Run(const std::vector<std::string>& args) {
  std::istringstream in(input);
  std::ostringstream out, err;
  Terminal seen{in, out, err};
  seen.in_is_tty = seen.out_is_tty = seen.err_is_tty = terminal;
  seen.environment = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found != environment.end()) return found->second;
    if (name == "SHARDCTL_ENDPOINTS") return daemon.endpoint();
    return std::nullopt;
  };
  Ran ran;
  ran.exit_code = RunShardctl(args, seen, interrupt, *clock);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

}  // namespace shardd::shardctl
