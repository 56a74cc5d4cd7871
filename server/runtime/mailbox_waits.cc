#include "server/runtime/mailbox_waits.h"

#include "server/base/histogram_bucket.h"

namespace shardd {

void MailboxWaits::Add(const MailboxWaits& other) {
  for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  sum += other.sum;
}

void MailboxWaitCounter::Count(uint64_t requests, absl::Duration oldest) {
  buckets_[BucketOf(kMailboxWaitBuckets, oldest)].fetch_add(requests, std::memory_order_relaxed);
  const double seconds = absl::ToDoubleSeconds(oldest) * static_cast<double>(requests);
  sum_seconds_.store(sum_seconds_.load(std::memory_order_relaxed) + seconds,
                     std::memory_order_relaxed);
}

MailboxWaits MailboxWaitCounter::Read() const {
  MailboxWaits waits;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    waits.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  }
  waits.sum = absl::Seconds(sum_seconds_.load(std::memory_order_relaxed));
  return waits;
}

}  // namespace shardd
