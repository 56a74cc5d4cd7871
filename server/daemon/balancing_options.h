#pragma once

#include "server/config/config.h"
#include "server/runtime/balancer.h"

namespace shardd {

// How the daemon begins to balance; what the configuration does not name is as the balancer has it.
Balancer::Options BalancingOptionsOf(const Config& config);

}  // namespace shardd
