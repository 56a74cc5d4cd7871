#pragma once

#include "server/load_balancing_service/balancing_policy.h"

namespace shardd {

// Leaves every change to the operator.
class ManualPolicy final : public BalancingPolicy {
 public:
  absl::string_view name() const override { return "manual"; }
  bool acts() const override { return false; }
  SplitNeed NeedOf(const ShardSnapshot&, const BalancingConfig&, const LoadScale&) const override {
    return SplitNeed{};
  }
  SplitChoice ChooseSplit(const ShardSnapshot&, const BalancingConfig&) const override {
    return SplitChoice{};
  }
};

}  // namespace shardd
