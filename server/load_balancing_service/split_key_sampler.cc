#include "server/load_balancing_service/split_key_sampler.h"

#include "server/base/check.h"
#include "server/load_balancing_service/limits.h"

namespace shardd {

SplitKeySampler::SplitKeySampler(KeyRange range, uint64_t seed, absl::Time now)
    : range_(range), random_(seed) {
  sample_.candidates.reserve(limits::kSplitCandidates);
  Restart(now);
}

void SplitKeySampler::Restart(absl::Time now) {
  sample_.since = now;
  sample_.until = now;
  sample_.requests = 0;
  sample_.candidates.clear();
}

void SplitKeySampler::RecordSpan(absl::Time now, const Target& first, const Target& last) {
  SHARDD_CHECK(first.key <= last.key);
  if (!range_.Contains(first.key) || !range_.Contains(last.key)) return;
  if (now - sample_.since > limits::kSampleAgeMax) Restart(now);
  sample_.until = now;
  ++sample_.requests;
  Count(first.key, last.key);
  const bool spans = first.key != last.key;
  Draw(spans && random_.OneIn(2) ? last : first);
}

void SplitKeySampler::Count(RoutingKey first, RoutingKey last) {
  for (SplitCandidate& candidate : sample_.candidates) {
    if (last < candidate.key) {
      candidate.left += 2;
    } else if (first > candidate.key) {
      candidate.right += 2;
    } else if (first == last) {
      candidate.at += 2;
    } else {
      ++candidate.left;
      ++candidate.right;
      ++candidate.contained;
    }
  }
}

void SplitKeySampler::Draw(const Target& target) {
  if (sample_.candidates.size() < limits::kSplitCandidates) {
    sample_.candidates.push_back(SplitCandidate{target.account, target.key});
    return;
  }
  const uint64_t slot = random_.Below(sample_.requests);
  if (slot < limits::kSplitCandidates) {
    sample_.candidates[slot] = SplitCandidate{target.account, target.key};
  }
}

}  // namespace shardd
