#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/http/server.h"

namespace shardd::http {

// One thing that must be so for the daemon to take calls.
struct ReadyCheck {
  std::string name;
  bool ok = false;
  std::string reason;  // why it is not so; for people
};

// The pages of the HTTP port.
//
//   /livez     200 while the process answers at all. Depends on nothing: a daemon that is slow,
//   full
//              or draining must not be restarted for it.
//   /readyz    200 if all checks are ok, else 503. "?verbose" lists every check, with reasons.
//   /metrics   Prometheus text.
//
// Thread safety: safe if the two functions are.
class AdminPages {
 public:
  AdminPages(std::function<std::vector<ReadyCheck>()> checks, std::function<std::string()> metrics)
      : checks_(std::move(checks)), metrics_(std::move(metrics)) {}

  Response operator()(const Request& request) const;

 private:
  Response Ready(bool verbose) const;

  std::function<std::vector<ReadyCheck>()> checks_;
  std::function<std::string()> metrics_;
};

}  // namespace shardd::http
