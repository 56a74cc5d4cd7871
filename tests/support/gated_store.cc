#include "tests/support/gated_store.h"

#include <utility>

namespace shardd {

void GatedStore::Shut() {
  MutexLock lock(mutex_);
  shut_ = true;
  arrived_ = 0;
  let_through_.clear();
}

void GatedStore::Open() {
  MutexLock lock(mutex_);
  shut_ = false;
  changed_.NotifyAll();
}

void GatedStore::WaitForArrivals(size_t count) {
  MutexLock lock(mutex_);
  while (arrived_ < count) changed_.Wait(mutex_);
}

void GatedStore::LetThrough(size_t number) {
  MutexLock lock(mutex_);
  let_through_.insert(number);
  changed_.NotifyAll();
}

absl::Status GatedStore::Commit(const storage::WriteSet& writes) {
  {
    MutexLock lock(mutex_);
    const size_t number = ++arrived_;
    changed_.NotifyAll();
    while (shut_ && !let_through_.contains(number)) changed_.Wait(mutex_);
  }
  return base_.Commit(writes);
}

void GatedStore::ShutCompactions() {
  MutexLock lock(mutex_);
  compactions_shut_ = true;
}

void GatedStore::OpenCompactions() {
  MutexLock lock(mutex_);
  compactions_shut_ = false;
  changed_.NotifyAll();
}

void GatedStore::WaitForCompaction() {
  MutexLock lock(mutex_);
  while (!compaction_waits_) changed_.Wait(mutex_);
}

absl::StatusOr<bool> GatedStore::Get(storage::Family family, absl::string_view key,
                                     std::string* value) const {
  on_get_();
  return base_.Get(family, key, value);
}
std::unique_ptr<storage::Cursor> GatedStore::NewCursor(storage::Family family,
                                                       storage::KeyBounds bounds) const {
  return base_.NewCursor(family, std::move(bounds));
}
std::unique_ptr<storage::Reader> GatedStore::Snapshot() const { return base_.Snapshot(); }
std::vector<storage::Family> GatedStore::Homes() const { return base_.Homes(); }
absl::Status GatedStore::CreateHome(storage::Family home) { return base_.CreateHome(home); }
absl::Status GatedStore::DropHome(storage::Family home) { return base_.DropHome(home); }
absl::Status GatedStore::CompactRange(storage::Family home, storage::KeyBounds bounds,
                                      std::atomic<bool>& cancelled) {
  {
    MutexLock lock(mutex_);
    compaction_waits_ = true;
    changed_.NotifyAll();
    while (compactions_shut_) changed_.Wait(mutex_);
    compaction_waits_ = false;
  }
  return base_.CompactRange(home, std::move(bounds), cancelled);
}
void GatedStore::HoldBackgroundWork() {
  {
    MutexLock lock(mutex_);
    background_calls_ += 'h';
  }
  base_.HoldBackgroundWork();
}
void GatedStore::ResumeBackgroundWork() {
  {
    MutexLock lock(mutex_);
    background_calls_ += 'r';
  }
  base_.ResumeBackgroundWork();
}
std::string GatedStore::background_calls() const {
  MutexLock lock(mutex_);
  return background_calls_;
}
absl::StatusOr<uint64_t> GatedStore::ApproximateBytes(storage::Family family,
                                                      storage::KeyBounds bounds) const {
  return base_.ApproximateBytes(family, std::move(bounds));
}
absl::Status GatedStore::Health() const { return base_.Health(); }
absl::StatusOr<storage::SpaceUsage> GatedStore::Space() const { return base_.Space(); }
absl::Status GatedStore::Close() { return base_.Close(); }

}  // namespace shardd
