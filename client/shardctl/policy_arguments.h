#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "shardd/v1/load_balancing.pb.h"

namespace shardd::shardctl {

// Reads KEY=VALUE words; the keys are the fields of BalancingPolicy. Each at most once.
absl::StatusOr<v1::BalancingPolicy> PolicyFrom(const std::vector<std::string>& words);

// The fields that are set, as PolicyFrom reads them.
std::vector<std::pair<std::string, std::string>> FieldsOf(const v1::BalancingPolicy& policy);

}  // namespace shardd::shardctl
