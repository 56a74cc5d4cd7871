#include "client/shardctl/balancing_notices.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/shardctl/present.h"
#include "client/shardctl/present_balancing.h"

namespace shardd::shardctl {
namespace {

// How many times the threshold its load is; 0 if there is none.
double TimesThreshold(const v1::BalancingInputs& inputs) {
  return inputs.threshold() > 0 ? inputs.load() / inputs.threshold() : 0;
}

bool IsHot(const v1::ShardLoad& shard) { return TimesThreshold(shard.inputs()) > 1; }

bool IsCold(const v1::ShardLoad& shard) {
  switch (shard.reason()) {
    case v1::BALANCING_REASON_BOTH_COLD:
    case v1::BALANCING_REASON_NEEDS_ONE_HOME:
    case v1::BALANCING_REASON_PART_OF_MERGE:
    case v1::BALANCING_REASON_TOO_YOUNG_TO_MERGE:
    case v1::BALANCING_REASON_PEAK_NOT_KNOWN:
    case v1::BALANCING_REASON_NEIGHBOUR_NOT_READY:
    case v1::BALANCING_REASON_FEWEST_SHARDS:
    case v1::BALANCING_REASON_TOO_LARGE_TOGETHER:
      return true;
    case v1::BALANCING_REASON_PAUSED:
    case v1::BALANCING_REASON_BUDGET_SPENT:
      // What it wants to do with one that is not hot is to merge it.
      return !IsHot(shard);
    default:
      return false;
  }
}

// Why a hot shard stays as it is although the balancer may act, or empty if it only takes time.
std::string WhyLeftAlone(const v1::GetLoadResponse& load, const v1::ShardLoad& shard) {
  switch (shard.reason()) {
    case v1::BALANCING_REASON_PINNED:
      return "it is pinned";
    case v1::BALANCING_REASON_NO_BALANCED_KEY:
      return "no key leaves two like parts";
    case v1::BALANCING_REASON_REQUESTS_SPAN_CUTS:
      return "most requests span the keys it could be cut at";
    case v1::BALANCING_REASON_TOO_MANY_SHARDS:
      return "there would be more shards than allowed";
    case v1::BALANCING_REASON_WITHIN_THRESHOLD:
      // Of its own threshold, which is not one of load.
      return absl::StrCat("the policy ", load.policy(), " does not split by load");
    default:
      return "";
  }
}

std::string HeatOf(const v1::ShardLoad& shard) {
  const std::string hot = absl::StrCat(shard.route().shard_id(), " is hot");
  if (!IsHot(shard)) return hot;
  return absl::StrFormat("%s, %.1f times the threshold", hot, TimesThreshold(shard.inputs()));
}

std::string HotAccountMessage(const v1::ShardLoad& shard) {
  if (!shard.has_hot_account()) {
    return absl::StrCat(HeatOf(shard), ": one account makes it; a split will not help");
  }
  const v1::HotAccount& hot = shard.hot_account();
  return absl::StrFormat("%s: one account, %s, makes %.0f%% of it; a split will not help",
                         HeatOf(shard), AccountName(hot.account()), hot.share() * 100);
}

BalancingNotice NotBalanced(const v1::GetLoadResponse& load, const v1::ShardLoad& shard) {
  const std::string id = shard.route().shard_id();
  const std::string split = absl::StrCat("shardctl shard split ", id);
  const std::string state = BalancerState(load);
  BalancingNotice notice{"hot_not_balanced", id, "", split};
  if (state == "off") {
    notice.message = "balancing is off (balancing.enabled)";
  } else if (state == "paused") {
    notice.message =
        absl::StrCat("balancing is paused until ", TimeCell(true, load.paused_until()).text);
    notice.next_command = "shardctl balancer resume";
  } else {
    notice.message = "the policy manual leaves it to you";
  }
  notice.message = absl::StrCat(HeatOf(shard), ", and ", notice.message);
  return notice;
}

std::optional<BalancingNotice> NoticeOf(const v1::GetLoadResponse& load,
                                        const v1::ShardLoad& shard) {
  const std::string id = shard.route().shard_id();
  const std::string explain = absl::StrCat("shardctl balancer explain ", id);
  if (shard.reason() == v1::BALANCING_REASON_SPLIT_WILL_NOT_HELP) {
    return BalancingNotice{"hot_account", id, HotAccountMessage(shard), explain};
  }
  if (!IsHot(shard)) return std::nullopt;
  if (BalancerState(load) != "active") return NotBalanced(load, shard);
  const std::string why = WhyLeftAlone(load, shard);
  if (why.empty()) return std::nullopt;
  return BalancingNotice{"hot_left_alone", id,
                         absl::StrCat(HeatOf(shard), ", and is left alone: ", why), explain};
}

}  // namespace

HeatCounts CountHeat(const v1::GetLoadResponse& load) {
  HeatCounts counts;
  size_t cold = 0;
  for (const v1::ShardLoad& shard : load.shards()) {
    if (IsHot(shard)) ++counts.hot;
    if (IsCold(shard)) ++cold;
  }
  if (load.policy() != "manual") counts.cold = cold;
  return counts;
}

std::vector<BalancingNotice> NoticesOf(const v1::GetLoadResponse& load) {
  std::vector<const v1::ShardLoad*> shards;
  for (const v1::ShardLoad& shard : load.shards()) shards.push_back(&shard);
  std::stable_sort(shards.begin(), shards.end(),
                   [](const v1::ShardLoad* a, const v1::ShardLoad* b) {
                     return TimesThreshold(a->inputs()) > TimesThreshold(b->inputs());
                   });
  std::vector<BalancingNotice> notices;
  for (const v1::ShardLoad* const shard : shards) {
    if (auto notice = NoticeOf(load, *shard); notice.has_value()) {
      notices.push_back(*std::move(notice));
    }
  }
  return notices;
}

Json NoticesJson(const std::vector<BalancingNotice>& notices) {
  Json json = Json::array();
  for (const BalancingNotice& notice : notices) {
    json.push_back({{"kind", notice.kind},
                    {"shard", notice.shard},
                    {"message", notice.message},
                    {"next_command", notice.next_command}});
  }
  return json;
}

}  // namespace shardd::shardctl
