#include "server/load_balancing_service/balancing_policy.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/load_balancing_service/load_policy.h"
#include "server/load_balancing_service/manual_policy.h"
#include "server/load_balancing_service/size_policy.h"

namespace shardd {
namespace {

const std::array<const BalancingPolicy*, 3>& Policies() {
  static const LoadPolicy load;
  static const SizePolicy size;
  static const ManualPolicy manual;
  static const std::array<const BalancingPolicy*, 3> policies = {&load, &size, &manual};
  return policies;
}

}  // namespace

absl::StatusOr<const BalancingPolicy*> FindBalancingPolicy(absl::string_view name) {
  for (const BalancingPolicy* policy : Policies()) {
    if (policy->name() == name) return policy;
  }
  return InvalidField("policy", absl::StrCat("is no balancing policy; it must be one of ",
                                             absl::StrJoin(BalancingPolicyNames(), ", ")));
}

std::vector<absl::string_view> BalancingPolicyNames() {
  std::vector<absl::string_view> names;
  for (const BalancingPolicy* policy : Policies()) names.push_back(policy->name());
  return names;
}

}  // namespace shardd
