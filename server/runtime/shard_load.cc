#include "server/runtime/shard_load.h"

#include <utility>

#include "server/load_balancing_service/limits.h"

namespace shardd {

uint64_t ShardLoadMeter::NextGap() { return 1 + random_.Below(2 * limits::kRequestsPerSample - 1); }

void ShardLoadMeter::LookAt(const std::vector<std::vector<ShardRequest>>& items) {
  if (requests_to_next_ == 0) requests_to_next_ = NextGap();
  for (const std::vector<ShardRequest>& item : items) {
    uint64_t passed = 0;
    while (item.size() - passed >= requests_to_next_) {
      passed += requests_to_next_;
      const AccountRef* const account = AccountOf(item[passed - 1].body);
      if (account != nullptr) Keep(*account);
      requests_to_next_ = NextGap();
    }
    requests_to_next_ -= item.size() - passed;
  }
}

void ShardLoadMeter::Add(const Work& work) {
  operations_.fetch_add(work.operations, kRelaxed);
  busy_ns_.fetch_add(absl::ToInt64Nanoseconds(work.busy), kRelaxed);
  mailbox_wait_ns_.fetch_add(absl::ToInt64Nanoseconds(work.mailbox_wait), kRelaxed);
  bytes_.fetch_add(work.bytes, kRelaxed);
}

void ShardLoadMeter::AddRead(const AccountRef& account, uint64_t bytes) {
  operations_.fetch_add(limits::kRequestsPerSample, kRelaxed);
  bytes_.fetch_add(bytes * limits::kRequestsPerSample, kRelaxed);
  Keep(account);
}

void ShardLoadMeter::Keep(const AccountRef& account) {
  Sample sample{account, account.routing_key()};
  MutexLock lock(mutex_);
  if (offered_++ % stride_ != 0) return;
  samples_.push_back(std::move(sample));
  if (samples_.size() < limits::kMeterSamplesMax) return;
  // Half of them, evenly; and half as many from now on.
  for (size_t i = 1; i < samples_.size() / 2; ++i) samples_[i] = std::move(samples_[2 * i]);
  samples_.resize(samples_.size() / 2);
  stride_ *= 2;
  offered_ = 0;
}

ShardLoadMeter::Reading ShardLoadMeter::Read() const {
  Reading reading;
  reading.operations = operations_.load(kRelaxed);
  reading.busy = absl::Nanoseconds(busy_ns_.load(kRelaxed));
  reading.mailbox_wait = absl::Nanoseconds(mailbox_wait_ns_.load(kRelaxed));
  reading.bytes = bytes_.load(kRelaxed);
  return reading;
}

std::vector<ShardLoadMeter::Sample> ShardLoadMeter::TakeSamples() {
  std::vector<Sample> taken;
  MutexLock lock(mutex_);
  taken.swap(samples_);
  offered_ = 0;
  stride_ = 1;
  return taken;
}

bool IsReadMeasured() {
  // Of each thread its own, begun apart from the others'.
  thread_local Random random(reinterpret_cast<uintptr_t>(&random));
  thread_local uint64_t reads_to_next = 1 + random.Below(limits::kRequestsPerSample);
  if (--reads_to_next > 0) return false;
  reads_to_next = 1 + random.Below(2 * limits::kRequestsPerSample - 1);
  return true;
}

}  // namespace shardd
