#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/shardctl/exit_code.h"
#include "client/shardctl/interrupt.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_daemon.h"

namespace shardd::shardctl {

// What one run of shardctl left behind.
struct Ran {
  int exit_code = 0;
  std::string out;
  std::string err;

  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

// Runs shardctl in this process against a daemon of the test's own.
struct Shardctl {
  Ran Run(const std::vector<std::string>& args);

  client::FakeDaemon daemon;
  client::JumpingClock jumping_clock;
  // What commands see of time.
  client::Clock* clock = &jumping_clock;
  Interrupt interrupt;
  std::string input;
  bool terminal = false;
  // SHARDCTL_ENDPOINTS names the daemon, unless set here.
  std::map<std::string, std::string> environment;
};

}  // namespace shardd::shardctl
