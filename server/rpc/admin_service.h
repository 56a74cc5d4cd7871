#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/rpc/call_service.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "shardd/v1/admin.pb.h"

namespace shardd::rpc {

// A value of the configuration in force, for operators; secrets are masked already.
struct ConfigEntry {
  std::string key;
  std::string value;
  std::string origin;
  std::string help;
};

// What the daemon says about itself.
struct DaemonFacts {
  std::string version;
  std::string instance_id;
  std::string listen;  // host:port
  bool insecure = false;
  absl::Time start_time;
  std::vector<ConfigEntry> config;
};

// How the daemon is, and why.
v1::StatusResponse StatusOf(const DaemonFacts& facts, const CallContext& context,
                            const ThreadRegistry& threads);

// shardd.v1.AdminService.
class AdminService final : public CallService {
 public:
  // All must outlive the service.
  AdminService(CallContext& context, const DaemonFacts& facts, const ThreadRegistry& threads);
};

}  // namespace shardd::rpc
